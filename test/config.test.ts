import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Config, ConfigError, parseConfig, parseSettings } from '../src/config/config.ts';
import { Secret } from '../src/config/secret.ts';
import { createFolder } from './support/folder.ts';
import { runs } from './support/runs.ts';

type Env = Record<string, string>;

const secret = 's'.repeat(32);
const service: Env = {
  AUTH_MODE: 'service',
  TRUTO_API_TOKEN: 'api-token',
  JWT_SECRET: secret,
  JWT_ISSUER: 'https://issuer.example/',
  JWT_AUDIENCE: 'engagements',
};
const serviceSettings = ['TRUTO_API_TOKEN', 'JWT_JWKS_URL', 'JWT_SECRET', 'JWT_ISSUER', 'JWT_AUDIENCE'];

const notWhole = ['-1', '1.5', '1e3', '0x10', 'many', '٣', `1${'0'.repeat(20)}`];
const notFlag = ['2', 'true', 'yes'];

const mistakes: Record<string, readonly string[]> = {
  ...{ HOST: ['a b', 'http://host', 'host/path'], PORT: [...notWhole, '65536'], SANDBOX: notFlag },
  ...{ EXPOSE_SCHEMA: notFlag, TRUTO_BASE_URL: ['nowhere'], AUTH_MODE: ['open', 'SERVICE', 'none'] },
  ...{ REQUEST_TIMEOUT_MS: [...notWhole, '99', '600001'], MAX_UPSTREAM_BYTES: [...notWhole, '1023', '1073741825'] },
  ...{
    KEEP_ALIVE_TIMEOUT_MS: [...notWhole, '999', '7200001'],
    TRUSTED_PROXIES: [
      'any',
      '10.0.0.0/33',
      '::1/129',
      '10.0.0.0/',
      '10.0.0.1,',
      '10.0.0.1 10.0.0.2',
      '10.0.0/8',
      'fe80::1%eth0',
    ],
  },
  CORS_ORIGINS: [
    '*',
    'null',
    'app.example',
    'https://app.example/',
    'https://app.example:443',
    'http://app.example',
    'https://app.example,',
  ],
  OTEL_EXPORTER_OTLP_ENDPOINT: ['collector:4318', 'grpc://c', 'http://u:p@c', 'http://c?x', 'http://'],
  ...{ TRUTO_API_TOKEN: ['a b', 'a\nb', 'é'], JWT_JWKS_URL: ['nowhere'], JWT_SECRET: ['s'.repeat(31)] },
  ...{ METRICS_HOST: ['a b', 'http://host'], METRICS_PORT: [...notWhole, '65536'] },
  ...{ JWT_ISSUER: [], JWT_AUDIENCE: [], TRUTO_RATE_LIMITS: notFlag },
  ...{
    SUBGRAPH: ['Federation', 'apollo', '1'],
    ADDITIONAL_FIELDS: ['canary', '{}', '[{}]'],
    SANDBOX_FIELDS: ['canary', '[]', '1'],
    SANDBOX_PARAMETERS: ['a,', 'a b', 'a-b', ','],
    TYPE_PREFIX: ['crm', '1Crm', 'Crm_', 'Crm Types', `C${'r'.repeat(31)}`],
  },
  ...{ TRUSTED_DOCUMENTS: [], TRUSTED_DOCUMENTS_ONLY: notFlag },
  ...{ SANDBOX_ENGAGEMENTS: [...notWhole, '29', '75001'], SANDBOX_LIMITS: notFlag },
  ...{
    REDIS_URL: [
      'localhost',
      'http://localhost',
      'redis://',
      'redis:',
      'redis://:x%@h',
      'redis+cluster://',
      'redis+cluster://h/1',
      'redis+sentinel://h:1',
      'redis://h,i',
    ],
    REDIS_PREFIX: ['a b', 'a{b', '{}', '{a}{b}', 'x'.repeat(65)],
    REPLICAS: [...notWhole, '0', '51'],
  },
  ...{ BULK_TOKEN_SECRET: ['s'.repeat(31)], AWS_REGION: ['EU West', 'a/b'] },
  // Both go into headers.
  ...{ AWS_ACCESS_KEY_ID: ['a b', 'a\nb', 'é'], AWS_SESSION_TOKEN: ['a b', 'a\nb', 'é'] },
  ...{ UNDO_STORE: ['undo', './undo', 'http://b.example', 'https://u:p@b.example', 's3://b', 'https://b.example?x'] },
  ...{ AWS_SECRET_ACCESS_KEY: [], NO_PROXY: [], HTTPS_PROXY: ['socks5://p', 'ftp://p', 'http://', 'u:%x@p', 'a b'] },
};
const names = Object.keys(mistakes);

function configOrMistake(env: Env): Config | ConfigError {
  try {
    return parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function mistakeOf(env: Env): ConfigError {
  const mistake = configOrMistake(env);
  if (mistake instanceof ConfigError) return mistake;
  throw new Error('the configuration was taken');
}

function blamed(env: Env): string[] {
  return mistakeOf(env).problems.map((problem) => problem.split(' ', 1)[0] ?? '');
}

describe('parseConfig', () => {
  it('without anything set serves the sandbox openly on loopback', () => {
    expect(parseConfig({})).toEqual({
      ...{ host: '127.0.0.1', port: 4000, upstream: 'sandbox', auth: { mode: 'open' }, exposeSchema: true },
      ...{ requestTimeoutMs: 10_000, maxUpstreamBytes: 1_048_576, keepsRateLimits: false, keepAliveTimeoutMs: 65_000 },
      confirmation: { isRequired: false, secret: undefined },
      ...{ subgraph: 'none', typePrefix: '', sandbox: { engagementsPerAccount: 30, keepsLimits: false } },
      ...{ secrets: [], warnings: [] },
    });
  });

  it('reads every variable, with any spaces around it', () => {
    const numbers = {
      ...{ PORT: ' 0 ', EXPOSE_SCHEMA: '1', REQUEST_TIMEOUT_MS: '500', MAX_UPSTREAM_BYTES: '2048' },
      REQUIRE_CONFIRMATION: ' 1 ',
      KEEP_ALIVE_TIMEOUT_MS: '3610000',
    };
    const texts = {
      HOST: '::',
      TRUTO_BASE_URL: ' https://truto.example/base',
      SUBGRAPH: 'federation ',
      TYPE_PREFIX: 'Crm',
    };
    expect(parseConfig({ ...numbers, ...texts })).toEqual({
      ...{ host: '::', port: 0, upstream: new URL('https://truto.example/base'), auth: { mode: 'passthrough' } },
      ...{ exposeSchema: true, requestTimeoutMs: 500, maxUpstreamBytes: 2048, keepsRateLimits: true },
      confirmation: { isRequired: true, secret: undefined },
      keepAliveTimeoutMs: 3_610_000,
      ...{ subgraph: 'federation', typePrefix: 'Crm', sandbox: { engagementsPerAccount: 30, keepsLimits: false } },
      ...{ secrets: [], warnings: [] },
    });
  });

  it.each([{}, { SUBGRAPH: 'none' }])('refuses a prefix for types that no supergraph sees: %o', (env) => {
    expect(blamed({ ...env, TYPE_PREFIX: 'Crm' })).toEqual(['TYPE_PREFIX']);
  });

  it.each(['', ' '])('takes a variable that is %j as not set', (value) => {
    const seen = names.map((name) => [name, configOrMistake({ SANDBOX: '1', [name]: value })]);
    expect(seen).toEqual(names.map((name) => [name, parseConfig({})]));
  });

  it.each(['', ' '])('does not serve the sandbox because a setting for another upstream is %j', (value) => {
    for (const name of ['TRUTO_BASE_URL', 'AUTH_MODE', 'JWT_JWKS_URL', 'JWT_SECRET']) {
      expect(blamed({ [name]: value })).toEqual([name]);
    }
  });

  it('serves the sandbox to other machines only with SANDBOX=1', () => {
    expect(blamed({ HOST: '0.0.0.0' })).toEqual(['HOST']);
    expect(parseConfig({ HOST: '0.0.0.0', SANDBOX: '1' }).upstream).toBe('sandbox');
  });

  it('knows the names that other programs share in lower case too, which comes first', () => {
    const { proxy } = parseConfig({ HTTPS_PROXY: 'http://a', https_proxy: 'u:p@b:1', no_proxy: ' ', NO_PROXY: 'c' });
    expect([proxy?.url.reveal(), proxy?.exceptFor]).toEqual(['http://u:p@b:1/', 'c']);
    expect(parseConfig({ NO_PROXY: 'c', http_proxy: 'http://a' }).proxy).toBeUndefined();
  });

  it('has the metrics on loopback, and never on the port of callers', () => {
    expect(parseConfig({}).metrics).toBeUndefined();
    expect(parseConfig({ METRICS_PORT: '9464' }).metrics).toEqual({ host: '127.0.0.1', port: 9464 });
    expect(parseConfig({ PORT: '0', METRICS_PORT: '0', METRICS_HOST: '::' }).metrics).toEqual({ host: '::', port: 0 });
    expect(blamed({ METRICS_PORT: '4000' })).toEqual(['METRICS_PORT']);
    expect(blamed({ PORT: '9464', METRICS_PORT: '9464' })).toEqual(['METRICS_PORT']);
    expect(blamed({ METRICS_HOST: '0.0.0.0' })).toEqual(['METRICS_HOST']);
  });

  it('has the secrets of webhooks, each long enough, and sends the events of the sandbox only with one', () => {
    const [one, other] = ['a'.repeat(16), 'b'.repeat(36)];
    const { webhookSecrets } = parseConfig({ TRUTO_WEBHOOK_SECRETS: `${one}, ${other}` });
    expect(webhookSecrets?.map((secret) => secret.reveal())).toEqual([one, other]);
    for (const TRUTO_WEBHOOK_SECRETS of ['short', `${one},`, `${one},,${other}`, `${one},with space in it`])
      expect(blamed({ TRUTO_WEBHOOK_SECRETS })).toEqual(['TRUTO_WEBHOOK_SECRETS']);
    const SANDBOX_WEBHOOK_URL = 'http://127.0.0.1:4000/webhooks/truto';
    expect(blamed({ SANDBOX_WEBHOOK_URL })).toEqual(['TRUTO_WEBHOOK_SECRETS']);
    const { sandbox } = parseConfig({ SANDBOX_WEBHOOK_URL, TRUTO_WEBHOOK_SECRETS: `${one},${other}` });
    expect([sandbox.webhook?.url.href, sandbox.webhook?.secret.reveal()]).toEqual([SANDBOX_WEBHOOK_URL, one]);
    expect(blamed({ AUTH_MODE: 'passthrough', SANDBOX_WEBHOOK_URL, TRUTO_WEBHOOK_SECRETS: one })).toEqual([
      'SANDBOX_WEBHOOK_URL',
    ]);
  });
});

const words = (text: string) => text.trim().split(/\s+/);

/** Settings that leave a server open, or its callers unprotected, when their names are mistyped. */
const guards = words(`
  SANDBOX TRUTO_BASE_URL AUTH_MODE TRUTO_API_TOKEN JWT_JWKS_URL JWT_SECRET JWT_ISSUER JWT_AUDIENCE EXPOSE_SCHEMA
  TRUSTED_DOCUMENTS TRUSTED_DOCUMENTS_ONLY TRUSTED_PROXIES METRICS_HOST METRICS_PORT REQUEST_TIMEOUT_MS
  TRUTO_RATE_LIMITS MAX_UPSTREAM_BYTES REDIS_URL REPLICAS TRUTO_WEBHOOK_SECRETS BULK_TOKEN_SECRET UNDO_STORE
  AWS_SESSION_TOKEN AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
`);

/** Each name with one letter left out, doubled, replaced or swapped with its neighbour. */
function typosOf(name: string): string[] {
  const at = (index: number, length: number, put: string) => name.slice(0, index) + put + name.slice(index + length);
  return [...name].flatMap((letter, index) => [
    ...[at(index, 1, ''), at(index, 0, letter), at(index, 0, 'X'), at(index, 1, 'X'), at(index, 1, '9')],
    at(index, 2, (name[index + 1] ?? '') + letter),
  ]);
}

/** The variables that Kubernetes sets in a pod for Services with these names. */
const kubernetes = ['REDIS', 'REDIS_MASTER', 'AUTH', 'JWT', 'METRICS_API'].flatMap((service) => [
  ...['SERVICE_HOST', 'SERVICE_PORT', 'SERVICE_PORT_HTTP', 'PORT', 'PORT_6379_TCP', 'PORT_6379_TCP_PROTO'].map(
    (rest) => `${service}_${rest}`,
  ),
  ...['PORT_6379_TCP_PORT', 'PORT_6379_TCP_ADDR', 'PORT_53_UDP', 'PORT_53_UDP_ADDR'].map(
    (rest) => `${service}_${rest}`,
  ),
]);

const platforms = words(`
  REDIS_TLS_URL REDIS_TEMPORARY_URL HEROKU_REDIS_BLUE_URL DATABASE_URL DYNO HEROKU_APP_NAME HEROKU_SLUG_COMMIT
  WEB_CONCURRENCY WEB_MEMORY PATH HOME HOSTNAME SHELL USER LANG PWD TERM TZ LOGNAME TMPDIR SHLVL OLDPWD EDITOR
  SSH_AUTH_SOCK XDG_RUNTIME_DIR DISPLAY HTTP_PROXY http_proxy ALL_PROXY all_proxy FTP_PROXY https_proxy no_proxy
  NODE_ENV NODE_OPTIONS NODE_VERSION YARN_VERSION npm_config_registry INIT_CWD npm_config_cache npm_config_noproxy
  npm_config_user_agent npm_lifecycle_event npm_package_name npm_package_json npm_execpath npm_node_execpath
  npm_command NPM_TOKEN NPM_PROXY COLOR CI GITHUB_ACTIONS GITHUB_TOKEN GITHUB_SHA GITHUB_REF GITHUB_RUN_ID
  GITHUB_REPOSITORY RUNNER_OS RUNNER_TEMP ACTIONS_RUNTIME_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL GITLAB_CI JENKINS_URL
  AWS_DEFAULT_REGION AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_RUNTIME_API AWS_PROFILE
  AWS_SECURITY_TOKEN AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
  AWS_STS_REGIONAL_ENDPOINTS AWS_ENDPOINT_URL AWS_ACCESS_KEY AWS_SECRET_KEY _HANDLER LAMBDA_TASK_ROOT
  KUBERNETES_SERVICE_HOST KUBERNETES_PORT_443_TCP_ADDR POD_NAME POD_IP NODE_NAME NAMESPACE DOCKER_HOST
  DOCKER_BUILDKIT COMPOSE_PROJECT_NAME container OTEL_SERVICE_NAME SENTRY_DSN HOSTS PORTS POST host port
  SANDBOX_NAME SUBGRAPH_PORT
`);

/** Variables that others set too, with names that begin like our settings. An operator may believe that this server reads them. */
const lookalikes = words(`
  REDIS_HOST REDIS_PASSWORD REDIS_SSL REDIS_TTL REDIS_DB TRUTO_API_KEY TRUTO_TOKEN AUTH_TYPE AUTH_TOKEN
  AUTH_SECRET JWT_PUBLIC_KEY JWT_EXPIRES_IN TRUTO_API_BASE_URL TRUSTED_HOSTS
`);

describe('R29 a name that is none of its settings', () => {
  it.each(guards)('stops the start when it is %s with one typo, and the message names the intended setting', (name) => {
    const typos = typosOf(name).filter((typo) => typo !== name);
    const spelled = [name.toLowerCase(), name.replaceAll('_', '-'), name.replaceAll('_', '')];
    const reordered = name.split('_').reverse().join('_');
    for (const typo of [...typos, ...spelled, reordered].filter((other) => other !== name)) {
      const problems = configOrMistake({ SANDBOX: '1', [typo]: 'x' });
      expect([typo, problems]).toEqual([typo, expect.any(ConfigError)]);
      expect((problems as ConfigError).problems).toEqual([expect.stringMatching(`^${typo} .*\\b${name}\\b`)]);
    }
  });

  it('stops the start when two letters of a long name are wrong', () => {
    expect(blamed({ TRUSTD_DOCUMENT_ONLY: '1' })).toEqual(['TRUSTD_DOCUMENT_ONLY']);
    expect(blamed({ REDIS_URI: 'redis://localhost' })).toEqual(['REDIS_URI']);
  });

  it('does not stop the start when the intended setting has the same value', () => {
    const url = 'redis://localhost';
    expect(parseConfig({ REDIS_URL: url, REDIS_URI: url }).shared).toBeDefined();
    expect(blamed({ REDIS_URL: url, REDIS_URI: 'redis://other' })).toEqual(['REDIS_URI']);
  });

  it.each(['PORT', 'HOST', 'AUTH_MODE'])('stops the start when it is %s after a byte order mark in .env', (name) => {
    expect(blamed({ [`\ufeff${name}`]: '0' })).toEqual([name]);
  });

  it.each([...kubernetes, ...platforms])('is not reported when it belongs to another program: %s', (name) => {
    expect(parseConfig({ [name]: 'http://10.0.0.1:1' }).warnings).toEqual([]);
  });

  it('is ignored when it only begins as one of them, and one warning has all such names and no value', () => {
    const { warnings } = parseConfig(Object.fromEntries(lookalikes.map((name) => [name, 'CANARY'])));
    expect(warnings).toHaveLength(1);
    for (const name of lookalikes) expect(warnings[0]).toContain(name);
    expect(warnings[0]).not.toContain('CANARY');
  });

  it('is always a mistake in a program, which sets nothing for others', () => {
    expect(() => parseSettings({ REDIS_HOST: 'x' } as object)).toThrow(/^.*\n {2}REDIS_HOST /);
    expect(() => parseSettings({ REDIS_URI: 'x' } as object)).toThrow('REDIS_URL');
    expect(() => parseSettings({ REDIS_URI: 'x', PORT: -1 } as object)).toThrow(/ REDIS_URI .*\n {2}PORT /);
  });
});

describe("Truto's token in the environment of a server that does not use it", () => {
  it.each<[string, Env]>([
    ['nothing else is set', {}],
    ['the sandbox is asked for', { SANDBOX: '1' }],
    ['callers bring their own', { AUTH_MODE: 'passthrough' }],
    ['an upstream is set', { TRUTO_BASE_URL: 'https://truto.example' }],
  ])('changes nothing when %s, and a warning says who would use it', (_when, env) => {
    for (const token of ['api-token', 'not a token']) {
      const { warnings, ...config } = parseConfig({ ...env, TRUTO_API_TOKEN: token });
      expect({ ...config, warnings: [] }).toEqual(parseConfig(env));
      expect(warnings).toEqual([expect.stringMatching(/^TRUTO_API_TOKEN .*AUTH_MODE=service/)]);
      expect(warnings[0]).not.toContain(token);
    }
  });

  it('still leaves the open sandbox to this machine alone', () => {
    expect(blamed({ HOST: '0.0.0.0', TRUTO_API_TOKEN: 'api-token' })).toEqual(['HOST']);
  });
});

describe('R18 a bad configuration', () => {
  const bad = Object.entries(mistakes).flatMap(([name, values]) => values.map((value) => [name, value]));

  it.each(bad)('%s=%j is refused by name, with what is allowed', (name = '', value = '') => {
    const base = serviceSettings.includes(name) ? service : {};
    const other = name === 'JWT_JWKS_URL' ? { JWT_SECRET: '' } : {};
    expect(mistakeOf({ ...base, ...other, [name]: value }).problems).toEqual([
      expect.stringMatching(`^${name} must be .+`),
    ]);
  });

  it('names every mistake at once', () => {
    const env = { PORT: 'x', HOST: '/', EXPOSE_SCHEMA: 'x', TRUTO_BASE_URL: 'ftp://x', REQUEST_TIMEOUT_MS: '1' };
    const { message, problems } = mistakeOf({ ...env, AUTH_MODE: 'service' });
    for (const name of [...Object.keys(env), ...serviceSettings]) expect(problems.join('\n')).toContain(name);
    expect(problems).toHaveLength(9);
    for (const problem of problems) expect(message).toContain(problem);
    expect(message).toContain('9 mistakes');
  });

  it('never prints a value', () => {
    const start = fc.constantFrom('', 'https://', 'https://u:', 'ftp://', '@h', '?', ' ');
    const value = fc.tuple(start, fc.string()).map(([text, rest]) => `${text}CANARY${rest}`);
    const env = fc.tuple(
      fc.constantFrom({}, { AUTH_MODE: 'service' }, { AUTH_MODE: 'passthrough' }, { SANDBOX: '1' }, service),
      fc.dictionary(fc.constantFrom('HOST', 'PORT', 'TRUTO_BASE_URL'), value, { minKeys: 1 }),
      fc.dictionary(fc.constantFrom(...names), value),
    );
    fc.assert(
      fc.property(env, ([mode, some, more]) => {
        const error = mistakeOf({ ...mode, ...some, ...more, PORT: 'x' });
        expect(error.problems.length).toBeGreaterThan(0);
        expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain('CANARY');
      }),
      { numRuns: runs(1000) },
    );
  });
});

describe('S16 the address of upstream', () => {
  it.each(['TRUTO_BASE_URL', 'JWT_JWKS_URL'])('%s must be https unless it is loopback', (name) => {
    const base = name === 'TRUTO_BASE_URL' ? {} : { ...service, JWT_SECRET: '' };
    const taken = ['https://a.example', 'https://a.example:8443/base/', 'http://localhost:1', 'http://127.0.0.1'];
    for (const value of [...taken, 'http://[::1]:3000', 'HTTP://LOCALHOST']) {
      expect(() => parseConfig({ ...base, [name]: value })).not.toThrow();
    }
    const plain = 'http://a.example http://10.0.0.1 http://localhost.evil.example http://127.0.0.1.evil.example';
    const unsupported = 'file:///etc/passwd data:,x javascript:1 ws://localhost localhost:4000 /path //h https://';
    for (const value of `${plain} ${unsupported} http://0.0.0.0`.split(' ')) {
      expect([value, blamed({ ...base, [name]: value })]).toEqual([value, [name]]);
    }
  });

  it.each([
    'user@a.example',
    'user:pass@a.example',
    ':pass@a.example',
    'a.example?x=1',
    'a.example/#x',
    'a.example/?',
    'a.example/#',
  ])('must not have a user, query or fragment: https://%s', (rest) => {
    expect(blamed({ TRUTO_BASE_URL: `https://${rest}` })).toEqual(['TRUTO_BASE_URL']);
  });

  it.each(['user@a.example', 'user:pass@a.example', ':pass@a.example'])(
    'nor may that of the key set have a user: https://%s',
    (rest) => {
      const env = { ...service, JWT_SECRET: '', JWT_JWKS_URL: `https://${rest}/jwks` };
      expect(blamed(env)).toEqual(['JWT_JWKS_URL']);
      expect(mistakeOf(env).message).not.toContain(rest);
      // A query is part of some addresses of key sets.
      expect(() => parseConfig({ ...env, JWT_JWKS_URL: 'https://a.example/jwks?version=1' })).not.toThrow();
    },
  );
});

describe('R18 NODE_EXTRA_CA_CERTS', () => {
  it.each([
    ['/nowhere/certificates.pem', 'ENOENT'],
    [tmpdir(), 'EISDIR'],
    [fileURLToPath(new URL('../package.json', import.meta.url)), 'PEM'],
  ])('%s is a mistake, since Node only warns of it: its path and %s are in the message', (path, reason) => {
    const { problems } = mistakeOf({ NODE_EXTRA_CA_CERTS: path });
    expect(problems).toEqual([expect.stringMatching(/^NODE_EXTRA_CA_CERTS/)]);
    expect(problems[0]).toContain(path);
    expect(problems[0]).toContain(reason);
  });

  it('is no mistake when it is a certificate, blank or not set', () => {
    using folder = createFolder();
    const path = join(folder.path, 'ca.pem');
    writeFileSync(path, '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n');
    for (const env of [{ NODE_EXTRA_CA_CERTS: path }, { NODE_EXTRA_CA_CERTS: '' }, {}]) parseConfig(env);
  });
});

describe('the upstream', () => {
  it.each<[Env, string]>([
    [{ SANDBOX: '1' }, 'sandbox'],
    [{ SANDBOX: '1', AUTH_MODE: 'passthrough' }, 'sandbox'],
    [{ SANDBOX: '1', ...service }, 'sandbox'],
    [{ SANDBOX: '0' }, 'https://api.truto.one/'],
    [{ AUTH_MODE: 'passthrough' }, 'https://api.truto.one/'],
    [service, 'https://api.truto.one/'],
    [{ TRUTO_BASE_URL: 'https://truto.example' }, 'https://truto.example/'],
  ])('with %j is %s', (env, upstream) => {
    expect(String(parseConfig(env).upstream)).toBe(upstream);
    expect(parseConfig(env).exposeSchema).toBe(upstream === 'sandbox');
  });

  it('cannot be the sandbox and an address, nor callers have two ways to prove themselves', () => {
    expect(mistakeOf({ ...service, JWT_JWKS_URL: 'https://keys.example' }).problems).toHaveLength(1);
    expect(blamed({ SANDBOX: '1', TRUTO_BASE_URL: 'https://truto.example' })).toEqual(['SANDBOX=1']);
  });
});

describe('S03 the way callers prove themselves', () => {
  it.each<[string, Env]>([
    ['an address is set', { TRUTO_BASE_URL: 'https://truto.example' }],
    ['the sandbox is switched off', { SANDBOX: '0' }],
    ['it says so, even with the sandbox', { AUTH_MODE: 'passthrough', SANDBOX: '1' }],
  ])('is their own token when %s', (_when, env) => {
    expect(parseConfig(env).auth).toEqual({ mode: 'passthrough' });
  });

  it.each(
    // Not the token: Truto's own documents have people export it.
    serviceSettings
      .slice(1)
      .flatMap((name) => [{}, { SANDBOX: '1' }, { AUTH_MODE: 'passthrough' }].map((env) => [name, env])),
  )('leaves no use for %s with %j, so it is refused', (name, env) => {
    const value = name === 'JWT_JWKS_URL' ? 'https://keys.example' : secret;
    expect(blamed({ ...(env as Env), [name as string]: value })).toEqual([name]);
  });

  it('is a JWT by a shared secret or a key set in service mode', () => {
    const { auth } = parseConfig(service);
    const jwt = { key: { secret: expect.any(Secret) }, issuer: 'https://issuer.example/', audience: 'engagements' };
    expect(auth).toMatchObject({ mode: 'service', apiToken: expect.any(Secret), jwt });
    expect(auth.mode === 'service' && auth.apiToken.reveal()).toBe('api-token');
    const byKeySet = parseConfig({ ...service, JWT_SECRET: '', JWT_JWKS_URL: 'https://keys.example/jwks' }).auth;
    expect(byKeySet).toMatchObject({ jwt: { key: { jwksUrl: new URL('https://keys.example/jwks') } } });
  });

  it.each(['TRUTO_API_TOKEN', 'JWT_SECRET', 'JWT_ISSUER', 'JWT_AUDIENCE'])('is incomplete without %s', (name) => {
    expect(mistakeOf({ ...service, [name]: '' }).problems).toEqual([expect.stringContaining(name)]);
  });

  it('is incomplete, and says so, when one of them is blank', () => {
    for (const name of ['TRUTO_API_TOKEN', 'JWT_SECRET', 'JWT_ISSUER', 'JWT_AUDIENCE']) {
      expect(mistakeOf({ ...service, [name]: ' ' }).problems).toEqual([expect.stringContaining(name)]);
    }
  });
});
