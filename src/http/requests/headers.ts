import { LRUCache } from 'lru-cache';
import { requestError } from '../../graphql/core/top-level-errors.ts';

/** True for a parameter of a media type that names another character set than UTF-8. */
function isOtherCharset(parameter: string): boolean {
  const [name, value = ''] = parameter.toLowerCase().split('=', 2);
  return name?.trim() === 'charset' && !['utf-8', 'utf8'].includes(value.trim().replaceAll('"', ''));
}

/** Why a body with these headers is not JSON in UTF-8; undefined when it is. In the wrong encoding, an id could name another record. */
export function findUnreadable(contentType = '', contentEncoding = ''): string | undefined {
  const [type = '', ...parameters] = contentType.split(';');
  if (type.trim().toLowerCase() !== 'application/json') return 'The Content-Type is not application/json.';
  if (parameters.some(isOtherCharset)) return 'The Content-Type has a charset other than utf-8.';
  const isPlain = contentEncoding === '' || contentEncoding.trim().toLowerCase() === 'identity';
  return isPlain ? undefined : 'The body has a Content-Encoding, and this server accepts none.';
}

const singleTypes = ['application/graphql-response+json', 'application/json'];
const partTypes = ['multipart/mixed', 'text/event-stream'];

function matches(asked: string, offered: string): boolean {
  const [type] = offered.split('/');
  return asked === offered || asked === `${type}/*` || asked === '*/*';
}

/**
 * Reads an Accept header as Yoga does after the execution. Yoga ignores quality values, and skips an entry with another charset than
 * utf-8. `negotiator` honours quality values, but it requires each parameter, such as `boundary` and `subscriptionSpec`, in the response.
 */
function parseAccept(accept: string) {
  const entries = accept.replace(/\s/g, '').toLowerCase().split(',');
  const asked = entries.flatMap((entry) => {
    const [type = '', ...parameters] = entry.split(';');
    const charset = parameters.find((parameter) => parameter.includes('charset='));
    return charset === undefined || charset === 'charset=utf-8' ? [type] : [];
  });
  const first = asked.find((type) => singleTypes.some((offered) => matches(type, offered)));
  const takes = (offered: string) => asked.some((type) => matches(type, offered));
  const takesMultipart = asked.some((type) => type.startsWith('multipart/') && matches(type, 'multipart/mixed'));
  return {
    /** The media type of a single result, as Yoga chooses: the last offered one that matches the first requested one. */
    singleType: first && singleTypes.findLast((offered) => matches(first, offered)),
    takesParts: partTypes.some(takes),
    /** `*` does not count: many clients send it by default. */
    namesParts: asked.some((type) => partTypes.includes(type)),
    /** How subscriptions are sent: the client reads no events, or names Apollo's `subscriptionSpec`. */
    prefersMultipart: takesMultipart && (/subscriptionspec=/i.test(accept) || !takes('text/event-stream')),
  };
}

/** The headers that were read last. Clients send few different ones. */
const known = new LRUCache<string, ReturnType<typeof parseAccept>>({ max: 100, memoMethod: parseAccept });

/** Reads an Accept header. Without one, everything is allowed. */
export function readAccept(header: string | null) {
  return known.memo(header || '*/*');
}

/** The form of a key. Most clients send a UUID. */
const idempotencyKey = /^[\x21-\x7e]{1,255}$/;

/**
 * Reads the caller's idempotency key, from the `Idempotency-Key` header
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header), or from `extensions.idempotencyKey` for
 * clients that cannot set headers. Undefined when there is neither.
 * @throws {GraphQLError} `BAD_USER_INPUT` for another form, or for two different keys.
 */
export function readIdempotencyKey(header: string | null, extensions: unknown): string | undefined {
  const extension = (extensions as { idempotencyKey?: unknown } | null | undefined)?.idempotencyKey ?? undefined;
  for (const key of [header ?? undefined, extension]) {
    if (key === undefined || (typeof key === 'string' && idempotencyKey.test(key))) continue;
    throw requestError(
      'BAD_USER_INPUT',
      'The Idempotency-Key must be 1 to 255 visible ASCII characters without spaces. Nothing was executed.',
    );
  }
  if (header !== null && extension !== undefined && header !== extension)
    throw requestError(
      'BAD_USER_INPUT',
      'The Idempotency-Key header and extensions.idempotencyKey differ. Nothing was executed. Send one of them.',
    );
  return header ?? (extension as string | undefined);
}
