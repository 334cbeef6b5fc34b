import { z } from 'zod';
import {
  address,
  addressRule,
  baseAddress,
  flag,
  networks,
  proxyAddress,
  redisAddress,
  redisPrefix,
  secretText,
  store,
  text,
  wholeNumber,
} from './setting-values.ts';

/** A setting: what parses it, what to say when it cannot be parsed, and what the README's table says of it (Markdown). */
interface Variable {
  readonly schema: z.ZodType;
  readonly allowed: string;
  /** What holds without it; a value of its own in backticks. */
  readonly usual?: string;
  readonly meaning: string;
  /** Other programs know it in lower case too, which comes first. */
  readonly isSharedName?: true;
}

/** The name or address of an interface of this machine. */
const hostName = z.string().regex(/^[\w.:-]+$/);

/** Every setting of the server, in the order in which the README has them. */
export const variables = {
  HOST: {
    schema: hostName,
    allowed: 'a host name or IP address',
    usual: '`127.0.0.1`',
    meaning: 'address to listen on',
  },
  PORT: {
    schema: wholeNumber(0, 65_535),
    allowed: 'a whole number from 0 to 65535 (0 = any free port)',
    usual: '`4000`',
    meaning: 'port to listen on; `0` takes any free one and prints it',
  },
  METRICS_PORT: {
    schema: wholeNumber(0, 65_535),
    allowed: 'a whole number from 0 to 65535 (0 = any free port)',
    meaning:
      'port for `GET /metrics`, which is nowhere without it, but for the embedded sandbox, where it is on `PORT`; `0` takes any free one and prints it',
  },
  METRICS_HOST: {
    schema: hostName,
    allowed: 'a host name or IP address',
    usual: '`127.0.0.1`',
    meaning: 'address to listen on for that',
  },
  TRUTO_BASE_URL: {
    schema: baseAddress,
    allowed: `${addressRule}, query or fragment`,
    usual: '`https://api.truto.one`',
    meaning: 'upstream; `https`, unless it is loopback',
  },
  AUTH_MODE: {
    schema: z.enum(['passthrough', 'service']),
    allowed: 'passthrough or service',
    usual: '`passthrough`',
    meaning:
      "`passthrough`: callers send their own Truto token, which goes upstream unchanged. `service`: the server's token goes upstream, and callers prove themselves by JWT",
  },
  TRUTO_API_TOKEN: {
    schema: secretText(/^[\x21-\x7e]+$/),
    allowed: 'a token of visible ASCII characters without spaces',
    meaning:
      "the server's token, with `service` only: other modes ignore it, with a warning. [The terminal](docs/terminal.md) uses it in every mode",
  },
  JWT_JWKS_URL: {
    schema: address,
    allowed: addressRule,
    meaning: "key set that callers' tokens are verified with, or",
  },
  JWT_SECRET: {
    schema: secretText(/^.{32,}$/s),
    allowed: 'at least 32 characters',
    meaning: 'a shared secret of at least 32 characters',
  },
  JWT_ISSUER: {
    schema: text,
    allowed: 'text',
    meaning: 'the `iss` that a token must have',
  },
  JWT_AUDIENCE: {
    schema: text,
    allowed: 'text',
    meaning: 'the `aud` that a token must have',
  },
  SANDBOX: {
    schema: flag,
    allowed: '0 or 1',
    usual:
      '`1` when `TRUTO_BASE_URL`, `AUTH_MODE`, `JWT_JWKS_URL` and `JWT_SECRET` are not set and `HOST` is loopback; else `0`',
    meaning: 'start the embedded sandbox and use it as upstream; anybody may call',
  },
  SANDBOX_ENGAGEMENTS: {
    schema: wholeNumber(30, 75_000),
    allowed: 'a whole number from 30 to 75000',
    usual: '`30`',
    meaning: 'how many engagements each account of the sandbox has, up to 75,000',
  },
  SANDBOX_LIMITS: {
    schema: flag,
    allowed: '0 or 1',
    usual: '`0`',
    meaning:
      "`1`: the sandbox refuses what exceeds Truto's limits (50 requests in 10 s for an account, 500 for the token)",
  },
  EXPOSE_SCHEMA: {
    schema: flag,
    allowed: '0 or 1',
    usual: 'as `SANDBOX`',
    meaning: '`1`: introspection, GraphiQL and suggestions in error messages',
  },
  SUBGRAPH: {
    schema: z.enum(['none', 'federation', 'stitching']),
    allowed: 'none, federation or stitching',
    usual: '`none`',
    meaning:
      '`federation` (Apollo Federation 2.9) or `stitching` (stitching directives): see [docs/supergraph.md](docs/supergraph.md)',
  },
  TYPE_PREFIX: {
    schema: z.string().regex(/^[A-Z][A-Za-z0-9]{0,30}$/),
    allowed: 'a capital letter, and up to 30 more letters and digits',
    meaning:
      'with `SUBGRAPH`: a prefix to the names of types that your graph may have too, such as `Crm`: `Contact` becomes `CrmContact`, `NotFoundError` `CrmNotFoundError`. Names with `Engagement` in them, scalars and `PageInfo` stay',
  },
  TRUSTED_DOCUMENTS: {
    schema: text,
    allowed: 'the path of a JSON file',
    meaning:
      'the path of a manifest of documents that clients may name by their ids: see [docs/operating.md](docs/operating.md#trusted-documents)',
  },
  TRUSTED_DOCUMENTS_ONLY: {
    schema: flag,
    allowed: '0 or 1',
    usual: '`0`',
    meaning: '`1`: nothing else is executed. Not together with `EXPOSE_SCHEMA=1` or `SUBGRAPH`',
  },
  REQUEST_TIMEOUT_MS: {
    schema: wholeNumber(100, 600_000),
    allowed: 'a whole number from 100 to 600000',
    usual: '`10000`',
    meaning: 'time for a whole operation; a streamed body may pause this long between chunks',
  },
  KEEP_ALIVE_TIMEOUT_MS: {
    schema: wholeNumber(1_000, 7_200_000),
    allowed: 'a whole number from 1000 to 7200000',
    usual: '`65000`',
    meaning:
      'time that a connection without a request is kept. It must be longer than a balancer in front keeps its own: see [docs/operating.md](docs/operating.md#behind-a-balancer)',
  },
  TRUSTED_PROXIES: {
    schema: networks,
    allowed: 'IP addresses and CIDR blocks, separated by commas',
    meaning:
      'addresses and CIDR blocks of the proxies in front, separated by commas: their `X-Forwarded-For` says which client a request is from. Without it, that header is ignored, and limits per client are per connection address',
  },
  TRUTO_RATE_LIMITS: {
    schema: flag,
    allowed: '0 or 1',
    usual: '`1`; over the embedded sandbox as `SANDBOX_LIMITS`',
    meaning:
      "`1`: requests wait their turn, or get a `RateLimitedError`, rather than exceed Truto's documented limits (50 in 10 s for an integrated account, 500 for a token)",
  },
  MAX_UPSTREAM_BYTES: {
    schema: wholeNumber(1024, 1_073_741_824),
    allowed: 'a whole number from 1024 to 1073741824',
    usual: '`1048576`',
    meaning: 'largest upstream body that is collected',
  },
  HTTPS_PROXY: {
    schema: proxyAddress,
    allowed: 'an http: or https: address',
    meaning:
      'a proxy that upstream, `JWT_JWKS_URL` and a bucket are reached by: see [docs/operating.md](docs/operating.md#proxies). `https_proxy` comes first',
    isSharedName: true,
  },
  NO_PROXY: {
    schema: text,
    allowed: 'text',
    meaning: 'hosts that are reached without it, with commas between them. `no_proxy` comes first',
    isSharedName: true,
  },
  REDIS_URL: {
    schema: redisAddress,
    allowed:
      'redis://HOST:PORT, redis+cluster://HOST:PORT,HOST:PORT or redis+sentinel://HOST:PORT,HOST:PORT/PRIMARY (rediss instead of redis for TLS), each with USER:PASSWORD@ before the hosts if needed',
    meaning:
      'Redis or Valkey: what replicas share, and where bulk deletes are kept. `redis://host:port`, `redis+cluster://host:port,host:port` or `redis+sentinel://host:port,host:port/primary`, with `rediss` for TLS: see [docs/operating.md](docs/operating.md#redis)',
  },
  REDIS_PREFIX: {
    schema: redisPrefix,
    allowed: 'up to 64 letters, digits and _.:-, of which one part may be in braces',
    usual: '`{engagements}`',
    meaning:
      'how all keys in Redis begin, so that several deployments can share it. What has no braces is put in braces',
  },
  REPLICAS: {
    schema: wholeNumber(1, 50),
    allowed: 'a whole number from 1 to 50',
    usual: '`1`',
    meaning: 'how many processes share the limits: each keeps its part of them while Redis cannot be used',
  },
  BULK_TOKEN_SECRET: {
    schema: secretText(/^.{32,}$/s),
    allowed: 'at least 32 characters',
    meaning:
      "with `passthrough`, at least 32 characters that seal callers' tokens while their bulk deletes run; the same for all replicas",
  },
  UNDO_STORE: {
    schema: store,
    allowed: 'the absolute path of a folder, or an https address (http only for loopback)',
    meaning:
      'where bulk deletes keep records before they are deleted; a server that cannot write there does not start: the absolute path of a folder (that all replicas share), or the `https` address of a bucket (S3 or what speaks its protocol), with a prefix if you like',
  },
  AWS_ACCESS_KEY_ID: {
    schema: z.string().regex(/^[\x21-\x7e]+$/),
    allowed: 'visible ASCII characters without spaces',
    meaning: 'for a bucket',
  },
  AWS_SECRET_ACCESS_KEY: {
    schema: secretText(/^.+$/s),
    allowed: 'text',
    meaning: 'for a bucket',
  },
  AWS_SESSION_TOKEN: {
    schema: secretText(/^[\x21-\x7e]+$/),
    allowed: 'visible ASCII characters without spaces',
    meaning: 'for a bucket, with temporary credentials: see [docs/bulk-deletes.md](docs/bulk-deletes.md#undo-files)',
  },
  AWS_REGION: {
    schema: z.string().regex(/^[a-z0-9-]+$/),
    allowed: 'the name of a region',
    usual: '`us-east-1`',
    meaning: 'for a bucket',
  },
} satisfies Readonly<Record<string, Variable>>;

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

/** True when so many letters left out, added, replaced or swapped with a neighbour make one text of the other. */
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

/** The setting that a name was meant to be; undefined when it is near none. */
function findMeant(name: string): Name | undefined {
  const upperCase = name.toUpperCase().replace(/[-.]/g, '_');
  const joined = (text: string) => text.replaceAll('_', '');
  const sorted = (text: string) => text.split('_').sort().join('_');
  // A short name, such as HOST, is near too much that is not ours; a long one is near nothing else, even with two typos.
  const settings = (Object.keys(variables) as Name[]).filter(({ length }) => length >= 7);
  const longOnes = settings.filter(({ length }) => length >= 12);
  return (
    settings.find((setting) => joined(upperCase) === joined(setting) || sorted(upperCase) === sorted(setting)) ??
    settings.find((setting) => isWithin(1, upperCase, setting)) ??
    longOnes.find((setting) => isWithin(2, upperCase, setting))
  );
}

/** What to say of a name that is no setting. */
export function describeUnknown(name: string): string {
  const meant = findMeant(name);
  return `${name} is not a setting of this server${meant ? `: did you mean ${meant}?` : ''}`;
}

/** Names that only we use, and some that others use too. */
const families = /^(TRUTO|JWT|AUTH|BULK|UNDO|REDIS|TRUSTED)_/;

/** What Kubernetes sets beside a Service of a name, Docker beside a linked container, and Heroku for its Redis. */
const platformForms = [
  /_SERVICE_(HOST$|PORT$|PORT_)/,
  /_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/,
  /^REDIS_(TLS_|TEMPORARY_)URL$/,
];

/**
 * A mistyped setting would leave a server unprotected that somebody meant to protect: it is a problem. A name that only
 * begins as ours do may be another program's: one warning has all of these. What platforms set is ignored.
 */
export function checkNames(env: NodeJS.ProcessEnv, problems: string[], warnings: string[]): void {
  const sharedNames = Object.entries<Variable>(variables).filter(([, { isSharedName }]) => isSharedName);
  // Near a name of ours, and not read: nothing but loopback is asked without TLS.
  const known = new Set(['http_proxy', ...sharedNames.map(([name]) => name.toLowerCase())]);
  const unknown = Object.keys(env).filter((name) => !isSetting(name) && !known.has(name) && name !== 'HTTP_PROXY');
  const ignored: string[] = [];
  for (const name of unknown) {
    const meant = findMeant(name);
    // A platform that gives one value under two names does no harm; nor does Windows, where case does not count.
    if (meant && env[meant]?.trim() !== env[name]?.trim()) problems.push(describeUnknown(name));
    else if (families.test(name) && !platformForms.some((form) => form.test(name))) ignored.push(name);
  }
  if (ignored.length > 0) warnings.push(`Ignored, since they are no settings of this server: ${ignored.join(', ')}`);
}

/** What of the environment is a setting of ours. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const trimmed = Object.entries<Variable>(variables).map(([name, { isSharedName }]) => {
    const lowerCase = isSharedName ? env[name.toLowerCase()]?.trim() : undefined;
    return [name, lowerCase || (env[name]?.trim() ?? '')] as const;
  });
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
