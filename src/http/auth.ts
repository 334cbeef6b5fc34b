import { createHash } from 'node:crypto';
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { AuthConfig, JwtConfig } from '../config.ts';
import type { Caller } from '../engagement/access.ts';
import { requestError } from '../errors.ts';
import type { Log } from '../log.ts';
import { Secret } from '../secret.ts';

/**
 * Tells who calls, from the `Authorization` header. Null: nobody said.
 * @throws {GraphQLError} `UNAUTHENTICATED` for a header that proves nothing.
 */
export type Authenticate = (header: string | null) => Promise<Caller | null>;

/** `Bearer` and one token (RFC 6750 section 2.1), in characters that a header can carry on. */
const bearer = /^Bearer +([\x21-\x7e]+)$/i;

/** What GraphiQL shows in place of a token. Who sends that has said nothing yet, and is told the schema as anybody is. */
export const tokenPlaceholder = '<your token>';

/** True when a header says nothing about who calls. */
const saysNothing = (header: string | null): header is null =>
  header === null || header === `Bearer ${tokenPlaceholder}`;

/** How many callers' digests are kept at hand. */
const maxKnownCallers = 1_000;

/** Asymmetric signatures only: a key set's public key must never pass as a shared secret. */
const jwksAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const secretAlgorithms = ['HS256', 'HS384', 'HS512'];

/** The claim `integrated_accounts`: a list of ids, or `["*"]` for all. Anything else grants nothing. */
const grantsClaim = z.array(z.string()).catch([]);

function readToken(header: string): string {
  const token = bearer.exec(header)?.[1];
  if (token === undefined) throw requestError('UNAUTHENTICATED');
  return token;
}

/**
 * Whoever has the token of that `Authorization` header, which goes upstream unchanged.
 * @throws {GraphQLError} `UNAUTHENTICATED` for a header that proves nothing.
 */
export function passThrough(header: string): Caller {
  // The token, not the header: whoever writes "bearer" another way is the same caller.
  const id = createHash('sha256').update(readToken(header)).digest('base64url');
  return { id, grants: 'all', authorization: new Secret(header), bringsToken: true };
}

/** Knows the callers of late by their header, since a digest costs more than all else that is done to tell them apart. */
function createPassThrough(): Authenticate {
  const callers = new LRUCache<string, Caller>({ max: maxKnownCallers });
  return async (header) => {
    if (saysNothing(header)) return null;
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

function sharedKey(secret: Secret): JWTVerifyGetKey {
  const bytes = new TextEncoder().encode(secret.reveal());
  return () => bytes;
}

function createVerifier({ key, issuer, audience }: JwtConfig): (token: string) => Promise<JWTPayload> {
  const isShared = 'secret' in key;
  const findKey = isShared ? sharedKey(key.secret) : createRemoteJWKSet(key.jwksUrl);
  const algorithms = isShared ? secretAlgorithms : jwksAlgorithms;
  const options = { issuer, audience, algorithms, requiredClaims: ['exp', 'sub'] };
  return async (token) => (await jwtVerify(token, findKey, options)).payload;
}

/** The key set could not be had: the caller's token may be fine, and sending it again later may help. */
function isOutage(error: unknown): boolean {
  return (
    error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError) || error.code === 'ERR_JOSE_GENERIC'
  );
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

function createServiceAuthenticator({ jwt }: ServiceAuthConfig, authorization: Secret, log: Log): Authenticate {
  const verify = createVerifier(jwt);
  return async (header) => {
    if (saysNothing(header)) return null;
    const token = readToken(header);
    try {
      const claims = await verify(token);
      if (typeof claims.sub !== 'string' || claims.sub === '') throw new errors.JWTInvalid('no subject');
      const expiresAt = performance.now() + (claims.exp ?? 0) * 1_000 - Date.now();
      return { id: claims.sub, grants: readGrants(claims), authorization, bringsToken: false, expiresAt };
    } catch (error) {
      if (!isOutage(error)) throw requestError('UNAUTHENTICATED');
      log.warn({ err: error }, 'callers cannot be verified');
      throw requestError('AUTHENTICATION_UNAVAILABLE');
    }
  };
}

/**
 * Makes the one way in which callers of this process are told apart. There is no fall-back from one mode to another.
 * @param openToken the embedded sandbox's own token, for mode `open`.
 */
export function createAuthenticator(config: AuthConfig, openToken: string, log: Log): Authenticate {
  const authorization = ownAuthorization(config, openToken);
  if (!authorization) return createPassThrough();
  if (config.mode === 'service') return createServiceAuthenticator(config, authorization, log);
  const anybody: Caller = { id: 'anybody', grants: 'all', authorization, bringsToken: false };
  return async () => anybody;
}
