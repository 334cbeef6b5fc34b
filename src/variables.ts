import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { Secret } from './secret.ts';

/** The hosts that nobody else can reach, or be. */
export const loopbackHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** An absolute address that cannot carry a credential, or what it guards, in the clear. */
const address = z
  .string()
  .refine(URL.canParse)
  .transform((text) => new URL(text))
  .refine((url) => url.protocol === 'https:' || (url.protocol === 'http:' && loopbackHosts.has(url.hostname)))
  .refine((url) => url.username === '' && url.password === '');

/** An address that paths are appended to: even an empty query or fragment would swallow them. */
const baseAddress = z
  .string()
  .refine((text) => !/[?#]/.test(text))
  .pipe(address);

const wholeNumber = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum);

const secretText = (pattern: RegExp) =>
  z
    .string()
    .regex(pattern)
    .transform((value) => new Secret(value));

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}

/** A user and password in it are expected, so that it is a secret whole. */
const redisAddress = z
  .string()
  // Refinements all run, also after one that failed.
  .refine((value) => /^rediss?:$/.test(URL.parse(value)?.protocol ?? '') && URL.parse(value)?.hostname !== '')
  .refine((value) => isDecodable(URL.parse(value)?.password ?? ''))
  .transform((value) => new Secret(value));

/** A folder by its absolute path, or a bucket by its address. */
const store = z.union([z.string().refine(isAbsolute), baseAddress]);

const flag = z.enum(['0', '1']).transform((value) => value === '1');
const text = z.string();
const addressRule = 'an https address (http only for loopback) without user';

/** One row a variable: what parses it, and what to say when it does not. */
const variables = {
  HOST: { schema: z.string().regex(/^[\w.:-]+$/), allowed: 'a host name or IP address' },
  PORT: { schema: wholeNumber(0, 65_535), allowed: 'a whole number from 0 to 65535 (0 = any free port)' },
  TRUTO_BASE_URL: { schema: baseAddress, allowed: `${addressRule}, query or fragment` },
  AUTH_MODE: { schema: z.enum(['passthrough', 'service']), allowed: 'passthrough or service' },
  TRUTO_API_TOKEN: {
    schema: secretText(/^[\x21-\x7e]+$/),
    allowed: 'a token of visible ASCII characters without spaces',
  },
  JWT_JWKS_URL: { schema: address, allowed: addressRule },
  JWT_SECRET: { schema: secretText(/^.{32,}$/s), allowed: 'at least 32 characters' },
  JWT_ISSUER: { schema: text, allowed: 'text' },
  JWT_AUDIENCE: { schema: text, allowed: 'text' },
  SANDBOX: { schema: flag, allowed: '0 or 1' },
  SANDBOX_ENGAGEMENTS: { schema: wholeNumber(30, 75_000), allowed: 'a whole number from 30 to 75000' },
  SANDBOX_LIMITS: { schema: flag, allowed: '0 or 1' },
  EXPOSE_SCHEMA: { schema: flag, allowed: '0 or 1' },
  SUBGRAPH: {
    schema: z.enum(['none', 'federation', 'stitching']),
    allowed: 'none, federation or stitching',
  },
  TYPE_PREFIX: {
    schema: z.string().regex(/^[A-Z][A-Za-z0-9]{0,30}$/),
    allowed: 'a capital letter, and up to 30 more letters and digits',
  },
  TRUSTED_DOCUMENTS: { schema: text, allowed: 'the path of a JSON file' },
  TRUSTED_DOCUMENTS_ONLY: { schema: flag, allowed: '0 or 1' },
  REQUEST_TIMEOUT_MS: { schema: wholeNumber(100, 600_000), allowed: 'a whole number from 100 to 600000' },
  TRUTO_RATE_LIMITS: { schema: flag, allowed: '0 or 1' },
  MAX_UPSTREAM_BYTES: { schema: wholeNumber(1024, 1_073_741_824), allowed: 'a whole number from 1024 to 1073741824' },
  REDIS_URL: { schema: redisAddress, allowed: 'a redis: or rediss: address' },
  REPLICAS: { schema: wholeNumber(1, 50), allowed: 'a whole number from 1 to 50' },
  BULK_TOKEN_SECRET: { schema: secretText(/^.{32,}$/s), allowed: 'at least 32 characters' },
  UNDO_STORE: { schema: store, allowed: 'the absolute path of a folder, or an https address (http only for loopback)' },
  AWS_ACCESS_KEY_ID: { schema: text, allowed: 'text' },
  AWS_SECRET_ACCESS_KEY: { schema: secretText(/^.+$/s), allowed: 'text' },
  AWS_REGION: { schema: z.string().regex(/^[a-z0-9-]+$/), allowed: 'the name of a region' },
};

/** The name of a setting. */
export type Name = keyof typeof variables;
/** What is set, parsed. */
export type Values = { readonly [N in Name]?: z.output<(typeof variables)[N]['schema']> };

/** What is set: trimmed, and without what is blank. */
export type Settings = Readonly<Record<string, string>>;

/** True when there is a setting of that name. */
export function isSetting(name: string): name is Name {
  return Object.hasOwn(variables, name);
}

/** A name that looks like ours and is not leaves a server unprotected that somebody meant to protect. */
export function checkNames(env: NodeJS.ProcessEnv, problems: string[]): void {
  const strange = Object.keys(env).filter(
    (name) => /^(TRUTO|JWT|AUTH|BULK|UNDO|REDIS|TRUSTED)_/.test(name) && !isSetting(name),
  );
  for (const name of strange) problems.push(`${name} is not a setting of this server`);
}

/** What of the environment is a setting of ours. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const trimmed = Object.keys(variables).map((name) => [name, env[name]?.trim() ?? ''] as const);
  return Object.fromEntries(trimmed.filter(([, value]) => value !== ''));
}

/** Parses each setting by its row; one that cannot be is a problem, and left out. */
export function readVariables(settings: Settings, problems: string[]): Values {
  const values: Record<string, unknown> = {};
  for (const [name, { schema, allowed }] of Object.entries(variables)) {
    const raw = settings[name];
    if (raw === undefined) continue;
    const parsed = schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else problems.push(`${name} must be ${allowed}`);
  }
  return values as Values;
}
