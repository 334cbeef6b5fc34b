import type { UpstreamBody } from '../upstream/attempt.ts';

/** Upstream's body, read as far as possible. */
export type ReadBody =
  | { readonly kind: 'empty' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'streaming' }
  | { readonly kind: 'unreadable'; readonly why: string };

const whyUnreadable = {
  'too-large': 'it is larger than MAX_UPSTREAM_BYTES',
  interrupted: 'the connection broke in the middle of it',
  timeout: 'it did not end in time',
  encoded: 'it is compressed, although that was not asked for',
};

/** 2^53 has 16 digits: shorter numbers are exact. */
const longNumber = /(?:^|[-:,[\s])\d{16}/;

/** Keeps the digits of an integer that a number cannot hold, as text: such numbers are ids (Zoho's, for example). */
function keepDigits(_key: string, value: unknown, { source }: { source?: string }): unknown {
  const isInexact = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isInexact && source !== undefined && /^-?\d+$/.test(source) ? source : value;
}

/** Far deeper than any record, and far from where `JSON.stringify` runs out of stack. */
const maxDepth = 200;

function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth === 0) return true;
  // `for … in` takes five times as long.
  for (const item of Array.isArray(value) ? value : Object.values(value))
    if (typeof item === 'object' && isDeeperThan(item, depth - 1)) return true;
  return false;
}

/** True for a text with so many brackets that its JSON may be too deep: to count them costs less than to look at every value. */
function hasManyBrackets(text: string): boolean {
  let count = 0;
  for (const bracket of ['[', '{'])
    for (let index = text.indexOf(bracket); index >= 0; index = text.indexOf(bracket, index + 1)) {
      count += 1;
      if (count > maxDepth) return true;
    }
  return false;
}

/** Reads a collected body as JSON, else as text, without a byte order mark. A streaming one is not touched. */
export function readBody(body: UpstreamBody): ReadBody {
  if (body.kind === 'unreadable') return { kind: 'unreadable', why: whyUnreadable[body.reason] };
  if (body.kind === 'streaming') return body;
  const text = body.bytes.toString('utf8').replace(/^\uFEFF/, '');
  if (text.trim() === '') return { kind: 'empty' };
  try {
    // A reviver costs a call for every value. The type that TypeScript has for it lacks the third parameter.
    const value = longNumber.test(text) ? JSON.parse(text, keepDigits as () => unknown) : JSON.parse(text);
    const isTooDeep = hasManyBrackets(text) && isDeeperThan(value, maxDepth);
    return isTooDeep ? { kind: 'unreadable', why: 'it is nested too deeply' } : { kind: 'json', value };
  } catch {
    return { kind: 'text', value: text };
  }
}

/** True for a JSON object, as opposed to a list, a plain value or null. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
