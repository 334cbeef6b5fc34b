import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { type SharedMemory, script } from '../redis/shared-memory.ts';
import { digest } from '../upstream/digest.ts';
import { normalizedType } from './input.ts';
import type { RecordKey } from './record.ts';
import { rememberedMs, reportAgainMs } from './request-memory.ts';

/**
 * How it is known that an engagement is deleted. `DELETED` and `ALREADY_ABSENT`: the outcome of a delete by this server, or by one with
 * the same Redis. `EVENT`: Truto's event `record:deleted`.
 */
export type DeleteEvidence = 'DELETED' | 'ALREADY_ABSENT' | 'EVENT';

/** An engagement that is known to be deleted. */
export interface KnownDelete {
  readonly id: string;
  readonly evidence: DeleteEvidence;
  /** When this became known: the end of the delete, or the creation of the event. */
  readonly at: Date;
}

/** Identifies an engagement. */
export interface EngagementKey extends RecordKey {
  /** Its `nodeKind`: null if the id alone identifies it. Else an event must name the type: a call and a meeting may have the same id. */
  readonly kind: string | null;
}

/** The deletes of the last minutes, in this process or, with Redis, in all that share it. */
export type KnownDeletes = ReturnType<typeof createKnownDeletes>;

/** Truto's events `record:deleted` of the last 10 minutes. */
export type DeletedEvents = Pick<KnownDeletes, 'findEvent'>;

type DeletesMemory = Pick<SharedMemory, 'ask' | 'isClosed' | 'keyPrefix'>;

/** How many deletes of an account are kept for readers. */
const maxKept = 1_000;
/** How long they are kept after the last read, in milliseconds. Without a reader, none is kept. */
const keptMs = 120_000;
/** The most accounts that are read, and the most events, in a process without Redis. */
const maxAccounts = 1_000;
const maxEvents = 100_000;
/** In Redis, the keys of the last event of each engagement have this name. Values: milliseconds since 1970. */
export const deletedEventKey = 'gone';

/** The name of an engagement in keys of Redis. */
export function engagementDigest({ integratedAccountId, id, kind }: EngagementKey): string {
  return digest('engagement', integratedAccountId, id, normalizedType(kind));
}

/** The latest moment that counts as before an event: Truto's events have whole seconds. */
export const wholeSecond = (ms: number): number => Math.floor(ms / 1_000) * 1_000;

/** KEYS: the deletes of the account. ARGV: the delete, how many are kept. */
const addDelete = script<number>(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local count = redis.call('HINCRBY', KEYS[1], 'count', 1)
redis.call('HSET', KEYS[1], count, ARGV[1])
redis.call('HDEL', KEYS[1], count - tonumber(ARGV[2]))
return count`);

/**
 * KEYS: the deletes of the account. ARGV: the name of a new list, the count of the position, how many to read, how long to keep them.
 * Returns the name, the count, and the deletes; nothing in place of one that is no longer kept.
 */
const readDeletes = script<readonly [name: string, count: number, ...string[]]>(`
redis.call('HSETNX', KEYS[1], 'name', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local name, count = unpack(redis.call('HMGET', KEYS[1], 'name', 'count'))
local answer = {name, tonumber(count or 0)}
for number = ARGV[2] + 1, math.min(answer[2], ARGV[2] + ARGV[3]) do
  table.insert(answer, redis.call('HGET', KEYS[1], number) or '')
end
return answer`);

/** KEYS: the event. ARGV: its time, how long it is kept. A late delivery of an older event changes nothing. */
const storeEvent = script<number>(`
if tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1`);

const write = ({ id, evidence, at }: KnownDelete) => JSON.stringify([id, evidence, at.getTime()]);

function readOne(text: string): KnownDelete {
  const [id, evidence, at] = JSON.parse(text);
  return { id, evidence, at: new Date(at) };
}

/** What the memory keeps. Undefined when Redis does not answer. `find`: null or undefined for none. */
function keptInRedis(memory: DeletesMemory) {
  const { ask, keyPrefix } = memory;
  const eventKey = (name: string) => `${keyPrefix}:${deletedEventKey}:${name}`;
  const accountKey = (account: string) => `${keyPrefix}:known-deletes:${digest(account)}`;
  /** The lists that lack a delete of this process: one entry for each account, however many deletes. */
  const incomplete = new Set<string>();
  let isRemoving = false;

  /** Removes a list that lacks a delete, once Redis answers: its readers then find a list with another name, and end with `EVENTS_LOST`. */
  async function removeWhenBack(list: string): Promise<void> {
    incomplete.add(list);
    if (isRemoving) return;
    isRemoving = true;
    for (const key of incomplete) {
      // Before Redis is asked: another delete may be missing by the time of the answer.
      incomplete.delete(key);
      if (memory.isClosed || (await ask((redis) => redis.del(key))) !== undefined) continue;
      incomplete.add(key);
      await sleep(reportAgainMs, undefined, { ref: false });
    }
    isRemoving = false;
  }

  return {
    async add(account: string, known: KnownDelete) {
      const count = await ask((redis) => addDelete(redis, [accountKey(account)], [write(known), maxKept]));
      if (count === undefined) void removeWhenBack(accountKey(account));
      return count;
    },
    read: (account: string, from: number, most: number) =>
      ask((redis) => readDeletes(redis, [accountKey(account)], [randomUUID(), from, most, keptMs])),
    store: (event: string, atMs: number) => ask((redis) => storeEvent(redis, [eventKey(event)], [atMs, rememberedMs])),
    find: (event: string, deadlineAt: number) => ask((redis) => redis.get(eventKey(event)), deadlineAt),
  };
}

/** The same in this process, without Redis. */
function keptHere(): ReturnType<typeof keptInRedis> {
  /** The name differs after an account was dropped. */
  const newAccount = () => ({ name: randomUUID(), texts: new Map<number, string>(), count: 0 });
  // Sized, because with `max` a cache allocates room for all of them when it is made: 13 ms.
  const events = new LRUCache<string, number>({ maxSize: maxEvents, sizeCalculation: () => 1, ttl: rememberedMs });
  const limits = { max: maxAccounts, ttl: keptMs, updateAgeOnGet: true };
  const accounts = new LRUCache<string, ReturnType<typeof newAccount>>(limits);
  return {
    async add(account, known) {
      const kept = accounts.peek(account);
      if (!kept) return 0;
      kept.count += 1;
      kept.texts.set(kept.count, write(known));
      kept.texts.delete(kept.count - maxKept);
      return kept.count;
    },
    async read(account, from, most) {
      const kept = accounts.get(account) ?? newAccount();
      if (!accounts.has(account)) accounts.set(account, kept);
      const length = Math.max(0, Math.min(kept.count - from, most));
      return [kept.name, kept.count, ...Array.from({ length }, (_, index) => kept.texts.get(from + index + 1) ?? '')];
    },
    async store(event, atMs) {
      events.set(event, Math.max(atMs, events.get(event) ?? 0));
      return 1;
    },
    find: async (event) => events.get(event)?.toString(),
  };
}

/** Creates the memory of deletes. @param shared the Redis of all replicas; undefined for this process only. */
export function createKnownDeletes(shared?: DeletesMemory) {
  const kept = shared ? keptInRedis(shared) : keptHere();
  return {
    /** Adds the end of a delete, without waiting for Redis. If Redis does not answer, subscriptions of the account end with `EVENTS_LOST` later. */
    note(integratedAccountId: string, id: string, evidence: DeleteEvidence): void {
      void kept.add(integratedAccountId, { id, evidence, at: new Date() });
    },
    /**
     * Stores an event `record:deleted` for 10 minutes, so that deletes with an unknown outcome find it. Resolves to false when Redis does
     * not answer.
     * @param keys what the event may be about; see `truto-event.ts`.
     */
    async noteEvent(keys: readonly EngagementKey[], at: Date): Promise<boolean> {
      for (const name of keys.map(engagementDigest)) if (!(await kept.store(name, at.getTime()))) return false;
      const [key] = keys;
      return !key || (await kept.add(key.integratedAccountId, { id: key.id, evidence: 'EVENT', at })) !== undefined;
    },
    /** Finds the event of an engagement that was created since a moment (milliseconds since 1970). Undefined: none is known. */
    async findEvent(engagement: EngagementKey, sinceMs: number, deadlineAt: number): Promise<Date | undefined> {
      const atMs = Number((await kept.find(engagementDigest(engagement), deadlineAt)) ?? Number.NEGATIVE_INFINITY);
      return atMs >= wholeSecond(sinceMs) ? new Date(atMs) : undefined;
    },
    /**
     * Reads the deletes of an account after a position, up to 1,000, and the position after them. With position null, returns none, and
     * the current position. `isIncomplete`: there were more than are kept, or Redis lost some. Undefined when Redis does not answer.
     */
    async read(integratedAccountId: string, position: string | null) {
      const [before, fromText = '0'] = position?.split(':') ?? [];
      const from = Number(fromText);
      const answer = await kept.read(integratedAccountId, from, position === null ? 0 : maxKept);
      if (!answer) return undefined;
      const [name, count, ...texts] = answer;
      if (position === null) return { items: [], position: `${name}:${count}`, isIncomplete: false };
      const known = texts.filter((text) => text !== '');
      const isIncomplete = before !== name || count < from || known.length < texts.length;
      return { items: known.map(readOne), position: `${name}:${from + texts.length}`, isIncomplete };
    },
  };
}
