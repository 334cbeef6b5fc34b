import type { RedisClient } from '../redis/client.ts';
import { type SharedMemory, script } from '../redis/shared-memory.ts';
import { askRedis } from './bulk-unavailable.ts';

/** One unit of work of a bulk delete: a page, or its list, which is read first, and let go when it ends early. One server works on it at a time. */
export interface Task {
  readonly jobId: string;
  readonly page: number | 'list';
}

/** A task that a server has taken. Its writes count only while it holds the lease. */
export interface Lease extends Task {
  /** The name of the task's queue. */
  readonly needs: string;
  readonly owner: string;
}

/** The settings of a server that tasks depend on. */
export interface Abilities {
  /** The upstream's address. */
  readonly upstream: string;
  /** `own` for the server's own credential, or the name of the seal that opens callers' tokens; undefined when the server cannot keep tokens. */
  readonly credential: string | undefined;
  readonly keepsUndoFiles: boolean;
}

/** A queue that no server serves. */
export interface Unserved {
  /** The name of the queue. */
  readonly needs: string;
  /** The bulk deletes of its first thousand tasks. */
  readonly jobIds: readonly string[];
  /** How long no server has served it, in milliseconds. */
  readonly silentMs: number;
  /** The settings that the server that found it would have to change. */
  readonly lacks: readonly string[];
}

/** The settings behind each of the {@link Abilities}, in the order in which a queue's name has them. */
const settingsBehind = ['TRUTO_BASE_URL', 'AUTH_MODE and BULK_TOKEN_SECRET', 'UNDO_STORE'] as const;

/** The name of the queue of a bulk delete that this server starts. Only servers with matching settings take from it. */
export function needsOf({ upstream, credential }: Abilities, { snapshot }: { readonly snapshot: boolean }): string {
  return [upstream, credential, snapshot ? 'store' : 'none'].join(' ');
}

/** The names of the queues that a server with these abilities can serve. */
function servedBy(abilities: Abilities): readonly string[] {
  if (abilities.credential === undefined) return [];
  return [false, ...(abilities.keepsUndoFiles ? [true] : [])].map((snapshot) => needsOf(abilities, { snapshot }));
}

/** The settings that keep a server with these abilities from serving a queue. */
function lackedBy(abilities: Abilities, needs: string): readonly string[] {
  const has = [abilities.upstream, abilities.credential, abilities.keepsUndoFiles ? 'store' : 'none'];
  const differ = needs.split(' ').map((need, index) => need !== has[index] && need !== 'none');
  return settingsBehind.filter((_, index) => differ[index]);
}

/** The name of a task in its queue. */
export const nameOf = ({ jobId, page }: Task): string => `${jobId}:${page}`;

function taskOf(name: string): Task {
  const [jobId = '', page = ''] = name.split(':');
  return { jobId, page: page === 'list' ? page : Number(page) };
}

/** The Redis keys of the queues. */
export function queueKeys(keyPrefix: string) {
  return {
    /** The names of all queues, each with the time of the last heartbeat of a server that serves it. */
    queues: `${keyPrefix}:bulk-queues`,
    /** The holder of each task's lease; `resting:` and the earliest due time for a task whose job is paused. */
    owners: `${keyPrefix}:bulk-owners`,
    /** A queue's tasks by due time. A task that is taken is due when its lease expires. */
    queueOf: (needs: string) => `${keyPrefix}:bulk-queue:${needs}`,
  };
}

/** Lua: the time by Redis' clock, in milliseconds, since servers' clocks differ. */
export const redisNow = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * Takes the tasks that have been due longest. KEYS: the owners, then the queues. ARGV: how many, the lease in milliseconds, the owner.
 * Returns the milliseconds until the next task is due, or -1, then for each taken task the index of its queue and its name.
 */
const takeTasks = script<readonly [number, ...(string | number)[]]>(
  'takeBulkTasks',
  `${redisNow}
local answer = {-1}
for _ = 1, tonumber(ARGV[1]) do
  local name, dueAt, place
  for i = 2, #KEYS do
    local first, score = unpack(redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES'))
    score = tonumber(score)
    if first and (not dueAt or score < dueAt) then name, dueAt, place = first, score, i end
  end
  if not dueAt then return answer end
  if dueAt > now then
    answer[1] = dueAt - now
    return answer
  end
  redis.call('ZADD', KEYS[place], now + tonumber(ARGV[2]), name)
  redis.call('HSET', KEYS[1], name, ARGV[3])
  table.insert(answer, place - 2)
  table.insert(answer, name)
end
answer[1] = 0
return answer`,
);

/**
 * A server's heartbeat: renews its leases. KEYS: the owners, the names of all queues, then the queue of each task. ARGV: the lease in
 * milliseconds, how many queues the server serves and their names, then the name and owner of each task.
 */
const heartbeat = script<number>(
  'bulkHeartbeat',
  `${redisNow}
local served = tonumber(ARGV[2])
for i = 1, served do redis.call('HSET', KEYS[2], ARGV[i + 2], now) end
for k = 3, #KEYS do
  local name, owner = ARGV[served + 2 * k - 3], ARGV[served + 2 * k - 2]
  if redis.call('HGET', KEYS[1], name) == owner then redis.call('ZADD', KEYS[k], 'XX', now + tonumber(ARGV[1]), name) end
end
return 1`,
);

/**
 * Ends a lease. KEYS: the owners, the task's queue, its job, the states of its page. ARGV: its name, its owner, the milliseconds until it is due
 * again or -1 when it is done, how long it rests if the job is paused, and the page to add next or nothing. That page is added once, while
 * the job deletes. What rests is in a set of the job's as well, since that may have ten thousand pages.
 */
const releaseTask = script<number>(
  'releaseBulkTask',
  `${redisNow}
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
local phase, paused, pageCount = unpack(redis.call('HMGET', KEYS[3], 'phase', 'isPaused', 'pageCount'))
local dueAt = now + tonumber(ARGV[3])
if ARGV[3] == '-1' then
  redis.call('ZREM', KEYS[2], ARGV[1])
elseif paused == '1' and phase ~= 'CANCELLING' then
  redis.call('HSET', KEYS[1], ARGV[1], 'resting:' .. string.format('%d', dueAt))
  redis.call('ZADD', KEYS[2], math.max(dueAt, now + tonumber(ARGV[4])), ARGV[1])
  redis.call('SADD', KEYS[3] .. ':resting', ARGV[1])
  redis.call('PEXPIRE', KEYS[3] .. ':resting', redis.call('PTTL', KEYS[3]))
else
  redis.call('ZADD', KEYS[2], dueAt, ARGV[1])
end
if ARGV[5] ~= '' and phase == 'DELETING' and tonumber(ARGV[5]) < tonumber(pageCount) then
  if redis.call('HSETNX', KEYS[4], 'followed', 1) == 1 then
    redis.call('ZADD', KEYS[2], 'NX', now, (ARGV[1]:gsub('%d+$', ARGV[5])))
  end
end
return 1`,
);

/**
 * Finds the queues that no server serves. KEYS: the names of all queues. ARGV: the prefix of a queue's key, and the milliseconds without a heartbeat
 * after which a queue counts as not served. Returns each queue's name, the milliseconds since its last heartbeat, and the jobs of its first thousand tasks.
 */
const findUnserved = script<readonly (readonly [string, number, readonly string[]])[]>(
  'findUnservedBulkTasks',
  `${redisNow}
local found = {}
local queues = redis.call('HGETALL', KEYS[1])
for i = 1, #queues, 2 do
  local silentMs = now - tonumber(queues[i + 1])
  if silentMs > tonumber(ARGV[2]) then
    local jobs, isKnown = {}, {}
    for _, task in ipairs(redis.call('ZRANGE', ARGV[1] .. queues[i], 0, 999)) do
      local id = string.match(task, '^[^:]*')
      if not isKnown[id] then table.insert(jobs, id) end
      isKnown[id] = true
    end
    if #jobs > 0 then table.insert(found, {queues[i], silentMs, jobs}) else redis.call('HDEL', KEYS[1], queues[i]) end
  end
end
return found`,
);

/**
 * How long a lease lasts without a heartbeat, in milliseconds. By then each delete that its holder sent has an answer or has timed out.
 */
export const leaseMsFor = (requestTimeoutMs: number): number => requestTimeoutMs + 2_000;

/** How many pages of one job are in the queue at once, so that the jobs of many accounts take turns. */
export const pagesAtOnce = 16;

/** How long the tasks of a paused job rest before a server looks at them again, in milliseconds. Resuming or cancelling ends the rest. */
const pausedRestMs = 300_000;

/** How long after the last heartbeat a queue counts as not served, in milliseconds. */
const unservedMs = 20_000;

/** The queues of this server's bulk deletes, in Redis. Each method rejects with `BulkUnavailable` while Redis cannot be reached. */
export class TaskQueue {
  readonly #memory: Pick<SharedMemory, 'ask' | 'keyPrefix'>;
  readonly #abilities: Abilities;
  readonly #leaseMs: number;
  readonly #keys: ReturnType<typeof queueKeys>;
  readonly #served: readonly string[];

  /** @param leaseMs how long a lease lasts without a heartbeat. */
  constructor(memory: Pick<SharedMemory, 'ask' | 'keyPrefix'>, abilities: Abilities, leaseMs: number) {
    this.#memory = memory;
    this.#abilities = abilities;
    this.#leaseMs = leaseMs;
    this.#keys = queueKeys(memory.keyPrefix);
    this.#served = servedBy(abilities);
  }

  readonly #ask = <Result>(question: (redis: RedisClient) => Promise<Result>) => askRedis(this.#memory, question);

  /**
   * Takes up to `count` tasks that are due.
   * @param queues the queues to take from, by name.
   * @returns their leases, and the milliseconds until the next task is due if there is one.
   */
  async take(
    count: number,
    owner: string,
    queues: readonly string[] = this.#served,
  ): Promise<{ readonly leases: readonly Lease[]; readonly nextMs?: number }> {
    if (queues.length === 0) return { leases: [] };
    const keys = [this.#keys.owners, ...queues.map(this.#keys.queueOf)];
    const args = [count, this.#leaseMs, owner];
    const [nextMs, ...taken] = await this.#ask((redis) => takeTasks(redis, keys, args));
    const leases: Lease[] = [];
    for (let i = 0; i < taken.length; i += 2)
      leases.push({ ...taskOf(String(taken[i + 1])), needs: queues[Number(taken[i])] ?? '', owner });
    return { leases, ...(nextMs >= 0 && { nextMs }) };
  }

  /** Renews these leases, and says that this server serves its queues. */
  async heartbeat(leases: Iterable<Lease>): Promise<void> {
    const held = [...leases];
    const keys = [this.#keys.owners, this.#keys.queues, ...held.map(({ needs }) => this.#keys.queueOf(needs))];
    const args = [this.#served.length, ...this.#served, ...held.flatMap((lease) => [nameOf(lease), lease.owner])];
    await this.#ask((redis) => heartbeat(redis, keys, [this.#leaseMs, ...args]));
  }

  /**
   * Ends a lease.
   * @param afterMs when the task is due again, in milliseconds; undefined when it is done.
   * @param isFollowed adds the page that is {@link pagesAtOnce} after it to the queue.
   */
  async release(lease: Lease, afterMs: number | undefined, isFollowed: boolean): Promise<void> {
    const { jobId, page, needs, owner } = lease;
    const job = `${this.#memory.keyPrefix}:bulk:${jobId}`;
    const keys = [this.#keys.owners, this.#keys.queueOf(needs), job, `${job}:page:${page}:states`];
    const follower = isFollowed && page !== 'list' ? page + pagesAtOnce : '';
    const args = [nameOf(lease), owner, afterMs ?? -1, pausedRestMs, follower];
    await this.#ask((redis) => releaseTask(redis, keys, args));
  }

  /** The queues that no server serves, and in which there are tasks. */
  async findUnserved(): Promise<readonly Unserved[]> {
    const args = [this.#keys.queueOf(''), unservedMs];
    const found = await this.#ask((redis) => findUnserved(redis, [this.#keys.queues], args));
    return found.map(([needs, silentMs, jobIds]) => ({
      needs,
      silentMs,
      jobIds,
      lacks: lackedBy(this.#abilities, needs),
    }));
  }
}
