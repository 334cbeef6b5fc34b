import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config/config.ts';
import { Secret } from '../src/config/secret.ts';

describe('S01 a secret', () => {
  const secret = new Secret('CANARY');

  it.each<[string, () => unknown]>([
    ['a template', () => `${secret}`],
    ['a concatenation', () => `Bearer ${String(secret)}`],
    ['JSON', () => JSON.stringify({ secret, nested: [secret] })],
    ['inspect', () => inspect({ secret }, { showHidden: true, depth: 9, customInspect: true })],
    [
      'inspect that ignores how it wants to be shown',
      () => inspect(secret, { showHidden: true, customInspect: false }),
    ],
    ['a format', () => format('%s %o %O %j', secret, secret, secret, secret)],
    ['its entries', () => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret).map(String), { ...secret }])],
    ['an error', () => inspect(new Error('failed', { cause: secret }))],
  ])('is not printed by %s', (_how, print) => {
    expect(print()).toEqual(expect.not.stringContaining('CANARY'));
  });

  it('is given out by reveal alone', () => {
    expect(secret.reveal()).toBe('CANARY');
  });

  it('is what the configuration keeps of tokens and shared secrets', () => {
    const { auth } = parseConfig({
      ...{ AUTH_MODE: 'service', TRUTO_API_TOKEN: 'CANARY', JWT_SECRET: `CANARY${'s'.repeat(32)}` },
      ...{ JWT_ISSUER: 'issuer', JWT_AUDIENCE: 'audience' },
    });
    expect(inspect(auth, { showHidden: true, depth: 9 }) + JSON.stringify(auth)).not.toContain('CANARY');
  });
});
