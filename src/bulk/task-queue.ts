import type { Redis } from 'ioredis';
import { type SharedMemory, script } from '../redis.ts';
import { BulkUnavailable } from './bulk-unavailable.ts';

/** A part of a bulk delete that one server works on at a time: a page, or its list. */
export interface Task {
  readonly jobId: string;
  readonly page: number | 'list';
}

/** A task that a server has taken. Whatever it does counts only until another has taken it. */
export interface Lease extends Task {
  /** The queue that it is in. */
  readonly needs: string;
  readonly owner: string;
}

/** What a server has that tasks may need. */
export interface Abilities {
  /** Where its upstream is. */
  readonly upstream: string;
  /** Whose credential it uses: `own`, or the name of the seal that opens callers' tokens; undefined when it keeps none. */
  readonly credential: string | undefined;
  readonly keepsUndoFiles: boolean;
}

/** A bulk delete that no server has the settings for. */
export interface Abandoned {
  readonly jobId: string;
  readonly needs: string;
  /** For how long, in milliseconds. */
  readonly silentMs: number;
  /** The settings that differ at the server that found it. */
  readonly lacks: readonly string[];
}

/** The settings behind each of the {@link Abilities}, in the order in which a queue's name has them. */
const settingsBehind = ['TRUTO_BASE_URL', 'AUTH_MODE and BULK_TOKEN_SECRET', 'UNDO_STORE'] as const;

/** Names the queue of a bulk delete that this server starts: those take from it that have what it needs. */
export function needsOf({ upstream, credential }: Abilities, { snapshot }: { readonly snapshot: boolean }): string {
  return [upstream, credential, snapshot ? 'store' : 'none'].join(' ');
}

/** The queues whose tasks a server with these abilities can do. */
function servedBy(abilities: Abilities): readonly string[] {
  if (abilities.credential === undefined) return [];
  return [false, ...(abilities.keepsUndoFiles ? [true] : [])].map((snapshot) => needsOf(abilities, { snapshot }));
}

/** The settings that a server with these abilities lacks for a queue. */
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

/** The names of the keys that queues have. */
export function queueKeys(keyPrefix: string) {
  return {
    /** The names of all queues, with the moment when a server last said that it serves them. */
    queues: `${keyPrefix}:bulk-queues`,
    /** Who has taken which task; `resting:`, and when it may be due, for one that rests while its job is paused. */
    owners: `${keyPrefix}:bulk-owners`,
    /** Its tasks, by the moment when each is due; a task that is taken is due when its lease ends. */
    queueOf: (needs: string) => `${keyPrefix}:bulk-queue:${needs}`,
  };
}

/** The moment by Redis' own clock, in milliseconds: servers' clocks differ. */
export const redisNow = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * Takes the tasks that have been due longest. KEYS: the owners, then the queues. ARGV: how many, for how long, and who takes them.
 * Answers in how many milliseconds the next is due, or -1, then the place of its queue and the name of each that is taken.
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
 * A server's sign of life. KEYS: the owners, the names of all queues, then the queues that it serves. ARGV: how long its tasks are its own from
 * now on, the names of those queues, then the name and owner of each task.
 */
const signOfLife = script<number>(
  'bulkSignOfLife',
  `${redisNow}
local served = #KEYS - 2
for i = 1, served do redis.call('HSET', KEYS[2], ARGV[i + 1], now) end
for i = served + 2, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    for k = 3, #KEYS do redis.call('ZADD', KEYS[k], 'XX', now + tonumber(ARGV[1]), ARGV[i]) end
  end
end
return 1`,
);

/**
 * Gives a task back. KEYS: the owners, its queue, its job, the states of its page. ARGV: its name, its owner, in how many milliseconds it
 * is due again or -1 for never, how long it rests if the job is paused, and which page follows it or nothing. The page that follows is added
 * once, while the job deletes.
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
 * Finds the queues that no server serves any more. KEYS: the names of all queues. ARGV: what each queue's key begins with, and after how long
 * without a sign of life. Answers the name of each, for how long nobody has served it, and the names of its first tasks.
 */
const findAbandoned = script<readonly (readonly [string, number, readonly string[]])[]>(
  'findAbandonedBulkTasks',
  `${redisNow}
local found = {}
local queues = redis.call('HGETALL', KEYS[1])
for i = 1, #queues, 2 do
  local silentMs = now - tonumber(queues[i + 1])
  if silentMs > tonumber(ARGV[2]) then
    local tasks = redis.call('ZRANGE', ARGV[1] .. queues[i], 0, 99)
    if #tasks > 0 then table.insert(found, {queues[i], silentMs, tasks}) else redis.call('HDEL', KEYS[1], queues[i]) end
  end
end
return found`,
);

/**
 * How long a server is believed to be at a task without saying so again, in milliseconds: what it sent has an answer by then, or was
 * given up.
 */
export const leaseMsFor = (requestTimeoutMs: number): number => requestTimeoutMs + 2_000;

/** How many pages of one job are under way at once, in all processes: an account's turn among those of others. */
export const pagesAtOnce = 16;

/** How long a paused job's tasks rest, in milliseconds, unless somebody resumes or cancels it: they are not looked at for nothing. */
const pausedRestMs = 300_000;

/** After how long without a server that serves it a queue is abandoned, in milliseconds. */
const abandonedMs = 20_000;

/** What is to be done next, and by whom. All of it is in Redis. Each method rejects with {@link BulkUnavailable} while that is gone. */
export class TaskQueue {
  readonly #memory: Pick<SharedMemory, 'ask' | 'keyPrefix'>;
  readonly #abilities: Abilities;
  readonly #leaseMs: number;
  readonly #keys: ReturnType<typeof queueKeys>;
  readonly #served: readonly string[];
  readonly #ownersAndServed: readonly string[];

  /** @param leaseMs how long a task is its owner's after the last sign of that. */
  constructor(memory: Pick<SharedMemory, 'ask' | 'keyPrefix'>, abilities: Abilities, leaseMs: number) {
    this.#memory = memory;
    this.#abilities = abilities;
    this.#leaseMs = leaseMs;
    this.#keys = queueKeys(memory.keyPrefix);
    this.#served = servedBy(abilities);
    this.#ownersAndServed = [this.#keys.owners, ...this.#served.map((needs) => this.#keys.queueOf(needs))];
  }

  async #ask<Result>(question: (redis: Redis) => Promise<Result>): Promise<Result> {
    const answer = await this.#memory.ask(question);
    if (answer === undefined) throw new BulkUnavailable('Redis does not answer');
    return answer;
  }

  /**
   * Takes up to so many tasks that this server can do.
   * @returns them, and in how many milliseconds the next is due, as far as that is known.
   */
  async take(count: number, owner: string): Promise<{ readonly leases: readonly Lease[]; readonly nextMs?: number }> {
    if (this.#served.length === 0) return { leases: [] };
    const args = [count, this.#leaseMs, owner];
    const [nextMs, ...taken] = await this.#ask((redis) => takeTasks(redis, this.#ownersAndServed, args));
    const leases: Lease[] = [];
    for (let i = 0; i < taken.length; i += 2)
      leases.push({ ...taskOf(String(taken[i + 1])), needs: this.#served[Number(taken[i])] ?? '', owner });
    return { leases, ...(nextMs >= 0 && { nextMs }) };
  }

  /** Says that this server is alive, and still at these tasks. */
  async signOfLife(leases: Iterable<Lease>): Promise<void> {
    if (this.#served.length === 0) return;
    const [owners = '', ...queues] = this.#ownersAndServed;
    const args = [this.#leaseMs, ...this.#served, ...[...leases].flatMap((lease) => [nameOf(lease), lease.owner])];
    await this.#ask((redis) => signOfLife(redis, [owners, this.#keys.queues, ...queues], args));
  }

  /**
   * Gives a task back.
   * @param afterMs when it is due again; undefined: it is done.
   * @param isFollowed the page that comes so many places behind it has its turn.
   */
  async release(lease: Lease, afterMs: number | undefined, isFollowed: boolean): Promise<void> {
    const { jobId, page, needs, owner } = lease;
    const job = `${this.#memory.keyPrefix}:bulk:${jobId}`;
    const keys = [this.#keys.owners, this.#keys.queueOf(needs), job, `${job}:page:${page}:states`];
    const follower = isFollowed && page !== 'list' ? page + pagesAtOnce : '';
    const args = [nameOf(lease), owner, afterMs ?? -1, pausedRestMs, follower];
    await this.#ask((redis) => releaseTask(redis, keys, args));
  }

  /** The bulk deletes that no server has the settings for, since when, and what this server lacks for them. */
  async findAbandoned(): Promise<readonly Abandoned[]> {
    const args = [this.#keys.queueOf(''), abandonedMs];
    const found = await this.#ask((redis) => findAbandoned(redis, [this.#keys.queues], args));
    return found.flatMap(([needs, silentMs, names]) => {
      const lacks = lackedBy(this.#abilities, needs);
      return [...new Set(names.map((name) => taskOf(name).jobId))].map((jobId) => ({ jobId, needs, silentMs, lacks }));
    });
  }
}
