import DataLoader from 'dataloader';
import { LRUCache } from 'lru-cache';
import type { Send } from '../upstream/attempt.ts';
import type { Caller } from './access.ts';
import { isJsonObject, readBody } from './body.ts';
import { findIntegration, type IntegrationSupport } from './integrations.ts';
import { buildIntegratedAccountRequest } from './request.ts';

/** How long an account's integration is believed; it changes only when the account is made anew. */
const cacheTtlMs = 5 * 60_000;

/** How many accounts are remembered; the least recently used one makes room. */
const cacheSize = 10_000;

/** Tells which integration an integrated account belongs to. Never rejects: `unknown` when it cannot be had. */
export type FindAccountIntegration = (caller: Caller, integratedAccountId: string) => Promise<IntegrationSupport>;

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

/** A definite answer may be remembered; a failure or a refusal for the moment may not. */
const definiteStatuses = new Set([200, 403, 404]);

/**
 * Looks accounts up by `GET /integrated-account/{id}` and remembers them for 5 minutes. Entries are kept per caller:
 * what one caller may see of an account is nothing another may learn.
 * @param timeoutMs how long a delete waits for the look-up before it goes on without.
 */
export function createAccountLookup(send: Send, timeoutMs: number): FindAccountIntegration {
  async function look({ caller, integratedAccountId }: Key): Promise<IntegrationSupport> {
    const request = buildIntegratedAccountRequest(integratedAccountId, caller.authorization.reveal());
    const attempt = await send(request, { deadlineAt: Date.now() + timeoutMs });
    if (attempt.kind === 'failure' || !definiteStatuses.has(attempt.statusCode)) throw new Error('no definite answer');
    const body = readBody(attempt.body);
    return readIntegration(body.kind === 'json' ? body.value : undefined);
  }

  // Batching would let one slow account hold up the others of its batch: each look-up is a batch of its own.
  const loader = new DataLoader<Key, IntegrationSupport, string>((keys) => Promise.all(keys.map(look)), {
    batch: false,
    cacheKeyFn: ({ caller, integratedAccountId }) => JSON.stringify([caller.id, integratedAccountId]),
    cacheMap: new LRUCache<string, Promise<IntegrationSupport>>({ max: cacheSize, ttl: cacheTtlMs }),
  });

  return async (caller, integratedAccountId) => {
    const key = { caller, integratedAccountId };
    try {
      return await loader.load(key);
    } catch {
      loader.clear(key);
      return { kind: 'unknown' };
    }
  };
}
