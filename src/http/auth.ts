import { createHash } from 'node:crypto';
import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { AuthConfig, JwtConfig } from '../config/config.ts';
import { Secret } from '../config/secret.ts';
import type { Caller } from '../engagement/account.ts';
import { requestError } from '../graphql/core/top-level-errors.ts';
import type { Log } from '../log/log.ts';
import { createKeySet, type FetchedKeys } from './key-set.ts';
import type { Metrics, TokenRefusal } from './metrics.ts';

/**
 * Tells who calls, from the `Authorization` header. Null: nobody said.
 * @throws {GraphQLError} `UNAUTHENTICATED` for a header that proves nothing.
 */
export type Authenticate = (header: string | null) => Promise<Caller | null>;

/** `Bearer` and one token (RFC 6750 section 2.1), in characters that a header can carry on. */
const bearer = /^Bearer +([\x21-\x7e]+)$/i;

/** How many characters of callers' headers are kept at hand with their digests: thousands of usual ones. */
const maxKnownCharacters = 4 * 1024 * 1024;

/** What a header takes besides, however short it is, in as many characters. */
const callerCharacters = 200;

/** How far the clocks of this server and of the identity provider may be apart. */
export const clockToleranceSeconds = 10;

/** How many keys are tried at most for a token that does not say which is its own. */
export const maxKeysTried = 16;

/** How far apart two lines of the log about tokens are at least that are refused for the same reason, in milliseconds. */
const logIntervalMs = 10_000;

/** Asymmetric signatures only: a key set's public key must never pass as a shared secret. */
const jwksAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const secretAlgorithms = ['HS256', 'HS384', 'HS512'];

/** The claim `integrated_accounts`: a list of ids, or `["*"]` for all. Anything else grants nothing. */
const grantsClaim = z.array(z.string()).catch([]);

function readToken(header: string): string {
  const token = bearer.exec(header)?.[1];
  if (token === undefined) throw new errors.JWTInvalid('no bearer token');
  return token;
}

/**
 * Whoever has the token of that `Authorization` header, which goes upstream unchanged.
 * @throws {JWTInvalid} for a header that has no token in it.
 */
export function passThrough(header: string): Caller {
  // The token, not the header: whoever writes "bearer" another way is the same caller.
  const id = createHash('sha256').update(readToken(header)).digest('base64url');
  return { id, grants: 'all', authorization: new Secret(header), bringsToken: true };
}

/** Tells whose a header is; throws for one that proves nothing. */
type Identify = (header: string) => Caller | Promise<Caller>;

/** Caches callers by their header: hashing the token costs more than all else that is done to tell them apart. */
function createPassThrough(): Identify {
  const callers = new LRUCache<string, Caller>({
    maxSize: maxKnownCharacters,
    sizeCalculation: (_caller, header) => header.length + callerCharacters,
  });
  return (header) => {
    const known = callers.get(header);
    if (known) return known;
    const caller = passThrough(header);
    callers.set(header, caller);
    return caller;
  };
}

function readGrants(claims: JWTPayload): Caller['grants'] {
  const ids = grantsClaim.parse(claims.integrated_accounts);
  const isAll = ids.length === 1 && ids[0] === '*';
  return isAll ? 'all' : new Set(ids.filter((id) => id !== '*'));
}

/** Verifies with the key that the token names, or with each that fits it. */
async function verifyWith(findKey: JWTVerifyGetKey, token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, findKey, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let triedCount = 0;
    let unusable: unknown;
    for await (const key of error) {
      triedCount += 1;
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (failure) {
        // A key that cannot be used, such as an old one that is too short, says nothing of the token.
        if (!(failure instanceof errors.JOSEError)) unusable = failure;
        else if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
      if (triedCount === maxKeysTried) break;
    }
    throw unusable ?? new errors.JWSSignatureVerificationFailed();
  }
}

/** True when the token's key is not among those that were looked at; one that names none may have any. */
function hasUnknownKey(error: unknown, token: string): boolean {
  if (error instanceof errors.JWKSNoMatchingKey) return true;
  return error instanceof errors.JWSSignatureVerificationFailed && decodeProtectedHeader(token).kid === undefined;
}

function createVerifier(jwt: JwtConfig, options: AuthenticatorOptions): (token: string) => Promise<JWTPayload> {
  const { key, issuer, audience } = jwt;
  const checks = { issuer, audience, clockTolerance: clockToleranceSeconds, requiredClaims: ['exp', 'sub'] };
  if ('secret' in key) {
    const bytes = new TextEncoder().encode(key.secret.reveal());
    return (token) => verifyWith(() => bytes, token, { ...checks, algorithms: secretAlgorithms });
  }
  const keySet = createKeySet({ ...options, fetch: options.fetch ?? fetch, url: key.jwksUrl });
  const keySetChecks = { ...checks, algorithms: jwksAlgorithms };
  // Asked for within the verification, so that what cannot be a token of ours fetches nothing.
  return async (token) => {
    let keys: FetchedKeys | undefined;
    const findKey: JWTVerifyGetKey = async (...header) => {
      keys = await keySet.current();
      return keys.findKey(...header);
    };
    try {
      return await verifyWith(findKey, token, keySetChecks);
    } catch (error) {
      if (!keys || !hasUnknownKey(error, token)) throw error;
      const newer = await keySet.newerThan(keys);
      if (!newer) throw error;
      return await verifyWith(newer.findKey, token, keySetChecks);
    }
  };
}

const claimRefusals: Readonly<Record<string, TokenRefusal>> = {
  iss: 'wrong_issuer',
  aud: 'wrong_audience',
  nbf: 'not_yet_valid',
  iat: 'not_yet_valid',
  sub: 'no_subject',
};

/** Why a token was refused. Undefined: it was not, as the key set cannot be had, or has a key that cannot be used. */
function refusalOf(error: unknown): TokenRefusal | undefined {
  if (!(error instanceof errors.JOSEError) || error instanceof errors.JWKSInvalid) return undefined;
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusals[error.claim] ?? 'claim';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'bad_signature';
  if (error instanceof errors.JWKSNoMatchingKey) return 'unknown_key';
  return error instanceof errors.JOSEAlgNotAllowed ? 'algorithm' : 'malformed';
}

/** Tells which occurrences of a reason are logged: one in ten seconds, as anybody can send any number of tokens. */
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

type ServiceAuthConfig = Extract<AuthConfig, { mode: 'service' }>;

/**
 * The server's own `Authorization` for upstream; undefined where callers bring theirs.
 * @param openToken the embedded sandbox's own token, for mode `open`.
 */
export function ownAuthorization(auth: AuthConfig, openToken: string): Secret | undefined {
  if (auth.mode === 'passthrough') return undefined;
  return new Secret(`Bearer ${auth.mode === 'service' ? auth.apiToken.reveal() : openToken}`);
}

function createServiceIdentify(
  auth: ServiceAuthConfig,
  authorization: Secret,
  options: AuthenticatorOptions,
): Identify {
  const verify = createVerifier(auth.jwt, options);
  return async (header) => {
    const claims = await verify(readToken(header));
    const { sub, iat, exp = 0 } = claims;
    if (typeof sub !== 'string' || sub === '') throw new errors.JWTClaimValidationFailed('no subject', claims, 'sub');
    if (iat !== undefined && iat > Date.now() / 1_000 + clockToleranceSeconds)
      throw new errors.JWTClaimValidationFailed('issued in the future', claims, 'iat');
    const expiresAt = performance.now() + (exp + clockToleranceSeconds) * 1_000 - Date.now();
    return { id: sub, grants: readGrants(claims), authorization, bringsToken: false, expiresAt };
  };
}

/** What authentication needs besides the configuration. */
export interface AuthenticatorOptions {
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'countRefusedToken'>;
  readonly requestTimeoutMs: number;
  /** Fetches the key set. @default the global one */
  readonly fetch?: typeof fetch;
}

/**
 * Makes the one way in which callers of this process are told apart. There is no fall-back from one mode to another.
 * @param openToken the embedded sandbox's own token, for mode `open`.
 */
export function createAuthenticator(
  config: AuthConfig,
  openToken: string,
  options: AuthenticatorOptions,
): Authenticate {
  const authorization = ownAuthorization(config, openToken);
  let identify: Identify;
  if (!authorization) identify = createPassThrough();
  else if (config.mode === 'service') identify = createServiceIdentify(config, authorization, options);
  else {
    const anybody: Caller = { id: 'anybody', grants: 'all', authorization, bringsToken: false };
    return async () => anybody;
  }
  const { log, metrics } = options;
  const pace = createLogPace();
  return async (header) => {
    if (header === null) return null;
    try {
      return await identify(header);
    } catch (error) {
      const reason = refusalOf(error);
      const due = pace(reason ?? 'outage');
      if (reason === undefined) {
        if (due) log.warn({ err: error, ...due }, 'callers cannot be verified');
        throw requestError('AUTHENTICATION_UNAVAILABLE');
      }
      metrics.countRefusedToken(reason);
      // Neither the error nor anything else that quotes the token.
      if (due) log.info({ reason, ...due }, 'token refused');
      throw requestError('UNAUTHENTICATED');
    }
  };
}
