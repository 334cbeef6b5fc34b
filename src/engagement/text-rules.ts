import { type Finding, refusal } from './finding.ts';

/** Longer ids than any provider's, and still short enough for a path segment everywhere. */
const maxIdLength = 512;

/** Deeper than any provider's query parameters; shallow enough for a query string. */
const maxRemoteQueryDepth = 8;

// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is what it is for.
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Refuses an id that could not become exactly one path segment that decodes to the same text (S04): percent-encoding
 * leaves `.` and `..` as they are, and URL parsers then remove them; an empty one addresses the whole collection.
 */
export function checkId(id: string, path: readonly string[]): readonly Finding[] {
  if (id === '') return [refusal(path, 'It must not be empty.')];
  if (id === '.' || id === '..') return [refusal(path, 'It must not be "." or "..", which address another resource.')];
  if (id.length > maxIdLength) return [refusal(path, `It must have at most ${maxIdLength} characters.`)];
  if (controlCharacter.test(id)) return [refusal(path, 'It must not have control characters.')];
  return checkText(id, path);
}

/** Refuses text that has no UTF-8 form. Line breaks are fine: a query string escapes them. */
export function checkText(text: string, path: readonly string[]): readonly Finding[] {
  return text.isWellFormed()
    ? []
    : [refusal(path, 'It must be well-formed Unicode, but has half of a surrogate pair.')];
}

/** Refuses a `remoteQuery` that cannot be written as a query string without loss. */
export function checkRemoteQuery(value: unknown, path: readonly string[]): readonly Finding[] {
  if (typeof value === 'string') return checkText(value, path);
  if (typeof value !== 'object' || value === null) return [];
  if (path.length > maxRemoteQueryDepth)
    return [refusal(path, `It must be nested at most ${maxRemoteQueryDepth} levels deep.`)];
  const entries = Object.entries(value);
  if (entries.length === 0 && path.length > 1) {
    return [refusal(path, 'It must not be an empty list or object: a query string cannot hold one.')];
  }
  return entries.flatMap(([key, item]) => [
    ...(key === '' ? [refusal(path, 'It must not have an empty name.')] : checkText(key, path)),
    ...checkRemoteQuery(item, [...path, key]),
  ]);
}
