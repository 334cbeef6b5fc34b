import { deletedEventKey } from '../engagement/known-deletes.ts';
import { type RedisClient, type SharedMemory, script } from '../redis/shared-memory.ts';
import { pageSize } from './job.ts';

/** Bulk deletes are unavailable: Redis cannot be reached. */
export class BulkUnavailable extends Error {
  override readonly name = 'BulkUnavailable';
  /** The bulk delete or restore that was being started, as `loggedId` names it: it may exist. */
  readonly started: Readonly<Record<string, string>>;

  constructor(message: string, started: Readonly<Record<string, string>> = {}) {
    super(message);
    this.started = started;
  }
}

/** The Redis that stores bulk deletes. */
export type BulkMemory = Pick<SharedMemory, 'ask' | 'keyPrefix'>;

/** Sends a command to Redis. @throws {BulkUnavailable} when there is no answer. */
export async function askRedis<Answer>(
  memory: BulkMemory,
  ask: (redis: RedisClient) => Promise<Answer>,
): Promise<Answer> {
  const answer = await memory.ask(ask);
  if (answer === undefined) throw new BulkUnavailable('Redis does not answer');
  return answer;
}

/** The keys of bulk deletes, without the prefix of all keys. */
const keyForms = {
  job: 'bulk:{jobId}',
  items: 'bulk:{jobId}:page:{page}',
  /** The state of each engagement, notes, and counts of waits. */
  states: 'bulk:{jobId}:page:{page}:states',
  failures: 'bulk:{jobId}:failures',
  /** How many engagements ended in an interval. */
  rate: 'bulk:{jobId}:rate:{interval}',
  /** The listed engagements, so that none is added twice. */
  listed: 'bulk:{jobId}:listed',
  cursors: 'bulk:{jobId}:cursors',
  undoFiles: 'bulk:{jobId}:undo-files',
  /** What is restored in an integrated account; see {@link endRestore}. */
  restored: 'bulk-restored:{integratedAccountId}',
  /** The creates of restores that have no known end, by the key of the engagement: when each began, and for which item. */
  restoring: 'bulk-restoring:{integratedAccountId}',
  /** The jobs of one caller in one account. */
  owned: 'bulk-of:{ownerId}',
  /** The jobs of an integrated account: each its time of creation and its id, in this order. */
  accountJobs: 'bulk-in:{integratedAccountId}',
  /** Where an engagement (an `engagementDigest`) waits for Truto's event: each its job, page and index, and when its delete was first sent. */
  awaiting: 'bulk-awaiting:{engagement}',
  /** The time of the last such event. `engagement/known-deletes.ts` writes it. */
  gone: `${deletedEventKey}:{engagement}`,
  /** The jobs that have not ended, by their time of creation. Ended ones are removed when it is read. */
  unfinishedJobs: 'bulk-unfinished',
  /** The names of all queues, each with the time of the last heartbeat of a server that serves it. */
  queues: 'bulk-queues',
  /** A queue's tasks by due time. A task that is taken is due when its lease expires. */
  queue: 'bulk-queue:{needs}',
  /** The holder of each task's lease; `resting:` and the earliest due time for a task whose job is paused. */
  holders: 'bulk-owners',
} as const;

/** The name of a form of keys. */
export type KeyName = keyof typeof keyForms;
type PartsIn<Form> = Form extends `${string}{${infer Part}}${infer Rest}` ? Part | PartsIn<Rest> : never;
type Word<Text extends string> = Text extends `${infer One} ${infer Rest}` ? One | Word<Rest> : Text;
type Values<Name extends string> = Readonly<Record<Name, string | number>>;

/** The values in a key of that form. */
export type KeyParts<Name extends KeyName> = Values<PartsIn<(typeof keyForms)[Name]>>;

/** Builds a key. */
export function redisKey<Name extends KeyName>({ keyPrefix }: BulkMemory, name: Name, values: KeyParts<Name>): string {
  const parts: Values<string> = values;
  return `${keyPrefix}:${keyForms[name].replace(/\{(\w+)\}/g, (_, part: string) => String(parts[part]))}`;
}

/** How long a bulk delete is stored after its last change, and a page after it was added. */
const keptMs = 30 * 24 * 3_600_000;
/** How long a bulk delete is stored that has not begun to delete, and the unreached pages of one that ended early. */
const idleKeptMs = 24 * 3_600_000;
/** How long the ledger of an account is stored after its last restore, in milliseconds. Without it, a record may be created twice. */
export const ledgerKeptMs = 366 * 24 * 3_600_000;
/** The most unfinished bulk deletes of one owner: each of them polls Redis every 2 s or more often. */
export const maxUnfinished = 20;
/** The most bytes of an owner's bulk deletes that have not begun to delete: requests alone must not fill Redis. */
export const maxIdleBytes = 16 * 1_024 * 1_024;
/** The most bytes of the lists of those: two of the largest, so that a dry run never blocks the real start. */
export const maxIdleListedBytes = 128 * 1_024 * 1_024;
/** The most bulk deletes of one integrated account that are listed; older ones are found by their ids only. */
const maxListedJobs = 1_000;
/** How many unfinished jobs are counted for the metrics, the oldest first. It blocks Redis. */
const maxCounted = 1_000;
/** How many pages of one job are in the queue at once, so that the jobs of many accounts take turns. */
export const pagesAtOnce = 16;
/** How many pages are listed between two checks of the owner's limit. It can be exceeded by so many pages. */
const pagesPerCheck = 10;
/** How often a list page that upstream calls partial is read again. */
const maxPartial = 3;
/** How long the tasks of a paused job rest before a server checks them. A resume or a cancel ends the rest. */
const pausedRestMs = 300_000;

/** The common part of all scripts. Times are by Redis' clock, since servers' clocks differ. UNLINK frees much memory without blocking it. */
const prelude = `
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- True when another server has the page: then this one may not change it.
local function isLost() return call('HGET', holders, task) ~= holder end
local function get(...) return unpack(call('HMGET', job, ...)) end
local function hasEnded(phase) return phase == 'CANCELLED' or phase == 'COMPLETED' or phase == 'FAILED' end

-- Why no engagement may be begun now, if there is a reason.
local function findObstacle()
  local phase, paused = get('phase', 'isPaused')
  return phase ~= 'DELETING' and 'stopped' or paused == '1' and 'paused'
end

local function addTask(page)
  call('ZADD', queue, 'NX', now, call('HGET', job, 'id') .. ':' .. page)
end

local function addFirstPages(pages)
  call('HSET', job, 'activeSince', now)
  for page = 0, math.min(tonumber(pages), ${pagesAtOnce}) - 1 do addTask(page) end
end

-- A paused job keeps its reason: a person has to read it.
local function clearStatusReason()
  if call('HGET', job, 'isPaused') ~= '1' then call('HDEL', job, 'statusReason') end
end

local function endJob(phase)
  call('HSET', job, 'phase', phase, 'endedAt', now, 'isPaused', 0, 'sealedToken', '')
  call('HDEL', job, 'unserved')
  call('UNLINK', job .. ':listed', job .. ':cursors', job .. ':resting')
end

-- Up to ten thousand pages are too many for one script: the list task sets when they expire.
local function endWithPages(phase)
  endJob(phase)
  if phase ~= 'FAILED' then call('HDEL', job, 'statusReason') end
  if phase ~= 'COMPLETED' then call('HSET', job, 'unreachedUntil', now + ${idleKeptMs}) end
  addTask('list')
end

local function endCancelled()
  local phase, open = get('phase', 'open')
  if phase == 'CANCELLING' and (tonumber(open) or 0) <= 0 then endWithPages('CANCELLED') end
end

-- Counts an engagement that has its final outcome now, after that state.
local function countDone(phase, before)
  if before == 'begun' then call('HINCRBY', job, 'open', -1) end
  local done = call('HINCRBY', job, 'done', 1)
  if phase == 'DELETING' and done == tonumber(call('HGET', job, 'total')) then endWithPages('COMPLETED') end
  endCancelled()
end

-- Counts an owner's unfinished jobs, the bytes of its idle jobs and of their lists, and the milliseconds until the first idle job
-- expires. A job that ended early counts as idle as long as its unreached pages are stored.
local function usage()
  local unfinished, bytes, listed, roomMs = 0, 0, 0, ${idleKeptMs}
  for _, other in ipairs(call('SMEMBERS', owned)) do
    local phase, size, hasBegun, listedSize, unreachedUntil =
      unpack(call('HMGET', other, 'phase', 'bytes', 'hasBegun', 'listedBytes', 'unreachedUntil'))
    local leftMs = -1
    if unreachedUntil then leftMs = unreachedUntil - now elseif not hasBegun then leftMs = call('PTTL', other) end
    if not phase or (hasEnded(phase) and leftMs <= 0) then
      call('SREM', owned, other)
    else
      if not hasEnded(phase) then unfinished = unfinished + 1 end
      if leftMs > 0 then
        bytes = bytes + tonumber(size)
        listed = listed + (tonumber(listedSize) or 0)
        roomMs = math.min(roomMs, leftMs)
      end
    end
  end
  return unfinished, bytes, listed, roomMs
end
`;

/** Defines a script: one atomic change. Its text has keys and arguments as locals by name, further ones in `moreKeys` and `more`. */
function define<Keys extends string, Arguments extends string>(
  keyNames: Word<Keys> extends KeyName ? Keys : never,
  argumentNames: Arguments,
) {
  type Key = Word<Keys> & KeyName;
  const keys = keyNames.split(' ') as Key[];
  const args = argumentNames.split(' ') as Word<Arguments>[];
  const named = [...keys.map((key, i) => [key, `KEYS[${i + 1}]`]), ...args.map((arg, i) => [arg, `ARGV[${i + 1}]`])];
  const locals = `
${named.map(([local, value]) => `local ${local} = ${value}`).join('\n')}
local moreKeys, more = {}, {}
for i = ${keys.length + 1}, #KEYS do table.insert(moreKeys, KEYS[i]) end
for i = ${args.length + 1}, #ARGV do table.insert(more, ARGV[i]) end`;
  return <Answer = 0 | 1>(text: TemplateStringsArray, ...constants: readonly number[]) => {
    const run = script<Answer>(`${locals}${prelude}${String.raw(text, ...constants)}`);
    return (
      memory: BulkMemory,
      values: Values<Word<Arguments>> & KeyParts<Key>,
      more: { readonly keys?: readonly string[]; readonly args?: readonly (string | number)[] } = {},
    ): Promise<Answer> => {
      // A cluster needs all keys by name while it moves a slot.
      const allKeys = [...keys.map((key) => redisKey(memory, key, values)), ...(more.keys ?? [])];
      const allArgs = [...args.map((arg): string | number => values[arg]), ...(more.args ?? [])];
      return askRedis(memory, (redis) => run(redis, allKeys, allArgs));
    };
  };
}

/**
 * Stores a job and queues its first pages. Further keys: its pages. Further arguments: their items, then the job's fields and values.
 * Returns `created`, `there` when it exists, or the limit that is reached, with the milliseconds until there is room again, if known.
 */
export const createJob = define('job owned queue queues accountJobs unfinishedJobs', 'phase bytes needs')<
  readonly ['created' | 'there' | 'unfinished' | 'bytes' | 'listed', number]
>`
if call('EXISTS', job) == 1 then return {'there', 0} end
local unfinished, idleBytes, listed, roomMs = usage()
if phase ~= 'COMPLETED' and unfinished >= ${maxUnfinished} then return {'unfinished', 0} end
if idleBytes + bytes > ${maxIdleBytes} then return {'bytes', roomMs} end
if listed > ${maxIdleListedBytes} then return {'listed', roomMs} end
call('HSET', job, 'phase', phase, 'bytes', bytes, 'createdAt', now, unpack(more, #moreKeys + 1))
call('PEXPIRE', job, ${idleKeptMs})
for i, items in ipairs(moreKeys) do call('SET', items, more[i], 'PX', ${idleKeptMs}) end
call('SADD', owned, job)
call('PEXPIRE', owned, ${keptMs})
call('ZADD', accountJobs, 0, string.format('%d:', now) .. call('HGET', job, 'id'))
call('ZREMRANGEBYRANK', accountJobs, 0, -1 - ${maxListedJobs})
-- A job may be paused, and then be stored for as long again.
call('PEXPIRE', accountJobs, ${2 * keptMs})
if phase == 'LISTING' then addTask('list') end
if phase == 'DELETING' then addFirstPages(#moreKeys) end
if phase == 'COMPLETED' then
  endJob(phase)
else
  call('HSETNX', queues, needs, now)
  call('ZADD', unfinishedJobs, now, call('HGET', job, 'id'))
  call('PEXPIRE', unfinishedJobs, ${2 * keptMs})
end
return {'created', 0}`;

/** Begins the work on a page; returns 0 when another server has it. Renews the expiry of a job that was begun. */
export const takePage = define('job states holders items failures', 'task holder')`
if isLost() then return 0 end
-- Makes the key, so that it expires.
call('HSET', states, 'takenAt', now)
call('HDEL', job, 'unserved')
call('PEXPIRE', states, ${keptMs})
if call('HEXISTS', job, 'hasBegun') == 1 then
  for _, key in ipairs({job, items, failures, job .. ':undo-files'}) do call('PEXPIRE', key, ${keptMs}) end
end
return 1`;

/**
 * Marks an engagement as begun, and renews the lease: a delete that is sent now ends before the lease. `again`: it may have been sent.
 * `cancelled`: it may have been sent, and must not be sent again. `finished`: it has its outcome. `stopped`: its job is cancelled or has
 * ended, or another server has the page. With a `maxKeptMs` above 0, its record must have been stored within that time: else it is
 * `unkept`, and not begun, or `againUnkept`.
 */
export const beginItem = define('job states holders queue', 'task holder index leaseMs maxKeptMs')<
  'first' | 'again' | 'cancelled' | 'finished' | 'paused' | 'stopped' | 'unkept' | 'againUnkept'
>`
if isLost() then return 'stopped' end
call('ZADD', queue, 'XX', now + leaseMs, task)
local state = call('HGET', states, index)
if state and state ~= 'begun' then return 'finished' end
if state == 'begun' and call('HGET', job, 'phase') == 'CANCELLING' then return 'cancelled' end
local obstacle = findObstacle()
if obstacle then return obstacle end
local keptAt = tonumber(call('HGET', states, 'kept:' .. index) or 0)
local isUnkept = tonumber(maxKeptMs) > 0 and keptAt + maxKeptMs <= now
if state == 'begun' then return isUnkept and 'againUnkept' or 'again' end
if isUnkept then return 'unkept' end
call('HSET', states, index, 'begun')
call('HINCRBY', job, 'open', 1)
if call('HSETNX', job, 'hasBegun', 1) == 1 then
  call('PEXPIRE', job, ${keptMs})
  local pages, isListed = get('pageCount', 'isListed')
  -- Listed pages got this expiry when they were added: they may be ten thousand.
  for page = 0, (isListed and 0 or tonumber(pages)) - 1 do
    call('PEXPIRE', job .. ':page:' .. page, ${keptMs})
  end
end
return 'first'`;

/** Removes the mark that an engagement was begun: nothing was sent. */
export const releaseItem = define('job states holders queue', 'task holder index')`
if isLost() or call('HGET', states, index) ~= 'begun' then return 0 end
call('HDEL', states, index)
call('HINCRBY', job, 'open', -1)
endCancelled()
return 1`;

/** Marks that the record of an engagement is about to be read and stored. Returns `keeping`, or why not; see {@link beginItem}. */
export const startKeeping = define('job states holders', 'task holder index')<'keeping' | 'paused' | 'stopped'>`
if isLost() then return 'stopped' end
local obstacle = findObstacle()
if obstacle then return obstacle end
call('HSETNX', states, 'kept:' .. index, 0)
return 'keeping'`;

/** Notes when the record of an engagement was stored, and in which file; counts it once. */
export const noteKept = define('job states holders undoFiles', 'task holder index file')`
if isLost() then return 0 end
call('SADD', undoFiles, file)
call('PEXPIRE', undoFiles, ${keptMs})
local keptAt = call('HGET', states, 'kept:' .. index)
call('HSET', states, 'kept:' .. index, now)
if not keptAt or keptAt == '0' then call('HINCRBY', job, 'keptCount', 1) end
return 1`;

/** Adds to a page's states. Further arguments: names and values. */
export const noteStates = define('states holders', 'task holder')`
if isLost() then return 0 end
call('HSET', states, unpack(more))
return 1`;

/**
 * Notes that a create is about to be sent, for an item (`by`). 0: send none. Another server has the page, the engagement is restored, or
 * another create of it has no known end.
 */
export const claimRestore = define('holders restored restoring', 'task holder key by')`
if isLost() then return 0 end
if call('HEXISTS', restored, key) == 1 then return 0 end
local value = call('HGET', restoring, key)
if value then return string.match(value, '^%d+ (.*)$') == by and 1 or 0 end
call('HSET', restoring, key, string.format('%d ', now) .. by)
call('PEXPIRE', restoring, ${ledgerKeptMs})
return 1`;

/**
 * Notes how a create ended: with a `newId`, or refused. The field `refused ` and its key has the number of refused creates, with this one
 * (`refusalCount`). Returns 0 when the new record restores another engagement: the field `new ` and the key of a new record has the key of
 * the old one.
 */
export const endRestore = define('restored restoring', 'key by newKey newId refusalCount')`
local value = call('HGET', restoring, key)
local isOwn = value and string.match(value, '^%d+ (.*)$') == by
if newId ~= '' then
  local other = call('HGET', restored, 'new ' .. newKey)
  if other and other ~= key then return 0 end
  call('HSET', restored, key, cjson.encode({newId, by}), 'new ' .. newKey, key)
  call('HDEL', restoring, key)
elseif isOwn or by == '' then
  local count = tonumber(call('HGET', restored, 'refused ' .. key) or 0)
  call('HSET', restored, 'refused ' .. key, math.max(count, tonumber(refusalCount)))
  if isOwn then call('HDEL', restoring, key) end
end
call('PEXPIRE', restored, ${ledgerKeptMs})
return 1`;

/** Stores the final outcome of an engagement, once; also when its delete is in flight while its job fails. */
export const finishItem = define('job states holders queue failures rate', 'task holder index outcome failure')`
if isLost() then return 0 end
local state = call('HGET', states, index)
if state and state ~= 'begun' then return 0 end
local phase = call('HGET', job, 'phase')
local isInFlight = phase == 'FAILED' and state == 'begun'
if phase ~= 'DELETING' and phase ~= 'CANCELLING' and not isInFlight then return 0 end
call('HSET', states, index, outcome)
call('HINCRBY', job, 'outcome:' .. outcome, 1)
if not isInFlight and outcome ~= 'UpstreamUnavailableError' and outcome ~= 'OutcomeUnknownError' then clearStatusReason() end
if failure ~= '' then
  call('RPUSH', failures, failure)
  call('PEXPIRE', failures, ${keptMs})
  -- An event may remove it from the list again.
  if outcome == 'OutcomeUnknownError' then call('HSET', states, 'failure:' .. index, failure) end
end
call('INCR', rate)
call('EXPIRE', rate, 120)
countDone(phase, state)
return 1`;

/**
 * Adds the engagements of one list page that were not listed before. Upstream's page may be larger than ours. Further arguments: the items.
 * Without a `nextCursor` the list is complete. Returns how often a page was partial, until it is accepted, and the job marked as partial.
 * `late`: another server has added the page. `circle`: the list repeats. `full`: the owner's lists are too large.
 */
export const addListedPage = define('job listed cursors owned queue', 'pageCount cursor nextCursor isPartial isDryRun')<
  'added' | 'late' | 'circle' | 'full' | number
>`
local phase, pages, lastCursor, wasPartial = get('phase', 'pageCount', 'cursor', 'isPartial')
if phase ~= 'LISTING' or pages ~= pageCount or (lastCursor or '') ~= cursor then return 'late' end
if isPartial == '1' and wasPartial ~= '1' then
  local count = call('HINCRBY', job, 'partial:' .. cursor, 1)
  if count <= ${maxPartial} then return count end
  call('HSET', job, 'isPartial', 1)
end
if tonumber(pages) % ${pagesPerCheck} == 0 or #more > ${pageSize} then
  local _, _, listedBytes = usage()
  if listedBytes > ${maxIdleListedBytes} then return 'full' end
end
if nextCursor ~= '' and call('SADD', cursors, nextCursor) == 0 then return 'circle' end
local items = {}
for _, item in ipairs(more) do
  if call('SADD', listed, item) == 1 then table.insert(items, item) end
end
local forMs = isDryRun == '1' and ${idleKeptMs} or ${keptMs}
for _, key in ipairs({job, listed, cursors}) do call('PEXPIRE', key, forMs) end
for first = 1, #items, ${pageSize} do
  local list = '[' .. table.concat(items, ',', first, math.min(first + ${pageSize - 1}, #items)) .. ']'
  local page = call('HINCRBY', job, 'pageCount', 1) - 1
  call('SET', job .. ':page:' .. page, list, 'PX', forMs)
  call('HINCRBY', job, 'listedBytes', #list)
end
local total = call('HINCRBY', job, 'total', #items)
call('HSET', job, 'cursor', nextCursor)
call('HDEL', job, 'unserved')
clearStatusReason()
if nextCursor ~= '' then return 'added' end
call('UNLINK', listed, cursors)
if isDryRun == '1' or total == 0 then
  endWithPages('COMPLETED')
else
  call('HSET', job, 'phase', 'DELETING', 'isListed', 1)
  addFirstPages(call('HGET', job, 'pageCount'))
end
return 'added'`;

/** Notes that an engagement waits for Truto's event. An earlier `sentAt` of its place stays. Returns 1 when the event has arrived already. */
export const awaitEvent = define('awaiting gone', 'place sentAt forMs')`
call('HSETNX', awaiting, place, sentAt)
if call('PTTL', awaiting) < tonumber(forMs) then call('PEXPIRE', awaiting, forMs) end
local goneAt = tonumber(call('GET', gone) or 0)
return goneAt >= tonumber(call('HGET', awaiting, place)) and 1 or 0`;

/**
 * Stores that an engagement is deleted, by Truto's event, also after the end of its job. Returns its state before; nothing when it changes
 * none.
 */
export const settleItem = define('job states failures queue', 'index')<
  'begun' | 'ACCEPTED' | 'OutcomeUnknownError' | ''
>`
local state, phase = call('HGET', states, index), call('HGET', job, 'phase')
if not phase or (state ~= 'begun' and state ~= 'ACCEPTED' and state ~= 'OutcomeUnknownError') then return '' end
if state == 'OutcomeUnknownError' then
  -- Redis may have lost the list or the copy.
  if call('LREM', failures, 1, call('HGET', states, 'failure:' .. index) or '') == 0 then return '' end
  call('HDEL', states, 'failure:' .. index)
end
call('HSET', states, index, 'DELETED')
call('HINCRBY', job, 'outcome:DELETED', 1)
call('HINCRBY', job, 'settledCount', 1)
call('HSET', job, 'settledAt', now)
if state ~= 'begun' then
  call('HINCRBY', job, 'outcome:' .. state, -1)
  return state
end
countDone(phase, state)
return state`;

/**
 * Pauses, resumes, cancels or fails a job (`how`), with the reason `why` if there is one, and `reason`, its code, for a pause. Changes no
 * job that has ended, or was resumed more often than `resumes`, if that is given. A pause changes no job that is being cancelled. After a
 * resume or a cancel, resting tasks are due at once.
 *
 * `eventAt`: when the event of Truto's was created that does it, or nothing. An event pauses no job that was started, resumed or reactivated
 * after it, or is paused for another reason. It resumes only what an older event has paused, and no caller has paused since.
 */
export const controlJob = define('job queue holders', 'how why reason resumes eventAt')`
local phase, resumed, paused = get('phase', 'resumes', 'isPaused')
if not phase or hasEnded(phase) then return 0 end
if reason == 'CALLER' then
  call('HDEL', job, 'pausedByEventAt')
  call('HSET', job, 'isPausedByCaller', how == 'pause' and 1 or 0)
end
if how == 'pause' and (phase == 'CANCELLING' or (paused == '1' and why == '')) then return 0 end
if resumes ~= '' and (resumed or '0') ~= resumes then return 0 end
if eventAt ~= '' then
  local since, createdAt, before, pausedAt, reactivatedAt, byCaller =
    get('activeSince', 'createdAt', 'pauseReason', 'pausedByEventAt', 'reactivatedAt', 'isPausedByCaller')
  local at = tonumber(eventAt)
  if how == 'pause' then
    if at < tonumber(since or createdAt) or at < tonumber(reactivatedAt or 0) then return 0 end
    if paused == '1' and before ~= reason then return 0 end
    -- Events may arrive in another order.
    call('HSET', job, 'pausedByEventAt', math.max(at, tonumber(pausedAt or 0)))
  else
    call('HSET', job, 'reactivatedAt', math.max(at, tonumber(reactivatedAt or 0)))
    if paused ~= '1' or before ~= reason or not pausedAt or at < tonumber(pausedAt) or byCaller == '1' then return 0 end
    call('HDEL', job, 'pausedByEventAt')
  end
end
if why ~= '' then call('HSET', job, 'statusReason', why) else call('HDEL', job, 'statusReason') end
if how == 'fail' then
  endWithPages('FAILED')
elseif how == 'cancel' then
  call('HSET', job, 'phase', 'CANCELLING', 'isPaused', 0)
elseif phase ~= 'CANCELLING' then
  call('HSET', job, 'isPaused', how == 'pause' and 1 or 0, 'pauseReason', reason)
end
if how == 'resume' then
  call('HINCRBY', job, 'resumes', 1)
  call('HSET', job, 'activeSince', now)
end
if how == 'resume' or how == 'cancel' then
  for _, task in ipairs(call('SMEMBERS', job .. ':resting')) do
    local dueAt = string.match(call('HGET', holders, task) or '', '^resting:(%d+)$')
    if dueAt then
      call('HDEL', holders, task)
      call('ZADD', queue, 'XX', dueAt, task)
    end
  end
  call('UNLINK', job .. ':resting')
end
if how == 'cancel' then endCancelled() end
return 1`;

/** Stores why a job waits, unless it has ended or is paused. `field`: `statusReason`, or `unserved` until a server takes a page. */
export const noteStatusReason = define('job', 'why field')`
local phase, paused = get('phase', 'isPaused')
if not phase or paused == '1' or hasEnded(phase) then return 0 end
call('HSET', job, field, why)
return 1`;

/** Lets the pages of an ended job expire: unreached ones at `unreachedUntil`, others with the job. Returns 1 while there may be more. */
export const letGo = define('job failures', 'from count')`
local unreachedUntil, pages = get('unreachedUntil', 'pageCount')
if not pages then return 0 end
local next, leftMs = from + count, call('PTTL', job)
for page = from, math.min(next, tonumber(pages)) - 1 do
  local items = job .. ':page:' .. page
  local isReached = call('PEXPIRE', items .. ':states', leftMs) == 1
  if isReached or not unreachedUntil then
    call('PEXPIRE', items, leftMs)
  else
    call('PEXPIREAT', items, unreachedUntil)
  end
end
call('PEXPIRE', failures, leftMs)
call('PEXPIRE', job .. ':undo-files', leftMs)
if next < tonumber(pages) then return 1 end
call('HSET', job, 'isLetGo', 1)
return 0`;

/** Takes due tasks, the oldest first. Further keys: the queues. Returns how soon the next is due, or -1; then each task's queue and name. */
export const takeTasks = define('holders', 'count leaseMs holder')<readonly [number, ...(string | number)[]]>`
local answer = {-1}
for _ = 1, tonumber(count) do
  local name, dueAt, queueIndex
  for i, queue in ipairs(moreKeys) do
    local first, score = unpack(call('ZRANGE', queue, 0, 0, 'WITHSCORES'))
    score = tonumber(score)
    if first and (not dueAt or score < dueAt) then name, dueAt, queueIndex = first, score, i end
  end
  if not dueAt then return answer end
  if dueAt > now then
    answer[1] = dueAt - now
    return answer
  end
  call('ZADD', moreKeys[queueIndex], now + leaseMs, name)
  call('HSET', holders, name, holder)
  table.insert(answer, queueIndex - 1)
  table.insert(answer, name)
end
answer[1] = 0
return answer`;

/** Renews leases. Further keys: the queue of each. Further arguments: the queues that the server serves, then each lease's task and holder. */
export const heartbeat = define('holders queues', 'leaseMs')<1>`
local served = #more - 2 * #moreKeys
for i = 1, served do call('HSET', queues, more[i], now) end
for i, queue in ipairs(moreKeys) do
  local task, holder = more[served + 2 * i - 1], more[served + 2 * i]
  if call('HGET', holders, task) == holder then call('ZADD', queue, 'XX', now + leaseMs, task) end
end
return 1`;

/**
 * Ends a lease. `afterMs`: when the task is due again, or -1 when it is done. `follower`: the page to queue next, or nothing; it is queued
 * once, while the job deletes. Resting tasks are also in a set of the job, which may have ten thousand pages.
 */
export const releaseTask = define('holders queue job states', 'task holder afterMs follower')`
if isLost() then return 0 end
call('HDEL', holders, task)
local phase, paused, pageCount, isLetGo = get('phase', 'isPaused', 'pageCount', 'isLetGo')
local dueAt = now + afterMs
if afterMs == '-1' and hasEnded(phase) and not isLetGo and string.match(task, ':list$') then
  -- Its job has ended after the list was read for the last time, and could not queue it again.
  call('ZADD', queue, now, task)
elseif afterMs == '-1' then
  call('ZREM', queue, task)
elseif paused == '1' and phase ~= 'CANCELLING' then
  call('HSET', holders, task, 'resting:' .. string.format('%d', dueAt))
  call('ZADD', queue, math.max(dueAt, now + ${pausedRestMs}), task)
  call('SADD', job .. ':resting', task)
  call('PEXPIRE', job .. ':resting', call('PTTL', job))
else
  call('ZADD', queue, dueAt, task)
end
if follower ~= '' and phase == 'DELETING' and tonumber(follower) < tonumber(pageCount) then
  if call('HSETNX', states, 'followed', 1) == 1 then addTask(follower) end
end
return 1`;

/** Finds the queues without a heartbeat for `unservedMs`: their names, how long, and the jobs of their first thousand tasks. */
export const findUnserved = define('queues', 'queuePrefix unservedMs')<
  readonly (readonly [needs: string, silentMs: number, jobIds: readonly string[]])[]
>`
local found = {}
local heartbeats = call('HGETALL', queues)
for i = 1, #heartbeats, 2 do
  local silentMs = now - tonumber(heartbeats[i + 1])
  if silentMs > tonumber(unservedMs) then
    local jobs, isKnown = {}, {}
    for _, task in ipairs(call('ZRANGE', queuePrefix .. heartbeats[i], 0, 999)) do
      local id = string.match(task, '^[^:]*')
      if not isKnown[id] then table.insert(jobs, id) end
      isKnown[id] = true
    end
    if #jobs > 0 then table.insert(found, {heartbeats[i], silentMs, jobs}) else call('HDEL', queues, heartbeats[i]) end
  end
end
return found`;

/** Counts the oldest unfinished jobs. Returns the age of the oldest that is not paused, or 0; then each reason of a pause, and its count. */
export const countUnfinished = define('unfinishedJobs', 'jobPrefix')<readonly [number, ...(string | number)[]]>`
local oldestAgeMs, paused = 0, {}
for _, id in ipairs(call('ZRANGE', unfinishedJobs, 0, ${maxCounted - 1})) do
  local phase, isPaused, reason, createdAt =
    unpack(call('HMGET', jobPrefix .. id, 'phase', 'isPaused', 'pauseReason', 'createdAt'))
  if not phase or hasEnded(phase) then
    call('ZREM', unfinishedJobs, id)
  elseif isPaused == '1' then
    paused[reason] = (paused[reason] or 0) + 1
  elseif oldestAgeMs == 0 then
    oldestAgeMs = now - createdAt
  end
end
local answer = {oldestAgeMs}
for reason, count in pairs(paused) do
  table.insert(answer, reason)
  table.insert(answer, count)
end
return answer`;
