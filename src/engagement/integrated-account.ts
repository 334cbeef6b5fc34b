import DataLoader from 'dataloader';
import { LRUCache } from 'lru-cache';
import type { Send } from '../upstream/attempt.ts';
import { type Caller, limitedBy } from './access.ts';
import { isJsonObject, readBody } from './body.ts';
import { findIntegration, type IntegrationSupport } from './integrations.ts';
import { buildIntegratedAccountRequest } from './request.ts';

/** How long an account's integration is believed; it changes only when the account is made anew. */
const cacheTtlMs = 5 * 60_000;

/** How long a refusal to show the account is believed: access may be granted any moment. */
const refusalTtlMs = 60_000;

/** How many accounts are remembered; the least recently used one makes room. */
const cacheSize = 10_000;

/**
 * Tells which integration an integrated account belongs to. Never rejects: `unknown` when it cannot be had, or not before
 * the deadline.
 */
export type FindAccountIntegration = (
  caller: Caller,
  integratedAccountId: string,
  deadlineAt: number,
) => IntegrationSupport | Promise<IntegrationSupport>;

interface Key {
  readonly caller: Caller;
  readonly integratedAccountId: string;
}

function textAt(json: unknown, key: string): string | undefined {
  const value = isJsonObject(json) ? json[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function readIntegration(json: unknown): IntegrationSupport {
  const integration = isJsonObject(json) ? json.integration : undefined;
  const byName = findIntegration(textAt(integration, 'name'));
  return byName.kind === 'unknown' ? findIntegration(textAt(integration, 'label')) : byName;
}

const unknown: IntegrationSupport = { kind: 'unknown' };

/** The longest a delete waits for the look-up of its account's integration. */
const maxTimeoutMs = 2_000;

/** Upstream does not show the account to this caller. */
class RefusedLookup extends Error {
  override readonly name = 'RefusedLookup';
}

async function within<Result>(promise: Promise<Result>, deadlineAt: number, otherwise: Result): Promise<Result> {
  const { promise: expiry, resolve } = Promise.withResolvers<Result>();
  const timer = setTimeout(() => resolve(otherwise), Math.max(0, deadlineAt - performance.now()));
  return Promise.race([promise, expiry]).finally(() => clearTimeout(timer));
}

/**
 * Looks accounts up by `GET /integrated-account/{id}` and remembers them for 5 minutes. Entries are kept per caller:
 * what one caller may see of an account is nothing another may learn. Only an answer that could be read is remembered,
 * and for a minute that upstream does not show the account.
 * @param requestTimeoutMs how long an operation may take: a delete waits a quarter of it for the look-up, two seconds at most, and
 * then goes on without.
 */
export function createAccountLookup(send: Send, requestTimeoutMs: number): FindAccountIntegration {
  const timeoutMs = Math.min(maxTimeoutMs, requestTimeoutMs / 4);
  async function look({ caller, integratedAccountId }: Key): Promise<IntegrationSupport> {
    const request = buildIntegratedAccountRequest(integratedAccountId, caller.authorization.reveal());
    const deadlineAt = performance.now() + timeoutMs;
    const { attempt } = await send(request, { deadlineAt, limitedBy: limitedBy(caller, integratedAccountId) });
    const statusCode = attempt.kind === 'answer' ? attempt.statusCode : undefined;
    if (statusCode === 403 || statusCode === 404) throw new RefusedLookup();
    const body = attempt.kind === 'answer' && statusCode === 200 ? readBody(attempt.body) : undefined;
    if (body?.kind !== 'json' || !isJsonObject(body.value)) throw new Error('no answer that could be read');
    return readIntegration(body.value);
  }

  const keyOf = ({ caller, integratedAccountId }: Key) => JSON.stringify([caller.id, integratedAccountId]);
  const refused = new LRUCache<string, true>({ max: cacheSize, ttl: refusalTtlMs });
  // Batching would let one slow account hold up the others of its batch: each look-up is a batch of its own.
  const loader = new DataLoader<Key, IntegrationSupport, string>((keys) => Promise.all(keys.map(look)), {
    batch: false,
    cacheKeyFn: keyOf,
  });
  const found = new LRUCache<string, IntegrationSupport>({ max: cacheSize, ttl: cacheTtlMs });

  /** The loader only makes one look-up of those that come while it is on its way. */
  async function load(key: Key, name: string): Promise<IntegrationSupport> {
    try {
      const support = await loader.load(key);
      found.set(name, support);
      return support;
    } catch (error) {
      if (error instanceof RefusedLookup) refused.set(name, true);
      return unknown;
    } finally {
      loader.clear(key);
    }
  }

  return (caller, integratedAccountId, deadlineAt) => {
    const key = { caller, integratedAccountId };
    const name = keyOf(key);
    const known = found.get(name);
    if (known) return known;
    if (refused.has(name) || deadlineAt <= performance.now()) return unknown;
    return within(load(key, name), deadlineAt, unknown);
  };
}
