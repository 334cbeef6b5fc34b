import { requestError } from '../graphql/core/top-level-errors.ts';

/** What clients send is most often a UUID; the bound is what keeps a key from being a document. */
const key = /^[\x21-\x7e]{1,255}$/;

/**
 * Reads the caller's idempotency key: the `Idempotency-Key` header
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header), or `extensions.idempotencyKey` of the
 * request, for clients that cannot set headers. Undefined when neither is there.
 * @throws {GraphQLError} `BAD_USER_INPUT` for another form, or two different keys: nothing is executed then.
 */
export function readIdempotencyKey(header: string | null, extensions: unknown): string | undefined {
  const extension = (extensions as { idempotencyKey?: unknown } | null | undefined)?.idempotencyKey ?? undefined;
  const given = [header ?? undefined, extension].filter((value) => value !== undefined);
  for (const value of given) {
    if (typeof value === 'string' && key.test(value)) continue;
    throw requestError(
      'BAD_USER_INPUT',
      'The Idempotency-Key must be 1 to 255 visible ASCII characters without spaces.',
    );
  }
  if (new Set(given).size > 1) {
    throw requestError('BAD_USER_INPUT', 'The Idempotency-Key header and extensions.idempotencyKey differ.');
  }
  return given[0] as string | undefined;
}
