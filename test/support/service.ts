import { SignJWT } from 'jose';

/** The secret that tests share with a facade in `service` mode, as its `JWT_SECRET`. */
export const jwtSecret = 'a shared secret of more than 32 characters';

/** The configuration of that mode, without the key for callers' tokens. */
export const serviceEnv = {
  AUTH_MODE: 'service',
  TRUTO_API_TOKEN: 'canary-server-token',
  JWT_ISSUER: 'issuer',
  JWT_AUDIENCE: 'audience',
};

/** The claims of a token, with defaults. */
export interface Claims {
  readonly integrated_accounts?: unknown;
  readonly iss?: string;
  readonly aud?: string;
  readonly exp?: number;
  readonly sub?: string;
  readonly nbf?: number;
  readonly iat?: number;
}

/**
 * Signs a caller's token, with the shared secret unless another key is given.
 * @param kid the name of the key; null leaves it out.
 */
export function signToken(
  claims: Claims,
  key: Parameters<SignJWT['sign']>[0] = new TextEncoder().encode(jwtSecret),
  alg = 'HS256',
  kid: string | null = 'k1',
): Promise<string> {
  const usual = { iss: 'issuer', aud: 'audience', sub: 'caller-1', exp: Math.floor(Date.now() / 1000) + 60 };
  return new SignJWT({ ...usual, ...claims } as Record<string, unknown>)
    .setProtectedHeader({ alg, ...(kid !== null && { kid }) })
    .sign(key);
}

/** The header with a token. */
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
