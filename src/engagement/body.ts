import type { UpstreamBody } from '../upstream/attempt.ts';

/** Upstream's body, read as far as it can be. */
export type ReadBody =
  | { readonly kind: 'empty' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'streaming' }
  | { readonly kind: 'unreadable'; readonly why: string };

const why = {
  'too-large': 'it is larger than MAX_UPSTREAM_BYTES',
  interrupted: 'the connection broke in the middle of it',
  timeout: 'it did not end in time',
  encoded: 'it is compressed, although that was not asked for',
};

/** 2^53 has 16 digits: shorter numbers are exact. What stands before a number in JSON is seldom, so this is found out soon. */
const longNumber = /(?:^|[-:,[\s])\d{16}/;

/** Keeps the digits of an integer that a number cannot hold, by making it text: such numbers are ids (Zoho's, say). */
function keepDigits(_key: string, value: unknown, { source }: { source?: string }): unknown {
  const isInexact = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isInexact && source !== undefined && /^-?\d+$/.test(source) ? source : value;
}

function parseJson(text: string): unknown {
  // A reviver costs a call for every value, so it only comes where it can matter.
  return longNumber.test(text)
    ? JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown)
    : JSON.parse(text);
}

/** Far deeper than any record, and far from where `JSON.stringify` runs out of stack: the answer must go out. */
const maxDepth = 200;

function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth === 0) return true;
  for (const key in value) if (isDeeperThan((value as Record<string, unknown>)[key], depth - 1)) return true;
  return false;
}

/** Reads a collected body as JSON, else as text, without a byte order mark. A streaming one is left alone. */
export function readBody(body: UpstreamBody): ReadBody {
  if (body.kind === 'unreadable') return { kind: 'unreadable', why: why[body.reason] };
  if (body.kind === 'streaming') return body;
  const text = body.bytes.toString('utf8').replace(/^\uFEFF/, '');
  if (text.trim() === '') return { kind: 'empty' };
  try {
    const value = parseJson(text);
    const isTooDeep = (text.match(/[[{]/g)?.length ?? 0) > maxDepth && isDeeperThan(value, maxDepth);
    return isTooDeep ? { kind: 'unreadable', why: 'it is nested too deeply' } : { kind: 'json', value };
  } catch {
    return { kind: 'text', value: text };
  }
}

/** True for a JSON object, as opposed to a list, a plain value or null. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
