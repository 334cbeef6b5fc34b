/** A query parameter's name and its value: text, number, boolean, null, or lists and objects of such. */
export type QueryParameter = readonly [name: string, value: unknown];

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function append(pairs: string[], name: string, value: unknown): void {
  if (Array.isArray(value)) {
    // Without an index, qs-like parsers fold the items of a list of objects into one.
    const needsIndex = value.some((item) => typeof item === 'object' && item !== null);
    for (const [index, item] of value.entries()) append(pairs, `${name}[${needsIndex ? index : ''}]`, item);
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) append(pairs, `${name}[${encodeURIComponent(key)}]`, item);
  } else if (value !== undefined) {
    pairs.push(`${name}=${value === null ? '' : encodeURIComponent(String(value))}`);
  }
}

/**
 * Encodes parameters as Truto documents it (https://www.truto.one/docs/api-reference/overview/querying.md): objects as
 * `a[b]=x`, lists as `a[]=x`, lists of objects as `a[0][b]=x`. Structure is written with plain brackets; names and
 * values from callers are percent-encoded, so they cannot end a parameter or begin another. Undefined values, empty
 * lists and empty objects vanish; null is an empty value.
 * @throws {URIError} for text with a lone surrogate: refuse such input before.
 */
export function encodeQuery(parameters: Iterable<QueryParameter>): string {
  const pairs: string[] = [];
  for (const [name, value] of parameters) append(pairs, name, value);
  return pairs.join('&');
}
