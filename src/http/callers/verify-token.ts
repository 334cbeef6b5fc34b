import {
  createLocalJWKSet,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { z } from 'zod';
import type { JwtConfig } from '../../config/config.ts';
import type { Caller } from '../../engagement/account.ts';
import type { Log } from '../../log/log.ts';
import type { TokenRefusal } from './token-refusals.ts';

/** The parts that verification needs besides the configuration. `fetch` fetches the key set; by default, it is the global one. */
export type VerifierOptions = { readonly log: Log; readonly requestTimeoutMs: number; readonly fetch?: typeof fetch };

/** How far the clocks of this server and of the identity provider may differ. */
export const clockToleranceSeconds = 10;

/** How many keys are tried at most for a token without `kid`. */
const maxKeysTried = 16;

/** Asymmetric signatures only: a key set's public key must never pass as a shared secret. */
const jwksAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const secretAlgorithms = ['HS256', 'HS384', 'HS512'];

/** How long a key set is used before it is fetched again, and while none can be fetched. Meanwhile, a removed key is accepted. */
const freshMs = 10 * 60_000;
const usableMs = 60 * 60_000;

/** The shortest interval between two fetches, for any keys that callers name, in milliseconds. */
export const minFetchIntervalMs = 5_000;

/** How long a fetch may take, in milliseconds; half of an operation's time if that is less. */
const maxFetchMs = 3_000;

/** The largest key set. Those of real identity providers have some ten kilobytes. */
export const maxKeySetBytes = 512 * 1024;

const publicKeyTypes: ReadonlySet<unknown> = new Set(['RSA', 'EC', 'OKP']);

/** A fetched key set. */
type FetchedKeys = { readonly findKey: ReturnType<typeof createLocalJWKSet>; readonly fetchedAtMs: number };

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of response.body ?? []) {
    byteCount += chunk.length;
    if (byteCount > maxKeySetBytes) throw new Error(`The key set is larger than ${maxKeySetBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/**
 * The keys of the last fetch, or of a new one when the last is old, or is `unlike`, which lacks a token's key. Undefined when the
 * last fetch brought no other keys and began less than 5 seconds ago. Throws when keys cannot be fetched: the key may exist.
 */
type FindKeys = (unlike?: FetchedKeys) => Promise<FetchedKeys | undefined>;

/**
 * Caches the key set of an identity provider. While the provider is down, jose's own `createRemoteJWKSet` fetches once for each
 * request and refuses tokens that the last set could verify. It also reads responses of any size.
 */
function createKeySet(url: URL, { fetch: fetchUrl = fetch, log, requestTimeoutMs }: VerifierOptions): FindKeys {
  let last: FetchedKeys | undefined;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let isFailing = false;
  let pending: Promise<void> | undefined;

  const isYounger = (ms: number) => last !== undefined && performance.now() - last.fetchedAtMs < ms;

  async function load(): Promise<void> {
    const signal = AbortSignal.timeout(Math.min(maxFetchMs, Math.floor(requestTimeoutMs / 2)));
    const headers = { accept: 'application/json, application/jwk-set+json' };
    const response = await fetchUrl(url, { headers, redirect: 'manual', signal });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`The key set's server answered ${response.status}.`);
    }
    const findKey = createLocalJWKSet(JSON.parse(await readBounded(response)));
    const { keys } = findKey.jwks();
    const canVerify = keys.some(({ kty, use = 'sig' }) => publicKeyTypes.has(kty) && use === 'sig');
    // A set without one says that no key is valid any more, so the last set must not be used further.
    last = canVerify ? { findKey, fetchedAtMs: performance.now() } : undefined;
    if (!canVerify) throw new Error('The key set has no key that verifies signatures.');
  }

  async function tryToLoad(): Promise<void> {
    try {
      await load();
      if (isFailing) log.info('the key set can be fetched again');
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.warn({ err: error, isLastOneUsed: isYounger(usableMs) }, 'the key set cannot be fetched');
      isFailing = true;
    }
    pending = undefined;
  }

  return async (unlike) => {
    if (!isYounger(freshMs) || last === unlike) {
      const nowMs = performance.now();
      if (!pending && nowMs - triedAtMs >= minFetchIntervalMs) {
        triedAtMs = nowMs;
        pending = tryToLoad();
      }
      // In an outage, a request that can use the last set does not wait.
      if (!isFailing || !isYounger(usableMs)) await pending;
    }
    if (last && last !== unlike && isYounger(usableMs)) return last;
    if (isFailing || !last)
      throw new Error('The key set cannot be fetched, and the last one is too old or lacks the key.');
    return undefined;
  };
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
        // An unusable key, such as an old one that is too short, proves nothing about the token.
        if (!(failure instanceof errors.JOSEError)) unusable = failure;
        else if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
      if (triedCount === maxKeysTried) break;
    }
    throw unusable ?? new errors.JWSSignatureVerificationFailed();
  }
}

/** Verifies with a key set. It is fetched during the verification, so that a malformed token fetches nothing. */
async function verifyByKeySet(findKeys: FindKeys, token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
  let keys: FetchedKeys | undefined;
  const findKey: JWTVerifyGetKey = async (...header) => {
    keys = await findKeys();
    if (!keys) throw new errors.JWKSNoMatchingKey();
    return keys.findKey(...header);
  };
  try {
    return await verifyWith(findKey, token, options);
  } catch (error) {
    // Its key is not in the set that was used. A token without `kid` may have any key.
    const isUnknown =
      error instanceof errors.JWKSNoMatchingKey ||
      (error instanceof errors.JWSSignatureVerificationFailed && decodeProtectedHeader(token).kid === undefined);
    const newer = keys && isUnknown ? await findKeys(keys) : undefined;
    if (!newer) throw error;
    return verifyWith(newer.findKey, token, options);
  }
}

const claimRefusals: ReadonlyMap<string, TokenRefusal> = new Map([
  ['iss', 'wrong_issuer'],
  ['aud', 'wrong_audience'],
  ['nbf', 'not_yet_valid'],
  ['sub', 'no_subject'],
]);

/** Why a token is refused. Undefined for an error of the key set: it cannot be fetched, or has an unusable key. */
function tokenRefusalFor(error: unknown): TokenRefusal | undefined {
  if (!(error instanceof errors.JOSEError) || error instanceof errors.JWKSInvalid) return undefined;
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusals.get(error.claim) ?? 'claim';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'bad_signature';
  if (error instanceof errors.JWKSNoMatchingKey) return 'unknown_key';
  return error instanceof errors.JOSEAlgNotAllowed ? 'algorithm' : 'malformed';
}

/** The claim `integrated_accounts`: a list of ids, or `["*"]` for all. Any other value grants nothing. */
const grantsClaim = z.array(z.string()).catch([]);

/** The caller as the token's claims describe it. */
function readClaims(claims: JWTPayload): Pick<Caller, 'id' | 'grants' | 'expiresAt'> | TokenRefusal {
  const { sub, iat, exp = 0 } = claims;
  if (typeof sub !== 'string' || sub === '') return 'no_subject';
  if (iat !== undefined && iat > Date.now() / 1_000 + clockToleranceSeconds) return 'not_yet_valid';
  const expiresAt = performance.now() + (exp + clockToleranceSeconds) * 1_000 - Date.now();
  const ids = grantsClaim.parse(claims.integrated_accounts);
  const isAll = ids.length === 1 && ids[0] === '*';
  return { id: sub, grants: isAll ? 'all' : new Set(ids.filter((id) => id !== '*')), expiresAt };
}

/** Makes the function that returns a token's caller, or why it is refused. It throws when the key set cannot be fetched. */
export function createVerifier(
  { key, issuer, audience }: JwtConfig,
  options: VerifierOptions,
): (token: string) => Promise<ReturnType<typeof readClaims>> {
  const checks = { issuer, audience, clockTolerance: clockToleranceSeconds, requiredClaims: ['exp', 'sub'] };
  let verify: (token: string) => Promise<JWTPayload>;
  if ('secret' in key) {
    const bytes = new TextEncoder().encode(key.secret.reveal());
    verify = (token) => verifyWith(() => bytes, token, { ...checks, algorithms: secretAlgorithms });
  } else {
    const findKeys = createKeySet(key.jwksUrl, options);
    verify = (token) => verifyByKeySet(findKeys, token, { ...checks, algorithms: jwksAlgorithms });
  }
  return async (token) => {
    try {
      return readClaims(await verify(token));
    } catch (error) {
      const refusal = tokenRefusalFor(error);
      if (refusal === undefined) throw error;
      return refusal;
    }
  };
}
