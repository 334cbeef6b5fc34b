import { z } from 'zod';
import { Secret } from './secret.ts';

/** How callers prove themselves, and whose token goes upstream. Exactly one mode holds for the whole process. */
export type AuthConfig =
  /** The caller's own bearer goes upstream; this server holds no token. */
  | { readonly mode: 'passthrough' }
  /** The server's token goes upstream; callers prove themselves by JWT, whose grants decide. */
  | { readonly mode: 'service'; readonly apiToken: Secret; readonly jwt: JwtConfig }
  /** Anybody may call; only ever together with the embedded sandbox. */
  | { readonly mode: 'open' };

/** How callers' tokens are verified in `service` mode. */
export interface JwtConfig {
  /** A key set to fetch, or a shared secret. */
  readonly key: { readonly jwksUrl: URL } | { readonly secret: Secret };
  readonly issuer: string;
  readonly audience: string;
}

/** How the schema tells a supergraph of itself: not at all, by Apollo Federation, or by stitching directives. */
export type Dialect = 'none' | 'federation' | 'stitching';

/** The parsed configuration. Names, defaults and meaning: the table in README.md. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** Where Truto is, or `sandbox`: start the embedded one. */
  readonly upstream: URL | 'sandbox';
  readonly auth: AuthConfig;
  readonly exposeSchema: boolean;
  readonly subgraph: Dialect;
  /** Comes before the names of types that a supergraph may have of its own; empty for none. */
  readonly typePrefix: string;
  readonly requestTimeoutMs: number;
  readonly maxUpstreamBytes: number;
  /** Keep under Truto's documented limits, by waiting, instead of running into them. */
  readonly keepsRateLimits: boolean;
}

/** Every mistake in the configuration at once. Its message names variables and what is allowed, never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}:\n  ${problems.join('\n  ')}`,
    );
    this.problems = problems;
  }
}

const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]']);

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
    schema: z
      .string()
      .regex(/^[\x21-\x7e]+$/)
      .transform((value) => new Secret(value)),
    allowed: 'a token of visible ASCII characters without spaces',
  },
  JWT_JWKS_URL: { schema: address, allowed: addressRule },
  JWT_SECRET: {
    schema: z
      .string()
      .min(32)
      .transform((value) => new Secret(value)),
    allowed: 'at least 32 characters',
  },
  JWT_ISSUER: { schema: text, allowed: 'text' },
  JWT_AUDIENCE: { schema: text, allowed: 'text' },
  SANDBOX: { schema: flag, allowed: '0 or 1' },
  EXPOSE_SCHEMA: { schema: flag, allowed: '0 or 1' },
  SUBGRAPH: {
    schema: z.enum(['none', 'federation', 'stitching']),
    allowed: 'none, federation or stitching',
  },
  TYPE_PREFIX: {
    schema: z.string().regex(/^[A-Z][A-Za-z0-9]{0,30}$/),
    allowed: 'a capital letter, and up to 30 more letters and digits',
  },
  REQUEST_TIMEOUT_MS: { schema: wholeNumber(100, 600_000), allowed: 'a whole number from 100 to 600000' },
  TRUTO_RATE_LIMITS: { schema: flag, allowed: '0 or 1' },
  MAX_UPSTREAM_BYTES: { schema: wholeNumber(1024, 1_073_741_824), allowed: 'a whole number from 1024 to 1073741824' },
};

type Name = keyof typeof variables;
type Values = { readonly [N in Name]?: z.output<(typeof variables)[N]['schema']> };

/** Whoever sets one of these means a real upstream, or real callers. */
const pointers = ['TRUTO_BASE_URL', 'AUTH_MODE', 'TRUTO_API_TOKEN', 'JWT_JWKS_URL', 'JWT_SECRET'];

/** What is set: trimmed, and without what is blank. */
type Settings = Readonly<Record<string, string>>;

/** A name that looks like ours and is not leaves a server unprotected that somebody meant to protect. */
function checkNames(env: NodeJS.ProcessEnv, problems: string[]): void {
  const strange = Object.keys(env).filter((name) => /^(TRUTO|JWT|AUTH)_/.test(name) && !Object.hasOwn(variables, name));
  for (const name of strange) problems.push(`${name} is not a setting of this server`);
}

/** The open sandbox is what a first-time user wants, and nobody else: whoever seems to mean more has to say so. */
function checkImpliedSandbox(values: Values, env: NodeJS.ProcessEnv, problems: string[]): void {
  for (const name of pointers) {
    if (env[name] !== undefined) problems.push(`${name} is set but blank: give it a value, or set SANDBOX=1`);
  }
  if (values.HOST !== undefined && !loopbackHosts.has(values.HOST) && values.HOST !== '::1') {
    problems.push('HOST is not loopback and no upstream is configured: set SANDBOX=1 if the open sandbox is meant');
  }
}

function readSettings(env: NodeJS.ProcessEnv): Settings {
  const trimmed = Object.keys(variables).map((name) => [name, env[name]?.trim() ?? ''] as const);
  return Object.fromEntries(trimmed.filter(([, value]) => value !== ''));
}

function readVariables(settings: Settings, problems: string[]): Values {
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

/** A secret that would be ignored is a mistake: somebody believes that it protects or authorises something. */
function refuseServiceSettings(settings: Settings, because: string, problems: string[]): void {
  for (const name of ['TRUTO_API_TOKEN', 'JWT_JWKS_URL', 'JWT_SECRET', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const) {
    if (settings[name]) problems.push(`${name} is only for AUTH_MODE=service, ${because}`);
  }
}

function readServiceAuth(values: Values, settings: Settings, problems: string[]): AuthConfig | undefined {
  for (const name of ['TRUTO_API_TOKEN', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const) {
    if (!settings[name]) problems.push(`${name} must be set with AUTH_MODE=service`);
  }
  if (Boolean(settings.JWT_JWKS_URL) === Boolean(settings.JWT_SECRET)) {
    problems.push('exactly one of JWT_JWKS_URL and JWT_SECRET must be set with AUTH_MODE=service');
  }
  const { TRUTO_API_TOKEN: apiToken, JWT_JWKS_URL: jwksUrl, JWT_SECRET: secret } = values;
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = values;
  const key = jwksUrl ? { jwksUrl } : secret && { secret };
  return apiToken && key && issuer && audience
    ? { mode: 'service', apiToken, jwt: { key, issuer, audience } }
    : undefined;
}

function readAuth(values: Values, sandbox: boolean, settings: Settings, problems: string[]): AuthConfig | undefined {
  if (values.AUTH_MODE === 'service') return readServiceAuth(values, settings, problems);
  // A mode that could not be read is one mistake; what would follow from it are none of the operator's.
  if (values.AUTH_MODE === undefined && settings.AUTH_MODE !== undefined) return undefined;
  const mode = values.AUTH_MODE === undefined && sandbox ? 'open' : 'passthrough';
  refuseServiceSettings(
    settings,
    mode === 'open' ? 'and AUTH_MODE is not set' : 'and the mode is passthrough',
    problems,
  );
  return { mode };
}

/**
 * Parses the environment into a {@link Config}.
 * @throws {ConfigError} naming every mistake at once.
 */
export function parseConfig(env: NodeJS.ProcessEnv): Config {
  const problems: string[] = [];
  checkNames(env, problems);
  const settings = readSettings(env);
  const values = readVariables(settings, problems);
  const sandbox = values.SANDBOX ?? !pointers.some((name) => settings[name]);
  if (sandbox && settings.TRUTO_BASE_URL) problems.push('SANDBOX=1 and TRUTO_BASE_URL exclude each other');
  if (sandbox && values.SANDBOX === undefined) checkImpliedSandbox(values, env, problems);
  const auth = readAuth(values, sandbox, settings, problems);
  const subgraph = values.SUBGRAPH ?? 'none';
  if (subgraph === 'none' && values.TYPE_PREFIX) {
    problems.push('TYPE_PREFIX is only for SUBGRAPH=federation and SUBGRAPH=stitching');
  }
  if (problems.length > 0 || auth === undefined) throw new ConfigError(problems);
  return {
    host: values.HOST ?? '127.0.0.1',
    port: values.PORT ?? 4000,
    upstream: sandbox ? 'sandbox' : (values.TRUTO_BASE_URL ?? new URL('https://api.truto.one')),
    auth,
    exposeSchema: values.EXPOSE_SCHEMA ?? sandbox,
    subgraph,
    typePrefix: values.TYPE_PREFIX ?? '',
    requestTimeoutMs: values.REQUEST_TIMEOUT_MS ?? 10_000,
    maxUpstreamBytes: values.MAX_UPSTREAM_BYTES ?? 1_048_576,
    keepsRateLimits: values.TRUTO_RATE_LIMITS ?? !sandbox,
  };
}
