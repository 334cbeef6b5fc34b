import { readFileSync } from 'node:fs';
import { Secret } from './secret.ts';
import {
  checkNames,
  type Defaults,
  defaults,
  describeUnknown,
  isLoopback,
  isSetting,
  type Name,
  parseTexts,
  readTexts,
  type Texts,
  type Values,
} from './settings.ts';

/** How callers are authenticated, and whose token goes upstream. The whole process has one mode. */
export type AuthConfig =
  /** The caller's own bearer token goes upstream; this server has no token. */
  | { readonly mode: 'passthrough' }
  /** The server's token goes upstream. Callers send a JWT, whose grants decide which accounts they can access. */
  | { readonly mode: 'service'; readonly apiToken: Secret; readonly jwt: JwtConfig }
  /** Callers need no token. Only with the embedded sandbox. */
  | { readonly mode: 'open' };

/** How callers' tokens are verified in `service` mode. */
export interface JwtConfig {
  /** A key set to fetch, or a shared secret. */
  readonly key: { readonly jwksUrl: URL } | { readonly secret: Secret };
  readonly issuer: string;
  readonly audience: string;
}

/** How the schema joins a supergraph: not at all, by Apollo Federation, or by stitching directives. */
export type Dialect = Defaults['SUBGRAPH'];

/** The parsed configuration. docs/configuration.md has names, defaults and meanings. */
export type Config = ReturnType<typeof parse>;

/** The proxy for requests to other hosts, with its credential. */
export type ProxyConfig = NonNullable<Config['proxy']>;

/** The settings for the state that replicas share in Redis, and for bulk deletes. */
export type SharedConfig = NonNullable<ReturnType<typeof readShared>>;

/** Where undo files are written: a folder, or a bucket of S3 or of a service with its protocol. */
export type UndoStoreConfig = NonNullable<SharedConfig['undoStore']>;

/** All mistakes in the configuration. The message has the settings and what is allowed, and of values only paths of files. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`;
    super(`The configuration has ${count}:\n  ${problems.join('\n  ')}`);
    this.problems = problems;
  }
}

/** A setting that would be ignored is a mistake: the operator expects an effect. */
function refuseIgnored(names: readonly Name[], values: Texts | Values, purpose: string, problems: string[]): void {
  for (const name of names) if (values[name] !== undefined) problems.push(`${name} is only for ${purpose}`);
}

/** Any of these means a real upstream or real callers. `TRUTO_API_TOKEN` does not: Truto's documents tell people to export it. */
const upstreamSettings = ['TRUTO_BASE_URL', 'AUTH_MODE', 'JWT_JWKS_URL', 'JWT_SECRET'] as const;

function readAuth(texts: Texts, values: Values, sandbox: boolean, problems: string[]): AuthConfig | undefined {
  const { AUTH_MODE: mode, TRUTO_API_TOKEN: apiToken, JWT_JWKS_URL: jwksUrl, JWT_SECRET: secret } = values;
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = values;
  // An invalid mode is one mistake. Mistakes that follow from it are not reported.
  if (mode === undefined && texts.AUTH_MODE !== undefined) return undefined;
  if (mode !== 'service') {
    const names = ['JWT_JWKS_URL', 'JWT_SECRET', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const;
    refuseIgnored(names, texts, 'AUTH_MODE=service', problems);
    return { mode: mode === undefined && sandbox ? 'open' : 'passthrough' };
  }
  for (const name of ['TRUTO_API_TOKEN', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const)
    if (!texts[name]) problems.push(`${name} must be set with AUTH_MODE=service`);
  if (Boolean(texts.JWT_JWKS_URL) === Boolean(texts.JWT_SECRET))
    problems.push('exactly one of JWT_JWKS_URL and JWT_SECRET must be set with AUTH_MODE=service');
  const key = jwksUrl ? { jwksUrl } : secret && { secret };
  return apiToken && key && issuer && audience ? { mode, apiToken, jwt: { key, issuer, audience } } : undefined;
}

function readUndoStore(values: Values & Defaults, problems: string[]) {
  const { UNDO_STORE: store, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = values;
  if (store === undefined) return undefined;
  if (typeof store === 'string') return { kind: 'folder', path: store } as const;
  const { AWS_SESSION_TOKEN: sessionToken, AWS_REGION: region } = values;
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { kind: 'bucket', url: store, accessKeyId, secretAccessKey, sessionToken, region } as const;
  problems.push('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set with an UNDO_STORE that is an address');
  return undefined;
}

/** Reads the settings that need `REDIS_URL`; undefined without it. @param set the values without defaults. */
function readShared(values: Values & Defaults, set: Values, mode: AuthConfig['mode'] | undefined, problems: string[]) {
  const { REDIS_URL: redisUrl, REDIS_PREFIX: keyPrefix, REPLICAS: replicas, BULK_TOKEN_SECRET: tokenSecret } = values;
  if (redisUrl === undefined) {
    refuseIgnored(['REDIS_PREFIX', 'REPLICAS', 'BULK_TOKEN_SECRET', 'UNDO_STORE'], set, 'REDIS_URL', problems);
    return undefined;
  }
  if (tokenSecret && mode !== undefined && mode !== 'passthrough')
    problems.push('BULK_TOKEN_SECRET is only for AUTH_MODE=passthrough');
  return {
    redisUrl,
    keyPrefix,
    /** How many processes share the limits. While Redis cannot be reached, each uses its share. */
    replicas,
    /** Encrypts callers' tokens while their bulk deletes run; undefined when the server has its own token, or none is set. */
    tokenSecret,
    undoStore: readUndoStore(values, problems),
  } as const;
}

/** Node starts without certificates that it cannot read. Each request to a server that needs them would fail later. */
function checkExtraCertificates(path: string | undefined, problems: string[]): void {
  if (!path) return;
  try {
    if (/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/.test(readFileSync(path, 'latin1'))) return;
    problems.push(`NODE_EXTRA_CA_CERTS: ${path} has no certificate in PEM format`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    problems.push(`NODE_EXTRA_CA_CERTS: ${path} cannot be read (${code}): correct the path or its permissions`);
  }
}

/** Settings by their names in the environment; `true` and `false` mean `1` and `0`. */
export type PlainSettings = { readonly [N in Name]?: string | number | boolean | undefined };

/** Parses a program's settings as those of the environment, which it does not read. @throws {ConfigError} with all mistakes. */
export function parseSettings(given: PlainSettings): Config {
  const set = Object.entries(given).filter(([name, value]) => isSetting(name) && value !== undefined);
  const texts = set.map(([name, value]) => [name, String(typeof value === 'boolean' ? Number(value) : value)]);
  const unknown = Object.keys(given).filter((name) => !isSetting(name));
  return parse(Object.fromEntries(texts), unknown.map(describeUnknown));
}

/** Parses the environment into a {@link Config}. @throws {ConfigError} with all mistakes. */
export function parseConfig(env: NodeJS.ProcessEnv): Config {
  return parse(env, []);
}

function parse(env: NodeJS.ProcessEnv, problems: string[]) {
  const warnings: string[] = [];
  checkNames(env, problems, warnings);
  checkExtraCertificates(env.NODE_EXTRA_CA_CERTS, problems);
  const { TRUTO_API_TOKEN: token, ...others } = readTexts(env);
  const usesToken = others.AUTH_MODE === 'service';
  // If it is not used, it may have any form: people export it for Truto's own tools.
  const texts: Texts = usesToken && token ? { ...others, TRUTO_API_TOKEN: token } : others;
  const set = parseTexts(texts, problems);
  const values = { ...defaults, ...set };
  const sandbox = values.SANDBOX ?? !upstreamSettings.some((name) => texts[name]);
  if (sandbox && texts.TRUTO_BASE_URL) problems.push('SANDBOX=1 and TRUTO_BASE_URL exclude each other');
  if (sandbox && values.SANDBOX === undefined) {
    // The open sandbox is for first-time users. With signs of another use, it must be requested.
    for (const name of upstreamSettings)
      if (env[name] !== undefined) problems.push(`${name} is set but blank: give it a value, or set SANDBOX=1`);
    if (!isLoopback(values.HOST))
      problems.push('HOST is not loopback and no upstream is configured: set AUTH_MODE to reach Truto, or SANDBOX=1');
  }
  const ofSandbox = (Object.keys(texts) as Name[]).filter((name) => name.startsWith('SANDBOX_'));
  if (!sandbox) refuseIgnored(ofSandbox, texts, 'SANDBOX=1', problems);
  const auth = readAuth(texts, values, sandbox, problems);
  if (token && !usesToken) {
    const instead =
      auth?.mode === 'open'
        ? 'The server uses the embedded sandbox, and nothing real is deleted. To reach Truto, set AUTH_MODE, and not SANDBOX=1.'
        : 'Callers send their own Truto tokens.';
    warnings.push(`TRUTO_API_TOKEN is ignored: only AUTH_MODE=service uses it. ${instead}`);
  }
  const { PORT: port, METRICS_PORT: metricsPort, METRICS_HOST: metricsHost, SUBGRAPH: subgraph } = values;
  if (subgraph === 'none') refuseIgnored(['TYPE_PREFIX'], set, 'SUBGRAPH=federation and SUBGRAPH=stitching', problems);
  if (metricsPort === undefined) refuseIgnored(['METRICS_HOST'], set, 'METRICS_PORT', problems);
  // On the same port, every caller of the API could read the metrics.
  else if (metricsPort === port && port !== 0) problems.push('METRICS_PORT must be another port than PORT');
  const webhookUrl = values.SANDBOX_WEBHOOK_URL;
  const [webhookSecret] = values.TRUTO_WEBHOOK_SECRETS ?? [];
  if (webhookUrl && !texts.TRUTO_WEBHOOK_SECRETS)
    problems.push('TRUTO_WEBHOOK_SECRETS must be set with SANDBOX_WEBHOOK_URL');
  const exposeSchema = values.EXPOSE_SCHEMA ?? sandbox;
  const { TRUSTED_DOCUMENTS: path, TRUSTED_DOCUMENTS_ONLY: only } = values;
  if (only && path === undefined) problems.push('TRUSTED_DOCUMENTS must be set with TRUSTED_DOCUMENTS_ONLY=1');
  if (only && exposeSchema) problems.push('TRUSTED_DOCUMENTS_ONLY=1 needs EXPOSE_SCHEMA=0: GraphiQL sends its own');
  if (only && subgraph !== 'none')
    problems.push('TRUSTED_DOCUMENTS_ONLY=1 and SUBGRAPH exclude each other: gateways write their own documents');
  const confirmation = { isRequired: values.REQUIRE_CONFIRMATION, secret: values.CONFIRMATION_SECRET };
  if (values.REPLICAS > 1 && texts.CONFIRMATION_SECRET === undefined) {
    if (confirmation.isRequired)
      problems.push('CONFIRMATION_SECRET must be set with REQUIRE_CONFIRMATION=1 and several REPLICAS');
    warnings.push('CONFIRMATION_SECRET is not set: a confirmation token is valid only at the replica that made it.');
  }
  const shared = readShared(values, set, auth?.mode, problems);
  if (problems.length > 0 || auth === undefined) throw new ConfigError(problems);
  return {
    host: values.HOST,
    port,
    /** Where metrics are served. Undefined: on the API's port with the embedded sandbox, else nowhere. */
    metrics: metricsPort === undefined ? undefined : { host: metricsHost, port: metricsPort },
    /** The address of Truto, or `sandbox` for the embedded one. */
    upstream: sandbox ? ('sandbox' as const) : values.TRUTO_BASE_URL,
    /** The options of the embedded sandbox. */
    sandbox: {
      engagementsPerAccount: values.SANDBOX_ENGAGEMENTS,
      keepsLimits: values.SANDBOX_LIMITS,
      additionalFields: values.SANDBOX_FIELDS,
      requiredParameters: values.SANDBOX_PARAMETERS,
      /** Where it sends events, and the secret that signs them; undefined for nowhere. */
      webhook: webhookUrl && webhookSecret && { url: webhookUrl, secret: webhookSecret },
    },
    /** The secrets that sign Truto's events; undefined when the server accepts none. */
    webhookSecrets: values.TRUTO_WEBHOOK_SECRETS,
    auth,
    exposeSchema,
    /** A manifest of documents that clients may name by id. With `only`, the server executes no others. */
    trustedDocuments: path === undefined ? undefined : { path, only },
    subgraph,
    /** A prefix to the names of types that a supergraph may also have; empty for none. */
    typePrefix: values.TYPE_PREFIX ?? '',
    /** Confirmation tokens: whether every delete needs one, and what seals them; undefined for a secret of this process. */
    confirmation,
    /** The fields that the operator added to Truto's unified model; undefined for none. */
    additionalFields: values.ADDITIONAL_FIELDS,
    requestTimeoutMs: values.REQUEST_TIMEOUT_MS,
    /** How long a client's connection stays open without a request. */
    keepAliveTimeoutMs: values.KEEP_ALIVE_TIMEOUT_MS,
    /** The proxies whose `X-Forwarded-For` the server trusts; undefined for none. */
    trustedProxies: values.TRUSTED_PROXIES,
    /** The origins whose pages may call from a browser; undefined for none. */
    corsOrigins: values.CORS_ORIGINS,
    maxUpstreamBytes: values.MAX_UPSTREAM_BYTES,
    /** Waits rather than exceed Truto's documented limits. */
    keepsRateLimits: values.TRUTO_RATE_LIMITS ?? (!sandbox || values.SANDBOX_LIMITS),
    /** The OTLP address for traces and metrics; undefined when they are not sent. */
    otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
    /** The proxy for all hosts except loopback, and those that `NO_PROXY` lists; undefined for none. */
    proxy: values.HTTPS_PROXY && { url: values.HTTPS_PROXY, exceptFor: values.NO_PROXY ?? '' },
    shared,
    /** All of them, for the log to redact. */
    secrets: Object.values(values)
      .flat()
      .filter((value) => value instanceof Secret),
    /** Log messages about ignored settings, without their values. */
    warnings,
  } as const;
}
