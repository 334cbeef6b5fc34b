/** A query parameter's name and its value: text, number, boolean, null, or lists and objects of such. */
export type QueryParameter = readonly [name: string, value: unknown];

/** No server accepts a longer one: Node and most proxies allow 16 KiB for a request's whole head. */
const maxQueryCharacters = 16_384;

/** The query so far. `left` is negative once it is too long. */
type Written = { readonly pairs: string[]; left: number };

function append(written: Written, name: string, value: unknown): void {
  // Each value repeats the names of its objects: without this check, a body of 256 KiB made a query of gigabytes.
  if (written.left < 0) return;
  if (Array.isArray(value)) {
    // Without an index, parsers like qs merge the items of a list of objects into one.
    const needsIndex = value.some((item) => typeof item === 'object' && item !== null);
    for (const [index, item] of value.entries()) append(written, `${name}[${needsIndex ? index : ''}]`, item);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (written.left < 0) return;
      append(written, `${name}[${encodeURIComponent(key)}]`, item);
    }
  } else if (value !== undefined) {
    const pair = `${name}=${value === null ? '' : encodeURIComponent(String(value))}`;
    written.pairs.push(pair);
    written.left -= pair.length;
  }
}

/**
 * Encodes parameters as Truto documents it (https://www.truto.one/docs/api-reference/overview/querying.md): objects as
 * `a[b]=x`, lists as `a[]=x`, lists of objects as `a[0][b]=x`. Structure is written with plain brackets; names and
 * values from callers are percent-encoded, so they cannot end a parameter or begin another. Undefined values, empty
 * lists and empty objects vanish; null is an empty value.
 *
 * A query longer than 16,384 characters is incomplete and must not be sent (see `checkLength`).
 * @throws {URIError} for text with a lone surrogate: refuse such input first.
 */
export function encodeQuery(parameters: Iterable<QueryParameter>): string {
  const written: Written = { pairs: [], left: maxQueryCharacters };
  for (const [name, value] of parameters) append(written, name, value);
  return written.pairs.join('&');
}
