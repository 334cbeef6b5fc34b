import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../src/config/config.ts';
import { secretsOf } from '../src/log/log.ts';

const secret = 's'.repeat(32);
const service = {
  AUTH_MODE: 'service',
  TRUTO_API_TOKEN: 'api-token',
  JWT_SECRET: secret,
  JWT_ISSUER: 'https://issuer.example/',
  JWT_AUDIENCE: 'engagements',
};

function blamed(env: Record<string, string>): string[] {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => problem.split(' ', 1)[0] ?? '');
  }
  throw new Error('the configuration was taken');
}

describe('what replicas share', () => {
  const shared = { SANDBOX: '1', REDIS_URL: 'redis://user:canary-of-redis@localhost:6379/1' };
  const bucket = { ...shared, UNDO_STORE: 'https://bucket.example/undo' };

  it('is nothing without Redis, and one replica unless there are more', () => {
    expect(parseConfig({}).shared).toBeUndefined();
    expect(parseConfig(shared).shared).toMatchObject({ replicas: 1, undoStore: undefined, tokenSecret: undefined });
    expect(parseConfig({ ...shared, REPLICAS: '3' }).shared).toMatchObject({ replicas: 3 });
  });

  it.each([{ REPLICAS: '2' }, { BULK_TOKEN_SECRET: secret, AUTH_MODE: 'passthrough' }, { UNDO_STORE: '/undo' }])(
    'refuses what would be ignored without it: %j',
    (env) => {
      const [name = ''] = Object.keys(env);
      expect(blamed({ SANDBOX: '1', ...env })).toEqual([name]);
    },
  );

  it("refuses BULK_TOKEN_SECRET in a mode without callers' Truto tokens", () => {
    expect(blamed({ ...shared, BULK_TOKEN_SECRET: secret })).toEqual(['BULK_TOKEN_SECRET']);
    expect(blamed({ ...service, ...shared, BULK_TOKEN_SECRET: secret })).toEqual(['BULK_TOKEN_SECRET']);
    const passthrough = { ...shared, AUTH_MODE: 'passthrough', BULK_TOKEN_SECRET: secret };
    expect(parseConfig(passthrough).shared?.tokenSecret?.reveal()).toBe(secret);
  });

  it('has undo files in a folder, or in a bucket that it has keys for', () => {
    expect(parseConfig({ ...shared, UNDO_STORE: '/undo' }).shared?.undoStore).toEqual({
      kind: 'folder',
      path: '/undo',
    });
    expect(blamed(bucket)).toEqual(['AWS_ACCESS_KEY_ID']);
    const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key', AWS_REGION: 'eu-central-1' };
    const store = parseConfig({ ...bucket, ...keys }).shared?.undoStore;
    expect(store).toMatchObject({ kind: 'bucket', accessKeyId: 'id', region: 'eu-central-1', sessionToken: undefined });
  });

  it('takes the session of temporary credentials, which is a secret', () => {
    const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'canary-key', AWS_SESSION_TOKEN: 'canary-session' };
    const config = parseConfig({ ...bucket, ...keys });
    expect(secretsOf(config).map((secret) => secret.reveal())).toEqual(
      expect.arrayContaining(['canary-key', 'canary-session']),
    );
    // Set by a platform, and of no use here.
    expect(parseConfig({ ...shared, UNDO_STORE: '/undo', ...keys }).warnings).toEqual([]);
    expect(inspect(config, { depth: 9 }) + JSON.stringify(config)).not.toContain('canary-session');
  });

  it('S01 prints none of its secrets', () => {
    const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'canary-of-the-bucket' };
    const config = parseConfig({ ...bucket, ...keys, AUTH_MODE: 'passthrough', BULK_TOKEN_SECRET: secret });
    const printed = inspect(config, { showHidden: true, depth: 9 }) + JSON.stringify(config);
    for (const text of ['canary-of-redis', 'canary-of-the-bucket', secret]) expect(printed).not.toContain(text);
  });
});

it('the sandbox keeps the limits that its sandbox has, and refuses to shape one that is not there', () => {
  const shape = { SANDBOX_ENGAGEMENTS: '5000', SANDBOX_LIMITS: '1' };
  expect(parseConfig(shape)).toMatchObject({
    keepsRateLimits: true,
    sandbox: { engagementsPerAccount: 5_000, keepsLimits: true },
  });
  expect(blamed({ SANDBOX: '0', ...shape })).toEqual(['SANDBOX_ENGAGEMENTS', 'SANDBOX_LIMITS']);
});

it.each<[Record<string, string>, string]>([
  [{}, 'TRUSTED_DOCUMENTS'],
  [{ TRUSTED_DOCUMENTS: 'a.json', EXPOSE_SCHEMA: '1' }, 'TRUSTED_DOCUMENTS_ONLY=1'],
  [{ TRUSTED_DOCUMENTS: 'a.json', SUBGRAPH: 'federation' }, 'TRUSTED_DOCUMENTS_ONLY=1'],
])('the server refuses to execute only trusted documents with %j', (env, name) => {
  expect(blamed({ SANDBOX: '1', EXPOSE_SCHEMA: '0', TRUSTED_DOCUMENTS_ONLY: '1', ...env })).toEqual([name]);
});
