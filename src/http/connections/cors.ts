/* CORS for listed origins. Yoga's own covers no refusals, and allows other origins `null`, the origin of any sandboxed frame. */

/** How long a browser may remember a preflight, in seconds: as long as Chromium does at most. */
const maxAgeSeconds = 7_200;

/**
 * Returns the headers that let a page read the answer, which are the whole answer to a preflight; undefined for an origin that is not
 * allowed. Credentials are not allowed: tokens are in headers, and there are no cookies.
 */
export function readCors(
  origins: ReadonlySet<string> | undefined,
  method: string | undefined,
  header: (name: string) => string | null,
) {
  // Operations are sent by POST.
  if (!origins || (method !== 'POST' && method !== 'OPTIONS')) return undefined;
  const origin = header('origin');
  if (origin === null || !origins.has(origin)) return undefined;
  const allowed = { 'access-control-allow-origin': origin };
  if (method === 'POST') {
    const exposed = { 'access-control-expose-headers': 'Retry-After, X-Request-Id' };
    return { headers: { ...allowed, ...exposed, vary: 'Origin' }, isPreflight: false };
  }
  if (header('access-control-request-method') === null) return undefined;
  const headers = {
    ...allowed,
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': header('access-control-request-headers') ?? '',
    'access-control-max-age': String(maxAgeSeconds),
    vary: 'Origin, Access-Control-Request-Headers',
  };
  return { headers, isPreflight: true };
}
