import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { AuthConfig } from '../../config/config.ts';
import { Secret } from '../../config/secret.ts';
import { openToken } from '../../config/settings.ts';
import type { Caller } from '../../engagement/account.ts';
import { requestError } from '../../graphql/core/top-level-errors.ts';
import type { TokenRefusal } from './token-refusals.ts';
import type { VerifierOptions } from './verify-token.ts';

/** Identifies the caller by the `Authorization` header; null without one. @throws {GraphQLError} `UNAUTHENTICATED` when it is refused. */
export type Authenticate = (header: string | null) => Promise<Caller | null>;

/** The caller that a header identifies, or why the header is refused. Throws while tokens cannot be verified. */
type Identify = (header: string) => Caller | TokenRefusal | Promise<Caller | TokenRefusal>;

/** `Bearer` and one token (RFC 6750 section 2.1), in characters that a header to upstream may have. */
const bearer = /^Bearer +([\x21-\x7e]+)$/i;

/** How many characters of callers' headers are cached: enough for thousands of typical ones. */
const maxCachedCharacters = 4 * 1024 * 1024;

/** The memory that a cached caller takes besides its header, in characters. */
const callerCharacters = 200;

/** The shortest interval between two log lines about tokens that are refused for the same reason, in milliseconds. */
const logIntervalMs = 10_000;

/** The caller who sends a token to upstream. @param authorization the header as the caller wrote it. It goes upstream unchanged. */
export function callerWithToken(token: string, authorization = `Bearer ${token}`): Caller {
  // By the token, not the header: "bearer" in other letters is the same caller.
  const id = createHash('sha256').update(token).digest('base64url');
  return { id, grants: 'all', authorization: new Secret(authorization), bringsToken: true };
}

/** Caches callers by header: hashing the token dominates. */
function createPassThrough(): Identify {
  const callers = new LRUCache<string, Caller>({
    maxSize: maxCachedCharacters,
    sizeCalculation: (_caller, header) => header.length + callerCharacters,
  });
  return (header) => {
    const known = callers.get(header);
    if (known) return known;
    const token = bearer.exec(header)?.[1];
    if (token === undefined) return 'malformed';
    const caller = callerWithToken(token, header);
    callers.set(header, caller);
    return caller;
  };
}

/** The server's own `Authorization` for upstream; undefined where callers bring theirs. */
export function ownAuthorization(auth: AuthConfig): Secret | undefined {
  if (auth.mode === 'passthrough') return undefined;
  return new Secret(`Bearer ${auth.mode === 'service' ? auth.apiToken.reveal() : openToken}`);
}

/** Counts by reason, and returns a count when it is time to log: once in ten seconds, since clients can send any number of tokens. */
function createLogPace(): (reason: string) => { readonly count: number } | undefined {
  const reasons = new Map<string, { count: number; quietUntilMs: number }>();
  return (reason) => {
    const nowMs = performance.now();
    const { count, quietUntilMs } = reasons.get(reason) ?? { count: 0, quietUntilMs: nowMs };
    const isDue = nowMs >= quietUntilMs;
    reasons.set(reason, isDue ? { count: 0, quietUntilMs: nowMs + logIntervalMs } : { count: count + 1, quietUntilMs });
    return isDue ? { count: count + 1 } : undefined;
  };
}

type AuthenticatorOptions = VerifierOptions & { readonly metrics: { countRefusedToken(reason: TokenRefusal): void } };

/** Makes the function that identifies callers. There is no fall-back from one mode to another. */
export function createAuthenticator(auth: AuthConfig, options: AuthenticatorOptions): Authenticate {
  const authorization = ownAuthorization(auth);
  let identify: Identify;
  if (!authorization) identify = createPassThrough();
  else if (auth.mode === 'service') {
    // Loaded when needed: other modes verify nothing.
    const loading = import('./verify-token.ts').then(({ createVerifier }) => createVerifier(auth.jwt, options));
    identify = async (header) => {
      const token = bearer.exec(header)?.[1];
      const verified = token === undefined ? 'malformed' : await (await loading)(token);
      return typeof verified === 'string' ? verified : { ...verified, authorization, bringsToken: false };
    };
  } else {
    const anonymous: Caller = { id: 'anybody', grants: 'all', authorization, bringsToken: false };
    return async () => anonymous;
  }
  const { log, metrics } = options;
  const pace = createLogPace();
  return async (header) => {
    if (header === null) return null;
    let identified: Caller | TokenRefusal;
    try {
      identified = await identify(header);
    } catch (error) {
      const due = pace('outage');
      if (due) log.warn({ err: error, ...due }, 'callers cannot be verified');
      throw requestError('AUTHENTICATION_UNAVAILABLE');
    }
    if (typeof identified !== 'string') return identified;
    metrics.countRefusedToken(identified);
    const due = pace(identified);
    // Not the error: it may quote the token.
    if (due) log.info({ reason: identified, ...due }, 'token refused');
    throw requestError('UNAUTHENTICATED');
  };
}
