import { type Finding, refusal } from './finding.ts';

/** Longer ids than any provider's, and still short enough for a path segment everywhere. */
const maxIdLength = 512;

/** Beyond it, qs-like parsers (such as a server's) no longer tell the levels apart. */
const maxRemoteQueryDepth = 5;

/** Beyond it, qs-like parsers read a list as an object. */
const maxListLength = 20;

/** More names than fit into the address of a request, each as short as can be. */
const maxNames = 1_000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is what it is for.
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/** A segment that addresses another one, perhaps with a path parameter, a query or a fragment behind it. */
const dotSegment = /(?:^|[/\\])\.{1,2}(?:[/\\;?#]|$)/;

/** Decodes each triplet by itself: one that is no UTF-8 keeps none of the others from it. */
function decodeOnce(id: string): string {
  return id.replace(/%[\da-f]{2}/gi, (triplet) => String.fromCharCode(Number.parseInt(triplet.slice(1), 16)));
}

/**
 * True when a proxy that decodes the path, once or twice more than it should, would make the id leave its resource:
 * `../../contacts/7` deletes a contact behind nginx's `proxy_pass` with a path. No provider has such ids.
 */
function hasDotSegment(id: string): boolean {
  const decoded = decodeOnce(id);
  return [id, decoded, decodeOnce(decoded)].some((form) => dotSegment.test(form));
}

/**
 * Refuses an id that could not become exactly one path segment that decodes to the same text (S04), also behind
 * a proxy that decodes it: URL parsers remove `.` and `..`; an empty one addresses the whole collection.
 */
export function checkId(id: string, path: readonly string[]): readonly Finding[] {
  if (id === '') return [refusal(path, 'It must not be empty.')];
  if (id.length > maxIdLength) return [refusal(path, `It must have at most ${maxIdLength} characters.`)];
  if (hasDotSegment(id)) {
    const message =
      'It must not have a segment "." or "..", also percent-encoded: a proxy could read another resource.';
    return [refusal(path, message)];
  }
  if (id.includes('\ufffd')) {
    const message =
      'It must not have U+FFFD, which stands for characters that were lost: another id may have been meant.';
    return [refusal(path, message)];
  }
  if (controlCharacter.test(id)) return [refusal(path, 'It must not have control characters.')];
  return checkText(id, path);
}

/** Refuses text that has no UTF-8 form. Line breaks are fine: a query string escapes them. */
export function checkText(text: string, path: readonly string[]): readonly Finding[] {
  return text.isWellFormed()
    ? []
    : [refusal(path, 'It must be well-formed Unicode, but has half of a surrogate pair.')];
}

/** Refuses a moment that has no four-digit year in UTC, as date-times on the wire must. */
export function checkDate(date: Date | null | undefined, path: readonly string[]): readonly Finding[] {
  const year = date?.getUTCFullYear() ?? 2000;
  return year >= 1 && year <= 9999 ? [] : [refusal(path, 'Its year must be from 0001 to 9999, in UTC.')];
}

function tooLong(path: readonly string[]): Finding {
  return refusal(path, `It must have at most ${maxListLength} items.`);
}

/** Refuses a list that a server could read as something else. */
export function checkListLength(list: readonly unknown[], path: readonly string[]): readonly Finding[] {
  return list.length > maxListLength ? [tooLong(path)] : [];
}

/** JSON has lost the last digits of a longer integer before it came here. */
function checkNumber(value: number, path: readonly string[]): readonly Finding[] {
  const isExact = !Number.isInteger(value) || Number.isSafeInteger(value);
  return isExact ? [] : [refusal(path, 'It is too long for a number: send it as a string.')];
}

function checkName(name: string, path: readonly string[]): readonly Finding[] {
  if (name === '') return [refusal(path, 'It must not have an empty name.')];
  if (/^\d+$/.test(name)) return [refusal(path, 'It must not have names of digits only: send a list instead.')];
  if (/[[\]]/.test(name)) return [refusal(path, 'It must not have a name with brackets: nest an object instead.')];
  return checkText(name, path);
}

/** Refuses a `remoteQuery` that cannot be written as a query string without loss. */
export function checkRemoteQuery(value: unknown, path: readonly string[]): readonly Finding[] {
  if (typeof value === 'string') return checkText(value, path);
  if (typeof value === 'number') return checkNumber(value, path);
  if (typeof value !== 'object' || value === null) return [];
  if (path.length > maxRemoteQueryDepth)
    return [refusal(path, `It must be nested at most ${maxRemoteQueryDepth} levels deep.`)];
  if (Array.isArray(value) && value.length > maxListLength) return [tooLong(path)];
  const names = Object.keys(value);
  if (names.length > maxNames) return [refusal(path, `It must have at most ${maxNames} names.`)];
  if (names.length === 0 && path.length > 1) {
    return [refusal(path, 'It must not be an empty list or object: a query string cannot hold one.')];
  }
  const checkKey = Array.isArray(value) ? () => [] : checkName;
  return Object.entries(value).flatMap(([key, item]) => [
    ...checkKey(key, path),
    ...checkRemoteQuery(item, [...path, key]),
  ]);
}
