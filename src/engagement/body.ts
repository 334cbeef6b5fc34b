import { isDeepStrictEqual } from 'node:util';
import type { UpstreamBody } from '../upstream/attempt.ts';

/** Upstream's body, parsed as far as possible. */
export type ReadBody =
  | { readonly kind: 'empty' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'streaming' }
  | { readonly kind: 'unreadable'; readonly why: string };

const whyUnreadable = {
  'too-large': 'it is larger than MAX_UPSTREAM_BYTES',
  'too-dense': 'it has too many commas and brackets for its size',
  interrupted: 'the connection broke before its end',
  timeout: 'it did not arrive in time',
  encoded: 'it is compressed, which was not requested',
};

/** 2^53 has 16 digits: shorter numbers are exact. Repeated, since the search skips 16 characters at a time only without a counter. */
const longNumber = new RegExp(`(?:^|[-:,[\\s])${'\\d'.repeat(16)}`);

/** Keeps all digits of a long integer, as a string. Such numbers are ids, for example Zoho's. */
function keepDigits(_key: string, value: unknown, { source }: { source?: string }): unknown {
  const isInexact = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isInexact && source !== undefined && /^-?\d+$/.test(source) ? source : value;
}

/** Parses JSON of Truto's, with all digits of long integers. @throws {SyntaxError} */
export function parseTrutoJson(text: string): unknown {
  // A reviver costs a call per value. TypeScript's type for it lacks the third parameter.
  return longNumber.test(text) ? JSON.parse(text, keepDigits as () => unknown) : JSON.parse(text);
}

/** Deeper than any record, and not deep enough to overflow the stack of `JSON.stringify`. */
const maxDepth = 200;

/** True for a value with objects or lists inside each other on more levels than that. */
export function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth === 0) return true;
  // `for … in` takes five times as long.
  for (const item of Array.isArray(value) ? value : Object.values(value))
    if (typeof item === 'object' && isDeeperThan(item, depth - 1)) return true;
  return false;
}

/** True if the JSON may be too deep, by its number of brackets. Counting them costs less than visiting every value. */
function hasManyBrackets(text: string): boolean {
  let count = 0;
  for (const bracket of ['[', '{'])
    for (let index = text.indexOf(bracket); index >= 0; index = text.indexOf(bracket, index + 1)) {
      count += 1;
      if (count > maxDepth) return true;
    }
  return false;
}

/** Parses a collected body as JSON, or else as text, without a byte order mark. A streaming body is returned unread. */
export function readBody(body: UpstreamBody): ReadBody {
  if (body.kind === 'unreadable') return { kind: 'unreadable', why: whyUnreadable[body.reason] };
  if (body.kind === 'streaming') return body;
  const text = body.bytes.toString('utf8').replace(/^\uFEFF/, '');
  if (text.trim() === '') return { kind: 'empty' };
  try {
    const value = parseTrutoJson(text);
    const isTooDeep = hasManyBrackets(text) && isDeeperThan(value, maxDepth);
    return isTooDeep ? { kind: 'unreadable', why: 'it is nested too deeply' } : { kind: 'json', value };
  } catch {
    return { kind: 'text', value: text };
  }
}

/** True for a JSON object: not for a list, a plain value or null. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));

/** True for values with the same JSON, in any order of the keys. */
export function isSameJson(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(asJson(one), asJson(other));
}
