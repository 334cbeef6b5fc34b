import type { BlockList } from 'node:net';
import type { Secret } from './secret.ts';
import { loopbackHosts } from './setting-values.ts';
import { readShared, type SharedConfig } from './shared-config.ts';
import {
  checkNames,
  describeUnknown,
  isSetting,
  type Name,
  readSettings,
  readVariables,
  type Settings,
  type Values,
} from './variables.ts';

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

/** How what is asked of other hosts leaves. */
export interface ProxyConfig {
  /** The proxy's address, with its credential. */
  readonly url: Secret;
  /** Hosts that are reached without it, as `NO_PROXY` lists them. */
  readonly exceptFor: string;
}

/** The parsed configuration. Names, defaults and meaning: the table in README.md. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** Where scrapes are answered; undefined: with everything else in the embedded sandbox, and nowhere outside of it. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  /** Where Truto is, or `sandbox`: start the embedded one. */
  readonly upstream: URL | 'sandbox';
  /** What the embedded sandbox is started with. */
  readonly sandbox: { readonly engagementsPerAccount: number; readonly keepsLimits: boolean };
  readonly auth: AuthConfig;
  readonly exposeSchema: boolean;
  readonly subgraph: Dialect;
  /** Comes before the names of types that a supergraph may have of its own; empty for none. */
  readonly typePrefix: string;
  /** A manifest of documents that clients may name by their ids, and whether those are all that is executed. */
  readonly trustedDocuments: { readonly path: string; readonly only: boolean } | undefined;
  readonly requestTimeoutMs: number;
  /** How long a client's connection is kept without a request. */
  readonly keepAliveTimeoutMs: number;
  /** The proxies whose `X-Forwarded-For` is believed; undefined for none. */
  readonly trustedProxies: BlockList | undefined;
  readonly maxUpstreamBytes: number;
  /** Keep under Truto's documented limits, by waiting, instead of running into them. */
  readonly keepsRateLimits: boolean;
  /** The proxy that everything but loopback is reached by; undefined for none. */
  readonly proxy: ProxyConfig | undefined;
  /** What replicas share; undefined when there is no Redis to share it by. */
  readonly shared: SharedConfig | undefined;
  /** What is set and ignored, in words for the log, without a value. */
  readonly warnings: readonly string[];
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

/** Whoever sets one of these means a real upstream, or real callers. Not `TRUTO_API_TOKEN`: Truto has people export it. */
const pointers = ['TRUTO_BASE_URL', 'AUTH_MODE', 'JWT_JWKS_URL', 'JWT_SECRET'];

/** The open sandbox is what a first-time user wants, and nobody else: whoever seems to mean more has to say so. */
function checkImpliedSandbox(values: Values, env: NodeJS.ProcessEnv, problems: string[]): void {
  for (const name of pointers) {
    if (env[name] !== undefined) problems.push(`${name} is set but blank: give it a value, or set SANDBOX=1`);
  }
  if (values.HOST !== undefined && !loopbackHosts.has(values.HOST) && values.HOST !== '::1') {
    problems.push(
      'HOST is not loopback and no upstream is configured: set AUTH_MODE to reach Truto, or SANDBOX=1 if the open sandbox is meant',
    );
  }
}

/** These are mistakes where they would be ignored: somebody believes that callers are verified by them. */
function refuseServiceSettings(settings: Settings, because: string, problems: string[]): void {
  for (const name of ['JWT_JWKS_URL', 'JWT_SECRET', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const) {
    if (settings[name]) problems.push(`${name} is only for AUTH_MODE=service, ${because}`);
  }
}

/** What to say of Truto's token where no request uses it. No harm comes of ignoring it, for it lets nobody in. */
function describeUnusedToken(auth: AuthConfig | undefined): string {
  const instead =
    auth?.mode === 'open'
      ? 'The embedded sandbox is served, and nothing real is deleted. To reach Truto, set AUTH_MODE, and not SANDBOX=1.'
      : 'Callers send Truto tokens of their own.';
  return `TRUTO_API_TOKEN is ignored: only AUTH_MODE=service uses it. ${instead}`;
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

function readTrusted(values: Values, exposeSchema: boolean, problems: string[]): Config['trustedDocuments'] {
  const { TRUSTED_DOCUMENTS: path, TRUSTED_DOCUMENTS_ONLY: only = false, SUBGRAPH: subgraph = 'none' } = values;
  if (only && path === undefined) problems.push('TRUSTED_DOCUMENTS must be set with TRUSTED_DOCUMENTS_ONLY=1');
  if (only && exposeSchema) problems.push('TRUSTED_DOCUMENTS_ONLY=1 needs EXPOSE_SCHEMA=0: GraphiQL sends its own');
  if (only && subgraph !== 'none')
    problems.push('TRUSTED_DOCUMENTS_ONLY=1 and SUBGRAPH exclude each other: gateways write documents of their own');
  return path === undefined ? undefined : { path, only };
}

function readMetrics(values: Values, port: number, problems: string[]): Config['metrics'] {
  const { METRICS_HOST: host = '127.0.0.1', METRICS_PORT: metricsPort } = values;
  if (metricsPort === undefined) {
    if (values.METRICS_HOST !== undefined) problems.push('METRICS_HOST is only for METRICS_PORT');
    return undefined;
  }
  // On one port, every caller of the API could read the metrics.
  if (metricsPort === port && port !== 0) problems.push('METRICS_PORT must be another port than PORT');
  return { host, port: metricsPort };
}

/** Settings by the names that the environment has for them; `true` and `false` mean `1` and `0`. */
export type PlainSettings = { readonly [N in Name]?: string | number | boolean | undefined };

/**
 * Parses settings that a program gives, by the rules of the environment, and looks at nothing else. Here every name has
 * to be one of ours.
 * @throws {ConfigError} naming every mistake at once.
 */
export function parseSettings(settings: PlainSettings): Config {
  const strange = Object.keys(settings).filter((name) => !isSetting(name));
  if (strange.length > 0) throw new ConfigError(strange.map(describeUnknown));
  const texts = Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, typeof value === 'boolean' ? String(Number(value)) : String(value)]);
  return parseConfig(Object.fromEntries(texts));
}

/**
 * Parses the environment into a {@link Config}.
 * @throws {ConfigError} naming every mistake at once.
 */
export function parseConfig(env: NodeJS.ProcessEnv): Config {
  const problems: string[] = [];
  const warnings: string[] = [];
  checkNames(env, problems, warnings);
  const { TRUTO_API_TOKEN: token, ...rest } = readSettings(env);
  const usesToken = rest.AUTH_MODE === 'service';
  // Whatever its form: people export it for Truto's own tools.
  const settings = usesToken && token ? { ...rest, TRUTO_API_TOKEN: token } : rest;
  const values = readVariables(settings, problems);
  const sandbox = values.SANDBOX ?? !pointers.some((name) => settings[name]);
  if (sandbox && settings.TRUTO_BASE_URL) problems.push('SANDBOX=1 and TRUTO_BASE_URL exclude each other');
  if (sandbox && values.SANDBOX === undefined) checkImpliedSandbox(values, env, problems);
  const auth = readAuth(values, sandbox, settings, problems);
  if (token && !usesToken) warnings.push(describeUnusedToken(auth));
  const subgraph = values.SUBGRAPH ?? 'none';
  if (subgraph === 'none' && values.TYPE_PREFIX) {
    problems.push('TYPE_PREFIX is only for SUBGRAPH=federation and SUBGRAPH=stitching');
  }
  if (!sandbox) {
    for (const name of ['SANDBOX_ENGAGEMENTS', 'SANDBOX_LIMITS'] as const)
      if (settings[name]) problems.push(`${name} is only for SANDBOX=1`);
  }
  const exposeSchema = values.EXPOSE_SCHEMA ?? sandbox;
  const trustedDocuments = readTrusted(values, exposeSchema, problems);
  const port = values.PORT ?? 4000;
  const metrics = readMetrics(values, port, problems);
  const shared = readShared(values, auth?.mode, problems);
  if (problems.length > 0 || auth === undefined) throw new ConfigError(problems);
  return {
    host: values.HOST ?? '127.0.0.1',
    port,
    metrics,
    upstream: sandbox ? 'sandbox' : (values.TRUTO_BASE_URL ?? new URL('https://api.truto.one')),
    sandbox: {
      engagementsPerAccount: values.SANDBOX_ENGAGEMENTS ?? 30,
      keepsLimits: values.SANDBOX_LIMITS ?? false,
    },
    auth,
    exposeSchema,
    trustedDocuments,
    subgraph,
    typePrefix: values.TYPE_PREFIX ?? '',
    requestTimeoutMs: values.REQUEST_TIMEOUT_MS ?? 10_000,
    keepAliveTimeoutMs: values.KEEP_ALIVE_TIMEOUT_MS ?? 65_000,
    trustedProxies: values.TRUSTED_PROXIES,
    maxUpstreamBytes: values.MAX_UPSTREAM_BYTES ?? 1_048_576,
    keepsRateLimits: values.TRUTO_RATE_LIMITS ?? (!sandbox || values.SANDBOX_LIMITS === true),
    proxy: values.HTTPS_PROXY && { url: values.HTTPS_PROXY, exceptFor: values.NO_PROXY ?? '' },
    shared,
    warnings,
  };
}
