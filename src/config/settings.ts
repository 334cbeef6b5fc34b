import { BlockList, isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { parseRedisAddress } from './redis-address.ts';
import { Secret } from './secret.ts';

/** The token of the embedded sandbox, for callers without one. It is not a secret, since the data is invented. */
export const openToken = 'sandbox-token';

/** The form of a setting's text: its parser, and the rule in words for the error message. */
interface Form<Value> {
  readonly schema: z.ZodType<Value, string>;
  readonly allowed: string;
  /** True if the error message has the problems that the parser found, which must not quote values. */
  readonly saysWhy?: true;
}

/** The address as it is shown, and put in front of a path. */
export const withoutFinalSlash = ({ href }: URL): string => href.replace(/\/$/, '');

/** True for a host that is this machine: no other machine can reach it. An IPv6 address may be in brackets, as in a URL. */
export function isLoopback(host: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]', '::1'].includes(host);
}

function form<Value>(schema: z.ZodType<Value, string>, allowed: string): Form<Value> {
  return { schema, allowed };
}

/** A form that the parser explains. */
function jsonForm<Value>(schema: z.ZodType<Value>, allowed: string): Form<Value> {
  return { schema: string.transform(parseJson).pipe(schema), allowed, saysWhy: true };
}

const string = z.string();
const text = form(string, 'text');
const flag = form(
  z.enum(['0', '1']).transform((value) => value === '1'),
  '0 or 1',
);
const hostName = form(string.regex(/^[\w.:-]+$/), 'a host name or IP address');

function wholeNumber(minimum: number, maximum: number, allowed = `a whole number from ${minimum} to ${maximum}`) {
  const digits = string.regex(/^\d{1,15}$/);
  return form(
    digits.transform(Number).refine((value) => value >= minimum && value <= maximum),
    allowed,
  );
}

const port = wholeNumber(0, 65_535, 'a whole number from 0 to 65535 (0 = any free port)');
const secret = string.transform((value) => new Secret(value));
/** Texts with commas between them. */
const list = string.transform((value) => value.split(',').map((one) => one.trim()));
const visibleAscii = string.regex(/^[\x21-\x7e]+$/);
const visibleAsciiRule = 'visible ASCII characters without spaces';
const longSecret = form(string.min(32).pipe(secret), 'at least 32 characters');

/** An absolute address that sends credentials and data encrypted, or only within this machine. */
const address = form(
  string
    .refine(URL.canParse)
    .transform((value) => new URL(value))
    .refine((url) => url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)))
    .refine((url) => url.username === '' && url.password === ''),
  'an https address (http only for loopback) without user',
);

/** An address to which paths are appended. They would become part of a query or fragment, even of an empty one. */
const baseAddress = form(string.regex(/^[^?#]*$/).pipe(address.schema), `${address.allowed}, query or fragment`);

/** It may have a user and a password, so all of it is a secret. */
const redisAddress = form(
  string.refine(parseRedisAddress).pipe(secret),
  'redis://HOST:PORT, redis+cluster://HOST:PORT,HOST:PORT or redis+sentinel://HOST:PORT,HOST:PORT/PRIMARY (rediss instead of redis for TLS), each with USER:PASSWORD@ before the hosts if needed',
);

/** A prefix without braces is put in braces, so that all keys are in one hash slot. */
const redisPrefix = form(
  string
    .max(64)
    .regex(/^[\w.:-]+$|^[\w.:-]*\{[\w.:-]+\}[\w.:-]*$/)
    .transform((value) => (value.includes('{') ? value : `{${value}}`)),
  'up to 64 letters, digits and _.:-, of which one part may be in braces',
);

function isDecodable(value: string): boolean {
  try {
    return decodeURIComponent(value) !== undefined;
  } catch {
    return false;
  }
}

/** Without a scheme it is an http address, as for curl. It may have a user and a password, so all of it is a secret. */
const proxyAddress = form(
  string
    .transform((value) => URL.parse(value.includes('://') ? value : `http://${value}`))
    .refine((url) => url !== null && /^https?:$/.test(url.protocol))
    .refine((url) => isDecodable(url?.username ?? '') && isDecodable(url?.password ?? ''))
    .transform((url) => new Secret(url?.href ?? '')),
  'an http: or https: address',
);

/** Adds an address, or a block `address/bits`; false when it is neither. */
function addBlock(blocks: BlockList, block: string): boolean {
  const [, base = '', bits] = /^([\w.:]+)(?:\/(\d{1,3}))?$/.exec(block) ?? [];
  const version = isIP(base);
  const most = version === 4 ? 32 : 128;
  if (version === 0 || Number(bits ?? most) > most) return false;
  blocks.addSubnet(base, Number(bits ?? most), version === 4 ? 'ipv4' : 'ipv6');
  return true;
}

/** Addresses and blocks of them, separated by commas. */
export const networks = form(
  list.transform((blocks, { addIssue }) => {
    const known = new BlockList();
    for (const block of blocks) if (!addBlock(known, block)) addIssue('not an address');
    return known;
  }),
  'IP addresses and CIDR blocks, separated by commas',
);

/** The address of a receiver, which is usually in the same network and without TLS. */
const receiver = form(
  string
    .regex(/^https?:\/\/[^?#@]+$/)
    .refine(URL.canParse)
    .transform((value) => new URL(value)),
  'an http or https address without user, query or fragment',
);

/** The secrets of webhooks. Truto makes UUIDs. */
const webhookSecrets = form(
  list.pipe(z.array(visibleAscii.min(16).pipe(secret))),
  'secrets of at least 16 visible ASCII characters each, separated by commas',
);

/** Origins as browsers send them, separated by commas. */
const origins = form(
  list
    .refine((all) => all.every((one) => address.schema.safeParse(one).success && new URL(one).origin === one))
    .transform((all): ReadonlySet<string> => new Set(all)),
  'origins such as https://app.example.com (http only for loopback), without a path or a final slash, separated by commas; * is not allowed',
);

/** Parses JSON, as a transformation of zod. Other text is an issue. */
export function parseJson(text: string, { addIssue }: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text);
  } catch {
    addIssue('it is not JSON');
    return z.NEVER;
  }
}

/** The types of additional fields, as SDL writes them. */
const scalars = ['String', '[String!]', 'Int', 'Float', 'Boolean', 'DateTime', 'JSONObject', 'JSON'] as const;

const oneField = z.strictObject({
  /** Its key in Truto's answers. In camelCase, it is the GraphQL name. */
  name: string.regex(/^[A-Za-z]\w{0,99}$/, 'it must be a letter, and up to 99 more letters, digits and _'),
  type: z.enum(scalars, `it must be one of ${scalars.join(', ')}`),
  /** For callers. */
  description: string
    .min(1, 'it must not be empty')
    .refine((text) => text.isWellFormed(), 'it has half of a surrogate pair'),
});

/** A field that the operator added to the unified model of engagements at Truto. */
export type AdditionalField = Readonly<z.output<typeof oneField>>;

const fieldList: Form<readonly AdditionalField[]> = jsonForm(
  z.array(oneField).max(100),
  'a JSON list of {name, type, description}',
);

/** A setting: its form, and its meaning for the table in the documentation (Markdown). */
export interface Setting<Value = unknown> extends Form<Value> {
  readonly meaning: string;
  /** Its text when it is not set. */
  readonly default?: string;
  /** The default in words, where it depends on other settings. */
  readonly defaultInWords?: string;
}

function setting<Value>(form: Form<Value>, meaning: string, defaultInWords = '') {
  return { ...form, meaning, defaultInWords };
}

function withDefault<Value>(form: Form<Value>, text: string, meaning: string) {
  return { ...form, meaning, default: text };
}

/** Names that other programs also read. In lower case they have precedence. */
const sharedNames: ReadonlySet<string> = new Set(['HTTPS_PROXY', 'NO_PROXY']);

/** All settings of the server, in the order of the documentation's table. */
export const settings = {
  HOST: withDefault(hostName, '127.0.0.1', 'address to listen on'),
  PORT: withDefault(port, '4000', 'port to listen on; `0` takes any free port and prints it'),
  METRICS_PORT: setting(
    port,
    'port for `GET /metrics`; `0` takes any free port and prints it. Without it, only the embedded sandbox has metrics, on `PORT`',
  ),
  METRICS_HOST: withDefault(hostName, '127.0.0.1', 'address to listen on for `METRICS_PORT`'),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting(
    receiver,
    "where OpenTelemetry's SDK sends traces and metrics, such as `http://127.0.0.1:4318`. Needs the package `@opentelemetry/sdk-node`: see [docs/operating.md](docs/operating.md)",
  ),
  TRUTO_BASE_URL: withDefault(baseAddress, 'https://api.truto.one', 'base URL of Truto; `http` only for loopback'),
  AUTH_MODE: setting(
    form(z.enum(['passthrough', 'service']), 'passthrough or service'),
    "`passthrough`: callers send their own Truto token, which goes upstream unchanged. `service`: the server's token goes upstream, and callers send a JWT",
    '`passthrough`',
  ),
  TRUTO_API_TOKEN: setting(
    form(visibleAscii.pipe(secret), `a token of ${visibleAsciiRule}`),
    "the server's token, for `service` only: other modes ignore it, with a warning. [The terminal](docs/terminal.md) uses it in every mode",
  ),
  JWT_JWKS_URL: setting(address, "JWKS URL that verifies callers' tokens. Set this or `JWT_SECRET`"),
  JWT_SECRET: setting(longSecret, "shared secret that verifies callers' tokens, at least 32 characters"),
  JWT_ISSUER: setting(text, 'the `iss` that each token must have'),
  JWT_AUDIENCE: setting(text, 'the `aud` that each token must have'),
  TRUTO_WEBHOOK_SECRETS: setting(
    webhookSecrets,
    "secrets of Truto's webhooks to this server, of at least 16 characters, separated by commas; during a rotation, the old one and the new one. With it, the server accepts Truto's events at `POST /webhooks/truto`: see [docs/webhooks.md](docs/webhooks.md)",
  ),
  SANDBOX: setting(
    flag,
    '`1`: starts the embedded sandbox and uses it as upstream; anyone may call',
    '`1` when `TRUTO_BASE_URL`, `AUTH_MODE`, `JWT_JWKS_URL` and `JWT_SECRET` are not set and `HOST` is loopback; else `0`',
  ),
  SANDBOX_ENGAGEMENTS: withDefault(wholeNumber(30, 75_000), '30', 'engagements of each account in the sandbox'),
  SANDBOX_LIMITS: withDefault(
    flag,
    '0',
    "`1`: the sandbox refuses requests beyond Truto's limits (50 requests in 10 s for an account, 500 for the token)",
  ),
  SANDBOX_FIELDS: setting(
    jsonForm(z.record(z.string(), z.json()), 'a JSON object'),
    'additional fields of each engagement in the sandbox, as a JSON object by name, such as `{"deal_stage":"won"}`: as if you had added them to Truto\'s unified model',
  ),
  SANDBOX_PARAMETERS: setting(
    form(list.pipe(z.array(string.regex(/^\w+$/))), 'names of letters, digits and _, separated by commas'),
    "query parameters that the sandbox requires in each request for engagements, such as `region`: as if you had added them to Truto's unified model",
  ),
  SANDBOX_WEBHOOK_URL: setting(
    address,
    "where the sandbox sends Truto's events, such as `http://127.0.0.1:4000/webhooks/truto`, signed with the first of `TRUTO_WEBHOOK_SECRETS`",
  ),
  EXPOSE_SCHEMA: setting(
    flag,
    '`1`: introspection, GraphiQL, the page `/bulk` and suggestions in error messages',
    'as `SANDBOX`',
  ),
  SUBGRAPH: withDefault(
    form(z.enum(['none', 'federation', 'stitching']), 'none, federation or stitching'),
    'none',
    '`federation` (Apollo Federation 2.9) or `stitching` (stitching directives): see [docs/supergraph.md](docs/supergraph.md)',
  ),
  TYPE_PREFIX: setting(
    form(string.regex(/^[A-Z][A-Za-z0-9]{0,30}$/), 'a capital letter, and up to 30 more letters and digits'),
    'with `SUBGRAPH`: a prefix to the names of types that your graph may have too, such as `Crm`: `Contact` becomes `CrmContact`, `NotFoundError` `CrmNotFoundError`. Names with `Engagement` in them, scalars and `PageInfo` stay',
  ),
  ADDITIONAL_FIELDS: setting(
    fieldList,
    'fields that you added to the unified model of engagements at Truto, as a JSON list, such as `[{"name":"deal_stage","type":"String","description":"The stage of the deal."}]`: see [docs/reading.md](docs/reading.md#your-own-fields)',
  ),
  TRUSTED_DOCUMENTS: setting(
    form(string, 'the path of a JSON file'),
    'path of a manifest of documents that clients may name by id: see [docs/operating.md](docs/operating.md#trusted-documents)',
  ),
  TRUSTED_DOCUMENTS_ONLY: withDefault(
    flag,
    '0',
    '`1`: the server executes no other documents; not with `EXPOSE_SCHEMA=1` or `SUBGRAPH`',
  ),
  REQUIRE_CONFIRMATION: withDefault(
    flag,
    '0',
    '`1`: nothing is deleted without the `confirmationToken` of a dry run; the same for all replicas. See [docs/agents.md](docs/agents.md)',
  ),
  CONFIRMATION_SECRET: setting(
    longSecret,
    'at least 32 characters that seal confirmation tokens; the same for all replicas. Without it, a token is valid only at the process that made it',
  ),
  REQUEST_TIMEOUT_MS: withDefault(
    wholeNumber(100, 600_000),
    '10000',
    'time for a whole operation; also the longest pause between two chunks of a streamed body',
  ),
  KEEP_ALIVE_TIMEOUT_MS: withDefault(
    wholeNumber(1_000, 7_200_000),
    '65000',
    'how long a connection without a request stays open. Make it longer than the keep-alive of a load balancer in front: see [docs/operating.md](docs/operating.md#behind-a-balancer)',
  ),
  TRUSTED_PROXIES: setting(
    networks,
    'addresses and CIDR blocks of the proxies in front, separated by commas: their `X-Forwarded-For` names the client of a request. Without it, that header is ignored, and each connection address counts as one client',
  ),
  CORS_ORIGINS: setting(
    origins,
    'origins of the web pages that may call this server from a browser, such as `https://app.example.com`, separated by commas. Without it, browsers refuse pages of other origins',
  ),
  TRUTO_RATE_LIMITS: setting(
    flag,
    "`1`: requests wait, or get a `RateLimitedError`, rather than exceed Truto's documented limits (50 in 10 s for an integrated account, 500 for a token)",
    '`1`; over the embedded sandbox as `SANDBOX_LIMITS`',
  ),
  MAX_UPSTREAM_BYTES: withDefault(wholeNumber(1024, 1_073_741_824), '1048576', 'largest upstream body that is read'),
  HTTPS_PROXY: setting(
    proxyAddress,
    'proxy for upstream, `JWT_JWKS_URL` and a bucket: see [docs/operating.md](docs/operating.md#proxies). `https_proxy` takes precedence',
  ),
  NO_PROXY: setting(text, 'hosts reached without the proxy, separated by commas. `no_proxy` takes precedence'),
  REDIS_URL: setting(
    redisAddress,
    'Redis or Valkey, for the state that replicas share and for bulk deletes. `redis://host:port`, `redis+cluster://host:port,host:port` or `redis+sentinel://host:port,host:port/primary`, with `rediss` for TLS: see [docs/operating.md](docs/operating.md#redis)',
  ),
  REDIS_PREFIX: withDefault(
    redisPrefix,
    '{engagements}',
    'the prefix of all keys in Redis, so that several deployments can share it. A prefix without braces is put in braces',
  ),
  REPLICAS: withDefault(
    wholeNumber(1, 50),
    '1',
    'how many processes share the limits. While Redis cannot be reached, each uses its share',
  ),
  BULK_TOKEN_SECRET: setting(
    longSecret,
    "with `passthrough`: at least 32 characters that encrypt callers' tokens while their bulk deletes run; the same for all replicas",
  ),
  UNDO_STORE: setting(
    form(
      z.union([string.refine(isAbsolute), baseAddress.schema]),
      'the absolute path of a folder, or an https address (http only for loopback)',
    ),
    'where bulk deletes store records before they are deleted. Either the absolute path of a folder that all replicas share, or the `https` address of a bucket (S3 or its protocol), with an optional prefix. A missing folder is created, but not the one that it is in. A server that cannot write there does not start',
  ),
  AWS_ACCESS_KEY_ID: setting(form(visibleAscii, visibleAsciiRule), 'for a bucket'),
  AWS_SECRET_ACCESS_KEY: setting(form(secret, 'text'), 'for a bucket'),
  AWS_SESSION_TOKEN: setting(
    form(visibleAscii.pipe(secret), visibleAsciiRule),
    'for a bucket, with temporary credentials: see [docs/bulk-deletes.md](docs/bulk-deletes.md#undo-files)',
  ),
  AWS_REGION: withDefault(form(string.regex(/^[a-z0-9-]+$/), 'the name of a region'), 'us-east-1', 'for a bucket'),
} satisfies Readonly<Record<string, Setting>>;

/** The name of a setting. */
export type Name = keyof typeof settings;

/** The settings that are set and valid, parsed. */
export type Values = { readonly [N in Name]?: z.output<(typeof settings)[N]['schema']> };

/** The text of each setting that is set, trimmed. Blank ones are not set. */
export type Texts = { readonly [N in Name]?: string };

/** The values of the settings with a default, by name. */
export type Defaults = {
  readonly [N in Name as (typeof settings)[N] extends { readonly default: string } ? N : never]: Required<Values>[N];
};

const entries = Object.entries<Setting>(settings);

/** The values of the settings with a default. */
export const defaults = Object.fromEntries(
  entries.flatMap(([name, row]) => (row.default === undefined ? [] : [[name, row.schema.parse(row.default)]])),
) as Defaults;

/** Reads the texts of all settings from the environment. */
export function readTexts(env: NodeJS.ProcessEnv): Texts {
  const texts = entries.map(([name]) => {
    const lowerCase = sharedNames.has(name) ? env[name.toLowerCase()]?.trim() : undefined;
    return [name, lowerCase || env[name]?.trim()];
  });
  return Object.fromEntries(texts.filter(([, text]) => text));
}

/** The problems within a value, each with its path. */
function describeIssues({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => [...path, message].join(': ')).join('; ');
}

/** Parses the texts. An invalid one is reported as a problem and left out. */
export function parseTexts(texts: Texts, problems: string[]): Values {
  const values: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(texts)) {
    const { schema, allowed, saysWhy }: Setting = settings[name as Name];
    const { success, data, error } = schema.safeParse(text);
    if (success) values[name] = data;
    else problems.push(`${name} must be ${allowed}${saysWhy ? `: ${describeIssues(error)}` : ''}`);
  }
  return values;
}

/** True when there is a setting of that name. */
export const isSetting = (name: string): name is Name => Object.hasOwn(settings, name);

/** True when this many letters removed, added, replaced or swapped turn one text into the other. */
function isWithin(edits: number, one: string, other: string): boolean {
  if (one === other) return true;
  if (edits === 0) return false;
  let same = 0;
  while (one[same] === other[same]) same += 1;
  const [a, b] = [one.slice(same), other.slice(same)];
  const isSwapped = a[0] === b[1] && a[1] === b[0];
  return (
    isWithin(edits - 1, a.slice(1), b) ||
    isWithin(edits - 1, a, b.slice(1)) ||
    isWithin(edits - 1, a.slice(1), b.slice(1)) ||
    (isSwapped && isWithin(edits - 1, a.slice(2), b.slice(2)))
  );
}

/** The setting that a mistyped name means; undefined when it resembles none. */
function findMeant(name: string): Name | undefined {
  const upperCase = name.toUpperCase().replace(/[-.]/g, '_');
  const joined = (text: string) => text.replaceAll('_', '');
  const sorted = (text: string) => text.split('_').sort().join('_');
  // A short name, such as HOST, resembles too many names of other programs. A long one resembles none, even with two typos.
  const names = (Object.keys(settings) as Name[]).filter(({ length }) => length >= 7);
  const longOnes = names.filter(({ length }) => length >= 12);
  return (
    names.find((setting) => joined(upperCase) === joined(setting) || sorted(upperCase) === sorted(setting)) ??
    names.find((setting) => isWithin(1, upperCase, setting)) ??
    longOnes.find((setting) => isWithin(2, upperCase, setting))
  );
}

/** The message about a name that is not a setting. */
export function describeUnknown(name: string): string {
  const meant = findMeant(name);
  return `${name} is not a setting of this server${meant ? `: did you mean ${meant}?` : ''}`;
}

/** Prefixes of our settings; other programs use some of them too. */
const families = /^(TRUTO|JWT|AUTH|BULK|UNDO|REDIS|TRUSTED)_/;
/** Names that Kubernetes sets for a Service, Docker for a linked container, and Heroku for its Redis. */
const platformForms = [
  /_SERVICE_(HOST$|PORT$|PORT_)/,
  /_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/,
  /^REDIS_(TLS_|TEMPORARY_)URL$/,
];
/** Names that resemble ours. HTTP_PROXY is not read, since only loopback is reached without TLS. */
const proxyNames = /^(https?_proxy|no_proxy|HTTP_PROXY)$/;

/**
 * A mistyped setting is a problem: it could leave a server unprotected. A name that only has one of our prefixes may be another
 * program's: one warning lists these. Names that platforms set are ignored.
 */
export function checkNames(env: NodeJS.ProcessEnv, problems: string[], warnings: string[]): void {
  const ignored: string[] = [];
  for (const name of Object.keys(env)) {
    if (isSetting(name) || proxyNames.test(name)) continue;
    // Node reads the mark at the beginning of an .env as a part of the first name.
    if (name.startsWith('\ufeff')) {
      problems.push(`${name.slice(1)} follows a byte order mark: save the .env file as UTF-8 without it`);
      continue;
    }
    const meant = findMeant(name);
    // One value under two names is harmless. Some platforms set both, and on Windows case does not count.
    if (meant && env[meant]?.trim() !== env[name]?.trim()) problems.push(describeUnknown(name));
    else if (families.test(name) && !platformForms.some((form) => form.test(name))) ignored.push(name);
  }
  if (ignored.length > 0)
    warnings.push(`These variables are not settings of this server and are ignored: ${ignored.join(', ')}`);
}
