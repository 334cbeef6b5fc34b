import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { Log } from '../log/log.ts';

/** How long a key set is used before it is fetched again: a key that is removed from it is good for so much longer. */
const freshMs = 10 * 60_000;

/** How long the last good key set is used while no other can be fetched. */
const usableMs = 60 * 60_000;

/** How far apart two fetches begin at least, whatever keys callers name, in milliseconds. */
export const minFetchIntervalMs = 5_000;

/** How long a fetch may take; half of an operation's time where that is less. */
const maxFetchMs = 3_000;

/** Sets of real identity providers have some ten kilobytes. */
export const maxKeySetBytes = 512 * 1024;

/** The parts of a key set that tell whether it can verify anything. */
const keySetShape = z.looseObject({
  keys: z.array(z.looseObject({ kty: z.unknown().optional(), use: z.unknown().optional() })),
});

const publicKeyTypes: ReadonlySet<unknown> = new Set(['RSA', 'EC', 'OKP']);

/** No key set can be had: a caller's token may be good, and sending it again later may help. */
export class KeySetUnavailable extends Error {
  override readonly name = 'KeySetUnavailable';
}

/** A key set as it was fetched once. */
export interface FetchedKeys {
  readonly findKey: JWTVerifyGetKey;
  readonly fetchedAtMs: number;
}

/** The key set of an identity provider, fetched when it is needed and kept while it cannot be. */
export interface KeySet {
  /**
   * The keys to verify with.
   * @throws {KeySetUnavailable} when there are none, or none from the last hour.
   */
  current(): Promise<FetchedKeys>;
  /**
   * The keys of a later fetch than `older`, for a token whose key is not among those. Undefined when the last fetch was a
   * moment ago: any number of invented keys makes one fetch in 5 seconds.
   * @throws {KeySetUnavailable} when the set cannot be fetched: the key may exist.
   */
  newerThan(older: FetchedKeys): Promise<FetchedKeys | undefined>;
}

/** What a key set is fetched with. */
export interface KeySetOptions {
  readonly url: URL;
  readonly log: Log;
  readonly requestTimeoutMs: number;
  readonly fetch: typeof fetch;
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of response.body ?? []) {
    byteCount += chunk.length;
    if (byteCount > maxKeySetBytes) throw new Error(`The key set is larger than ${maxKeySetBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Creates the key set of that address. Nothing is fetched before it is asked for keys. */
export function createKeySet({ url, log, requestTimeoutMs, fetch }: KeySetOptions): KeySet {
  const timeoutMs = Math.min(maxFetchMs, Math.floor(requestTimeoutMs / 2));
  const headers = { accept: 'application/json, application/jwk-set+json' };
  let last: FetchedKeys | undefined;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let isFailing = false;
  let pending: Promise<void> | undefined;

  async function load(): Promise<void> {
    const response = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`The key set's server answered ${response.status}.`);
    }
    const set = keySetShape.parse(JSON.parse(await readBounded(response)));
    const canVerify = set.keys.some(({ kty, use }) => publicKeyTypes.has(kty) && (use === undefined || use === 'sig'));
    if (!canVerify) {
      // It is a key set, and says that no key is good any more: the last one must not be used on.
      last = undefined;
      throw new Error('The key set has no key that verifies signatures.');
    }
    last = { findKey: createLocalJWKSet(set as JSONWebKeySet), fetchedAtMs: performance.now() };
  }

  const usable = () => (last && performance.now() - last.fetchedAtMs < usableMs ? last : undefined);

  function onLoaded(): void {
    if (isFailing) log.info('the key set can be fetched again');
    isFailing = false;
  }

  function onFailed(error: unknown): void {
    if (!isFailing) log.warn({ err: error, isLastOneUsed: usable() !== undefined }, 'the key set cannot be fetched');
    isFailing = true;
  }

  /** Fetches the set unless that was done a moment ago. In an outage, a request that can use the last set does not wait for it. */
  async function refresh(): Promise<void> {
    const nowMs = performance.now();
    if (!pending && nowMs - triedAtMs >= minFetchIntervalMs) {
      triedAtMs = nowMs;
      pending = load()
        .then(onLoaded, onFailed)
        .finally(() => {
          pending = undefined;
        });
    }
    if (!isFailing || !usable()) await pending;
  }

  return {
    async current() {
      if (!last || performance.now() - last.fetchedAtMs >= freshMs) await refresh();
      const keys = usable();
      if (!keys) throw new KeySetUnavailable('There is no key set from the last hour.');
      return keys;
    },
    async newerThan(older) {
      if (last === older) await refresh();
      const keys = usable();
      if (keys && keys !== older) return keys;
      if (isFailing) throw new KeySetUnavailable('The key is not in the last key set, and no other can be fetched.');
      return undefined;
    },
  };
}
