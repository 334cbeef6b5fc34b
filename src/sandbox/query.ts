import qs from 'qs';
import { invalidParameter, Refusal } from './answer.ts';

/** A parsed query string: strings, arrays and objects without a prototype. */
export type Query = Readonly<Record<string, unknown>>;

/** Numbers the items of `a[][b]=c`, as Truto's Python SDK sends them; a name that an item has begins the next. qs makes one of all. */
function numberItems(text: string): string {
  const last = new Map<string, { index: number; readonly names: Set<string> }>();
  return text.replace(/[^&]+/g, (parameter) => {
    const end = parameter.indexOf('=') < 0 ? parameter.length : parameter.indexOf('=');
    const key = parameter.slice(0, end).replace(/%5B/gi, '[').replace(/%5D/gi, ']');
    const [whole, list = '', name = ''] = /^([^[\]]+)\[\](\[[^\]]+\])/.exec(key) ?? [];
    if (whole === undefined) return parameter;
    const item = last.get(list) ?? { index: 0, names: new Set() };
    last.set(list, item);
    // `a[][b][]=x` goes on with the list in the item.
    if (item.names.has(name) && !key.endsWith('[]')) {
      item.index += 1;
      item.names.clear();
    }
    item.names.add(name);
    return `${list}[${item.index}]${key.slice(list.length + 2)}${parameter.slice(end)}`;
  });
}

/**
 * Parses a query as Truto documents it: `a=x`, `a[]=x`, `a[0]=x`, `a[b]=c`, `a[0][b]=c`, `a[][b]=c`. Beyond a limit it refuses with
 * 400, where qs would drop parameters, turn arrays into objects or leave brackets in a key, and hide a mistake of the client.
 */
export function parseQuery(text: string): Query {
  try {
    return qs.parse(numberItems(text), {
      plainObjects: true,
      depth: 20,
      strictDepth: true,
      parameterLimit: 5000,
      arrayLimit: 1000,
      throwOnLimitExceeded: true,
    });
  } catch (error) {
    throw new Refusal(400, `The query string cannot be read: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}

/** True for an object that is no array: what `a[b]=c` becomes. */
export function isQueryObject(value: unknown): value is Query {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string parameter. Absent and empty are the same, since Truto's TypeScript SDK sends null as an empty string. */
export function readString(query: Query, name: string): string | undefined {
  const value = query[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') throw invalidParameter(name, 'must be a string');
  return value;
}

/** A string parameter out of a closed list. */
export function readChoice<T extends string>(query: Query, name: string, choices: readonly T[]): T | undefined {
  const value = readString(query, name);
  const choice = choices.find((candidate) => candidate === value);
  if (value !== undefined && choice === undefined) {
    throw invalidParameter(name, `must be one of: ${choices.join(', ')}`);
  }
  return choice;
}

/** A list parameter, as brackets (`a[]=x`, `a[0]=x`) or separated by commas; empty when absent. */
export function readList(query: Query, name: string): readonly string[] {
  const value = query[name] ?? '';
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  return items
    .flatMap((item) => {
      if (typeof item !== 'string') throw invalidParameter(name, 'must be an array of strings');
      return item.split(',');
    })
    .filter((item) => item !== '');
}

const dateForm = /^\d{4}-\d{2}-\d{2}(?<time>T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(?<offset>Z|[+-]\d{2}:?\d{2})?)?$/;

/** The milliseconds since 1970 of an ISO 8601 date, in UTC without an offset [inferred]. Refuses anything else. */
export function parseDate(value: unknown, name: string): number {
  const parts = typeof value === 'string' ? dateForm.exec(value) : null;
  const isLocal = parts?.groups?.time !== undefined && parts.groups.offset === undefined;
  const milliseconds = parts === null ? Number.NaN : Date.parse(isLocal ? `${parts[0]}Z` : parts[0]);
  if (Number.isNaN(milliseconds)) throw invalidParameter(name, 'must be an ISO 8601 date and time');
  return milliseconds;
}
