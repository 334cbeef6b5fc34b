import { generateKeyPairSync } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import { type Authenticate, createAuthenticator } from '../src/http/callers/authenticate.ts';
import { maxKeySetBytes, minFetchIntervalMs } from '../src/http/callers/verify-token.ts';
import { createLog } from '../src/log/log.ts';
import { listen } from './support/listen.ts';
import { signToken } from './support/service.ts';

const minuteMs = 60_000;

/** A key of an identity provider: what its set shows of it, and what signs. */
interface Key {
  readonly jwk: JWK;
  sign(kid?: string | null): Promise<string>;
}

async function createKey(kid?: string): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), ...(kid !== undefined && { kid }), alg: 'ES256' };
  return { jwk, sign: (named = kid ?? null) => signToken({}, privateKey, 'ES256', named) };
}

/** An identity provider's key set, which may be anything. */
class KeySetServer {
  answer: RequestListener = (_request, response) => response.destroy();
  fetchCount = 0;
  readonly #server = createServer((request, response) => {
    this.fetchCount += 1;
    this.answer(request, response);
  });
  readonly listening = listen(this.#server);
  has(...keys: Key[]): void {
    this.answers(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  }
  answers(body: string, status = 200): void {
    this.answer = (_request, response) => response.writeHead(status).end(body);
  }
}

const sendEndlessly: RequestListener = (_request, response) => {
  const piece = Buffer.alloc(64 * 1024, ' ');
  const send = () => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', send);
  send();
};

let keySet: KeySetServer;
let lines: string[];
let authenticate: Authenticate;
let fetchesUnderWay: number;
let passMs: (ms: number) => void;

/** The error code for a token. Undefined if the token is good. */
const codeOf = (token: string): Promise<unknown> =>
  authenticate(`Bearer ${token}`).then(
    (caller) => void expect(caller?.id).toBe('caller-1'),
    (error) => error.extensions.code,
  );

beforeEach(async () => {
  // Only the test moves the clock.
  vi.useFakeTimers({ toFake: ['performance'] });
  passMs = (ms) => vi.advanceTimersByTime(ms);
  keySet = new KeySetServer();
  lines = [];
  fetchesUnderWay = 0;
  const log = createLog({ destination: { write: (line: string) => void lines.push(line) } as never });
  const jwt = {
    key: { jwksUrl: new URL('/jwks', (await keySet.listening).url) },
    issuer: 'issuer',
    audience: 'audience',
  };
  authenticate = createAuthenticator(
    { mode: 'service', apiToken: new Secret('canary-server-token'), jwt },
    {
      log,
      metrics: { countRefusedToken: () => {} },
      requestTimeoutMs: 1_000,
      async fetch(...request) {
        fetchesUnderWay += 1;
        return fetch(...request).finally(() => {
          fetchesUnderWay -= 1;
        });
      },
    },
  );
});
afterEach(async () => {
  vi.useRealTimers();
  await (await keySet.listening)[Symbol.asyncDispose]();
});

const count = (text: string) => lines.filter((line) => line.includes(text)).length;

describe('A key set', () => {
  it.each([
    ['answers 500', () => keySet.answers('{"keys":[]}', 500)],
    ['answers 204', () => keySet.answers('', 204)],
    ['redirects', () => (keySet.answer = (_request, response) => response.writeHead(302, { location: '/' }).end())],
    ['answers with a page', () => keySet.answers('<html>')],
    ['answers with other JSON', () => keySet.answers('{"error":"none"}')],
    ['answers with keys that are none', () => keySet.answers('{"keys":["a"]}')],
    ['answers with null', () => keySet.answers('null')],
    ['has no key', () => keySet.answers('{"keys":[]}')],
    ['has keys for encryption only', () => keySet.answers('{"keys":[{"kty":"EC","use":"enc"}]}')],
    ['has a key that is none', () => keySet.answers('{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":"","y":""}]}')],
    ['resets the connection', () => (keySet.answer = (_request, response) => response.destroy())],
    ['is endless', () => (keySet.answer = sendEndlessly)],
    ['never answers', () => (keySet.answer = () => {})],
    [
      'never ends its answer',
      () => (keySet.answer = (_request, response) => response.writeHead(200).write('{"keys":[')),
    ],
  ])('S31 that %s is no reason to refuse a token', async (_what, break_) => {
    const key = await createKey('k1');
    break_();
    expect(await codeOf(await key.sign())).toBe('AUTHENTICATION_UNAVAILABLE');
    expect(count('callers cannot be verified')).toBe(1);
  });

  it('S31 is read to its limit, and not further', async () => {
    const key = await createKey('k1');
    const text = JSON.stringify({ keys: [key.jwk] });
    keySet.answers(text.padEnd(maxKeySetBytes + 1));
    expect(await codeOf(await key.sign())).toBe('AUTHENTICATION_UNAVAILABLE');
    keySet.answers(text.padEnd(maxKeySetBytes));
    passMs(minFetchIntervalMs);
    expect(await codeOf(await key.sign())).toBeUndefined();
  });

  it('S31 that is away is used for an hour as it was, with one warning, and used again when it is back', async () => {
    const key = await createKey('k1');
    keySet.has(key);
    expect(await codeOf(await key.sign())).toBeUndefined();
    keySet.answers('', 500);
    for (let minute = 5; minute < 60; minute += 5) {
      passMs(5 * minuteMs);
      expect(await codeOf(await key.sign())).toBeUndefined();
    }
    expect(count('the key set cannot be fetched')).toBe(1);
    passMs(5 * minuteMs);
    expect(await codeOf(await key.sign())).toBe('AUTHENTICATION_UNAVAILABLE');
    keySet.has(key);
    passMs(minFetchIntervalMs);
    expect(await codeOf(await key.sign())).toBeUndefined();
    expect(count('the key set can be fetched again')).toBe(1);
  });

  it('S31 is fetched again for a new key, at once, and the tokens of keys that were removed are refused', async () => {
    const [old, next] = [await createKey('k1'), await createKey('k2')];
    keySet.has(old);
    expect(await codeOf(await old.sign())).toBeUndefined();
    keySet.has(next);
    passMs(minFetchIntervalMs);
    expect(await codeOf(await next.sign())).toBeUndefined();
    expect(await codeOf(await old.sign())).toBe('UNAUTHENTICATED');
    expect(keySet.fetchCount).toBe(2);
  });

  it('S31 is fetched again for a new key that has no name', async () => {
    const [old, next] = [await createKey(), await createKey()];
    keySet.has(old);
    expect(await codeOf(await old.sign())).toBeUndefined();
    keySet.has(next);
    passMs(minFetchIntervalMs);
    expect(await codeOf(await next.sign())).toBeUndefined();
    expect(keySet.fetchCount).toBe(2);
  });

  it('S31 is fetched once in five seconds at most, however many keys are invented', async () => {
    const key = await createKey('k1');
    keySet.has(key);
    expect(await codeOf(await key.sign())).toBeUndefined();
    for (let round = 0; round < 3; round += 1) {
      passMs(minFetchIntervalMs);
      const tokens = await Promise.all(
        Array.from({ length: 50 }, (_, index) => key.sign(`invented-${round}-${index}`)),
      );
      expect(new Set(await Promise.all(tokens.map(codeOf)))).toEqual(new Set(['UNAUTHENTICATED']));
      expect(await codeOf(await key.sign())).toBeUndefined();
      expect(keySet.fetchCount).toBe(round + 2);
    }
    expect(count('unknown_key')).toBe(2);
    // The second line is of the third round's first: it counts the others of all three.
    expect(
      lines.map((line) => JSON.parse(line)).flatMap(({ reason, count: times }) => (reason ? [times] : [])),
    ).toEqual([1, 100]);
  });

  it('S31 that cannot be fetched is no reason to refuse a key that it does not have', async () => {
    const [old, next] = [await createKey('k1'), await createKey('k2')];
    keySet.has(old);
    expect(await codeOf(await old.sign())).toBeUndefined();
    keySet.answers('', 503);
    passMs(minFetchIntervalMs);
    expect(await codeOf(await next.sign())).toBe('AUTHENTICATION_UNAVAILABLE');
    expect(await codeOf(await next.sign())).toBe('AUTHENTICATION_UNAVAILABLE');
    expect(await codeOf(await old.sign())).toBeUndefined();
  });

  it('S31 that hangs does not delay callers whose key is in the last one', async () => {
    const key = await createKey('k1');
    keySet.has(key);
    expect(await codeOf(await key.sign())).toBeUndefined();
    keySet.answers('', 500);
    passMs(10 * minuteMs);
    expect(await codeOf(await key.sign())).toBeUndefined();
    keySet.answer = () => {};
    passMs(minFetchIntervalMs);
    expect(await codeOf(await key.sign())).toBeUndefined();
    expect(fetchesUnderWay).toBe(1);
  });

  it('S31 that is emptied takes its keys out of use at once', async () => {
    const key = await createKey('k1');
    keySet.has(key);
    expect(await codeOf(await key.sign())).toBeUndefined();
    keySet.answers('{"keys":[]}');
    passMs(10 * minuteMs);
    expect(await codeOf(await key.sign())).toBe('AUTHENTICATION_UNAVAILABLE');
  });

  it('S31 has each of its keys tried for a token that names none', async () => {
    const keys = await Promise.all([createKey('k1'), createKey('k2'), createKey('k3')]);
    keySet.has(...keys);
    for (const key of keys) expect(await codeOf(await key.sign(null))).toBeUndefined();
    expect(await codeOf(await (await createKey()).sign(null))).toBe('UNAUTHENTICATED');
  });

  it('S31 with a key that cannot be used has the others tried, for a token that names none', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const { publicKey: tooShort } = generateKeyPairSync('rsa', { modulusLength: 1_024 });
    const keys = [tooShort.export({ format: 'jwk' }), await exportJWK(publicKey)];
    keySet.answers(JSON.stringify({ keys }));
    expect(await codeOf(await signToken({}, privateKey, 'RS256', null))).toBeUndefined();
    const { privateKey: stranger } = await generateKeyPair('RS256');
    // The unusable key may have signed it, so the token is neither good nor bad.
    expect(await codeOf(await signToken({}, stranger, 'RS256', null))).toBe('AUTHENTICATION_UNAVAILABLE');
  });

  it('S31 is not fetched for a token that cannot belong to its keys', async () => {
    keySet.has(await createKey('k1'));
    const secret = new TextEncoder().encode('a secret of more than 32 characters, not ours');
    for (const token of ['opaque', '..', 'a.b.c', 'e30.e30.', await signToken({}, secret)])
      expect(await codeOf(token)).toBe('UNAUTHENTICATED');
    expect(keySet.fetchCount).toBe(0);
  });
});
