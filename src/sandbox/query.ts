import qs from 'qs';
import { engagementSorts, engagementTypes, responseFormats } from '../engagement/input.ts';
import type { SandboxAccount } from './accounts.ts';
import { type AnswerShape, invalidParameter, missing, Refusal } from './answer.ts';

/** A parsed query string: strings, arrays and objects without a prototype. */
export type Query = Readonly<Record<string, unknown>>;

/** Numbers the items of `a[][b]=c`, the form of Truto's Python SDK. A repeated name begins the next item; qs would merge them all. */
function numberItems(text: string): string {
  const last = new Map<string, { index: number; readonly names: Set<string> }>();
  return text.replace(/[^&]+/g, (parameter) => {
    const end = parameter.indexOf('=') < 0 ? parameter.length : parameter.indexOf('=');
    const key = parameter.slice(0, end).replace(/%5B/gi, '[').replace(/%5D/gi, ']');
    const [whole, list = '', name = ''] = /^([^[\]]+)\[\](\[[^\]]+\])/.exec(key) ?? [];
    if (whole === undefined) return parameter;
    const item = last.get(list) ?? { index: 0, names: new Set() };
    last.set(list, item);
    // `a[][b][]=x` continues the list in the item.
    if (item.names.has(name) && !key.endsWith('[]')) {
      item.index += 1;
      item.names.clear();
    }
    item.names.add(name);
    return `${list}[${item.index}]${key.slice(list.length + 2)}${parameter.slice(end)}`;
  });
}

/**
 * Parses a query as Truto documents it: `a=x`, `a[]=x`, `a[0]=x`, `a[b]=c`, `a[0][b]=c`, `a[][b]=c`. Refuses with
 * 400 beyond a limit. qs would drop parameters, turn arrays into objects or leave brackets in a key, and hide the client's mistake.
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

/** True for an object that is not an array: the form of `a[b]=c`. */
export function isQueryObject(value: unknown): value is Query {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string parameter. An empty one counts as absent, since Truto's TypeScript SDK sends null as an empty string. */
export function readString(query: Query, name: string): string | undefined {
  const value = query[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') throw invalidParameter(name, 'must be a string');
  return value;
}

/** A string parameter that is one of `choices`. */
export function readChoice<T extends string>(query: Query, name: string, choices: readonly T[]): T | undefined {
  const value = readString(query, name);
  const choice = choices.find((candidate) => candidate === value);
  if (value !== undefined && choice === undefined) {
    throw invalidParameter(name, `must be one of: ${choices.join(', ')}`);
  }
  return choice;
}

/** A list parameter, as brackets (`a[]=x`, `a[0]=x`) or separated by commas; empty when absent. */
function readList(query: Query, name: string): readonly string[] {
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

/** The milliseconds since 1970 of an ISO 8601 date; without an offset it is in UTC [inferred]. Refuses any other form. */
export function parseDate(value: unknown, name: string): number {
  const parts = typeof value === 'string' ? dateForm.exec(value) : null;
  const isLocal = parts?.groups?.time !== undefined && parts.groups.offset === undefined;
  const milliseconds = parts === null ? Number.NaN : Date.parse(isLocal ? `${parts[0]}Z` : parts[0]);
  if (Number.isNaN(milliseconds)) throw invalidParameter(name, 'must be an ISO 8601 date and time');
  return milliseconds;
}

/** Reads the parameters that determine the form of the response. */
export function readAnswerShape(query: Query): AnswerShape {
  return {
    format: readChoice(query, 'truto_response_format', responseFormats) ?? 'unified',
    ignoresRemoteData: readChoice(query, 'truto_ignore_remote_data', ['true', 'false']) === 'true',
    excludedFields: new Set(readList(query, 'truto_exclude_fields')),
  };
}

/** The values of `engagement_type` in reads: their pages list `task` besides the types of the delete page. */
export const readableTypes = [...engagementTypes, 'task'] as const;

/**
 * Reads `engagement_type`. Where the documentation says so, a delete requires a type from the integration's own list. Elsewhere any
 * documented type is accepted and has no effect. The get page says that eight integrations require it, but does not name them. That
 * the six which require it on delete are among them is [inferred].
 */
export function readType(query: Query, { rule }: SandboxAccount, method: 'get' | 'delete'): string | undefined {
  const isRequired = rule?.requiresEngagementType === true;
  const deletable = isRequired ? rule.engagementTypes : engagementTypes;
  const type = readChoice<string>(query, 'engagement_type', method === 'get' ? readableTypes : deletable);
  if (type === undefined && isRequired) throw missing('query_parameter', ['engagement_type']);
  return type;
}

/** Checks the form of a delete's other parameters. Valid ones have no effect: what Planhat does with them is NOT FOUND. */
export function checkDeleteParameters(query: Query, { rule }: SandboxAccount, type: string | undefined): void {
  readSort(query);
  for (const name of ['status', 'content', 'subject', 'direction']) readString(query, name);
  for (const name of ['created_at', 'updated_at']) {
    if (readString(query, name) !== undefined) parseDate(query[name], name);
  }
  for (const name of ['content', 'subject'] as const) {
    // "Only when the type is email" is documented. That Truto refuses otherwise, and only where the parameter counts, is [inferred].
    const counts = rule?.parameters.includes(name) && readString(query, name) !== undefined;
    if (counts && type !== undefined && type !== 'email') {
      throw invalidParameter(name, 'may only be set when engagement_type is email');
    }
  }
  checkReference(query.account, 'account');
  const contacts = query.contact ?? '';
  if (contacts !== '' && !Array.isArray(contacts)) {
    throw invalidParameter('contact', 'must be an array of objects');
  }
  for (const contact of contacts) checkReference(contact, 'contact');
  checkRemoteQuery(query);
}

function checkReference(value: unknown = '', name: string): void {
  const isReference = isQueryObject(value) && (value.id === undefined || typeof value.id === 'string');
  if (value !== '' && !isReference) {
    throw invalidParameter(name, 'must be an object with a string id');
  }
}

/** Checks that `remote_query` is an object. Its content is for the provider. */
export function checkRemoteQuery({ remote_query: value = '' }: Query): void {
  if (value !== '' && !isQueryObject(value)) throw invalidParameter('remote_query', 'must be an object');
}

/** The order of a list. */
export type ListOrder = { readonly field: string; readonly isDescending: boolean };

/** Reads `sort_by`: a field (the delete page), or an object of field and direction (the list pages). */
export function readSort(query: Query): ListOrder | undefined {
  const given = isQueryObject(query.sort_by) ? Object.entries(query.sort_by) : [[query.sort_by, 'asc'] as const];
  const [[name, direction] = ['', ''], ...others] = given;
  if (others.length > 0) throw invalidParameter('sort_by', 'must name one field');
  const field = readChoice({ sort_by: name }, 'sort_by', engagementSorts);
  const isDescending = readChoice({ sort_by: direction }, 'sort_by', ['asc', 'desc']) === 'desc';
  return field && { field, isDescending };
}
