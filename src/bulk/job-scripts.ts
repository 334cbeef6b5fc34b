import { script } from '../redis/shared-memory.ts';
import { pageSize } from './job.ts';
import { redisNow } from './task-queue.ts';

/*
 * What changes a bulk delete, each in one step. KEYS[1] is always the job's hash. An item of a page is `begun` from before its
 * delete is sent until its end is known: whoever finds one that is begun knows that it may have been sent.
 */

/** How long what a cancelled job had not reached is kept, and one of which nothing was ever begun, in milliseconds. */
export const idleKeptMs = 24 * 3_600_000;

/**
 * What happened in between says that trouble is over; but not what a paused job waits for. Nor may anything else be said of
 * that: whoever has to mend it must see it.
 */
const endTrouble = `
local function endTrouble()
  if redis.call('HGET', KEYS[1], 'isPaused') ~= '1' then redis.call('HDEL', KEYS[1], 'trouble') end
end`;

/** What ends a job. Its token is kept no longer than it is needed. What a million engagements take is freed beside Redis' other work: UNLINK. */
const endJob = `
local function endJob(phase, now)
  redis.call('HSET', KEYS[1], 'phase', phase, 'endedAt', now, 'isPaused', 0, 'sealedToken', '')
  redis.call('HDEL', KEYS[1], 'unserved')
  redis.call('UNLINK', KEYS[1] .. ':listed', KEYS[1] .. ':cursors', KEYS[1] .. ':resting')
end`;

/**
 * Ends a job before all of it was reached: what it never reached is kept for a day. Ten thousand pages are too many for one step, so that
 * is a task of its own.
 */
const endEarly = `${endJob}
local function endEarly(phase, queue, now)
  endJob(phase, now)
  redis.call('HSET', KEYS[1], 'unreachedUntil', now + ${idleKeptMs})
  redis.call('ZADD', queue, 'NX', now, redis.call('HGET', KEYS[1], 'id') .. ':list')
end`;

/** Ends a job that is being cancelled, when nothing of it is under way any more. */
const endCancelled = `${endEarly}
local function endCancelled(queue, now)
  local phase, open = unpack(redis.call('HMGET', KEYS[1], 'phase', 'open'))
  if phase ~= 'CANCELLING' or (tonumber(open) or 0) > 0 then return end
  endEarly('CANCELLED', queue, now)
  redis.call('HDEL', KEYS[1], 'trouble')
end`;

/**
 * What an owner's jobs take: how many have not ended, how many bytes those that were never begun take and their lists, and in how many
 * milliseconds there is room again. One that was cancelled or failed counts as long as what it had not reached is kept.
 */
const usageOf = `
local function usageOf(ownedBy, now)
  local unfinished, bytes, listed, roomMs = 0, 0, 0, ${idleKeptMs}
  for _, other in ipairs(redis.call('SMEMBERS', ownedBy)) do
    local phase, size, hasBegun, listedSize, unreachedUntil =
      unpack(redis.call('HMGET', other, 'phase', 'bytes', 'hasBegun', 'listedBytes', 'unreachedUntil'))
    local hasEnded = phase == 'CANCELLED' or phase == 'COMPLETED' or phase == 'FAILED'
    local leftMs = -1
    if unreachedUntil then leftMs = unreachedUntil - now elseif not hasBegun then leftMs = redis.call('PTTL', other) end
    if not phase or (hasEnded and leftMs <= 0) then
      redis.call('SREM', ownedBy, other)
    else
      if not hasEnded then unfinished = unfinished + 1 end
      if leftMs > 0 then
        bytes = bytes + tonumber(size)
        listed = listed + (tonumber(listedSize) or 0)
        roomMs = math.min(roomMs, leftMs)
      end
    end
  end
  return unfinished, bytes, listed, roomMs
end`;

/** Puts a task into the job's queue, to be done at once. KEYS[1] is the job. */
const addTask = `
local function addTask(queue, page, now)
  redis.call('ZADD', queue, 'NX', now, redis.call('HGET', KEYS[1], 'id') .. ':' .. page)
end`;

/**
 * Keeps a job and puts the beginning of its work into its queue, in one step: none can be kept that nobody works on. KEYS: the job,
 * those of the same owner, its queue, the names of all queues, its pages. ARGV: for how long it is known to its owner, how many of the
 * owner's may be unfinished, how many bytes those may take that were never begun, its own, how many their lists may take, its queue's name,
 * how many pages are done at once; the pages as JSON, then the job's fields and values. Answers `created`, `there` when there is one, or
 * `unfinished`, `bytes` or `listed` for the limit that is reached, and in how many milliseconds there is room again, as far as that is known.
 */
export const createJob = script<readonly ['created' | 'there' | 'unfinished' | 'bytes' | 'listed', number]>(
  'createBulkJob',
  `${redisNow}${usageOf}${addTask}
if redis.call('EXISTS', KEYS[1]) == 1 then return {'there', 0} end
local unfinished, bytes, listed, roomMs = usageOf(KEYS[2], now)
if unfinished >= tonumber(ARGV[2]) then return {'unfinished', 0} end
if bytes + tonumber(ARGV[4]) > tonumber(ARGV[3]) then return {'bytes', roomMs} end
if listed > tonumber(ARGV[5]) then return {'listed', roomMs} end
local pages = #KEYS - 4
redis.call('HSET', KEYS[1], 'bytes', ARGV[4], unpack(ARGV, pages + 8))
redis.call('PEXPIRE', KEYS[1], ${idleKeptMs})
for i = 1, pages do redis.call('SET', KEYS[i + 4], ARGV[i + 7], 'PX', ${idleKeptMs}) end
redis.call('SADD', KEYS[2], KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
local phase = redis.call('HGET', KEYS[1], 'phase')
if phase == 'LISTING' then addTask(KEYS[3], 'list', now) end
if phase == 'DELETING' then
  for page = 0, math.min(pages, tonumber(ARGV[7])) - 1 do addTask(KEYS[3], page, now) end
end
if phase ~= 'COMPLETED' then redis.call('HSETNX', KEYS[4], ARGV[6], now) end
return {'created', 0}`,
);

/** What a script asks of whoever says to have the page: it must still be its own. KEYS[3] has the owners; ARGV: the task's name, its owner. */
const isLost = `
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then`;

/**
 * Begins the work on a page. KEYS: the job, the page's states, the owners, the queue, the page, the failures. ARGV: the task's name, its owner, how long
 * to keep them. Answers the states as a list of names and values, or false when somebody else has the page. A job that was begun is kept anew.
 */
export const takePage = script<readonly string[] | null>(
  'takeBulkPage',
  `${isLost} return false end
redis.call('HSETNX', KEYS[2], 'taken', 1)
redis.call('HDEL', KEYS[1], 'unserved')
redis.call('PEXPIRE', KEYS[2], ARGV[3])
if redis.call('HEXISTS', KEYS[1], 'hasBegun') == 1 then
  for _, key in ipairs({KEYS[1], KEYS[5], KEYS[6]}) do redis.call('PEXPIRE', key, ARGV[3]) end
end
return redis.call('HGETALL', KEYS[2])`,
);

/**
 * KEYS: the job, the page's states, the owners, the job's queue. ARGV: the task's name, its owner, the item's index, how long to keep a
 * job, with its pages, of which something was begun, and for how long the page is its owner's from now on: what is sent now has its answer
 * by then, or was given up. Answers `first`, `again` when it may have been sent, `cancelled` when it may have been and must not be again, `done`, `paused`, `stopped`, or `lost` when somebody else has the page.
 */
export const beginItem = script<'first' | 'again' | 'cancelled' | 'done' | 'paused' | 'stopped' | 'lost'>(
  'beginBulkItem',
  `${redisNow}${isLost} return 'lost' end
redis.call('ZADD', KEYS[4], 'XX', now + tonumber(ARGV[5]), ARGV[1])
local state = redis.call('HGET', KEYS[2], ARGV[3])
if state and state ~= 'begun' then return 'done' end
local phase, paused = unpack(redis.call('HMGET', KEYS[1], 'phase', 'isPaused'))
if state == 'begun' and phase == 'CANCELLING' then return 'cancelled' end
if phase ~= 'DELETING' then return 'stopped' end
if paused == '1' then return 'paused' end
if state == 'begun' then return 'again' end
redis.call('HSET', KEYS[2], ARGV[3], 'begun')
redis.call('HINCRBY', KEYS[1], 'open', 1)
if redis.call('HSETNX', KEYS[1], 'hasBegun', 1) == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  local pages, isListed = unpack(redis.call('HMGET', KEYS[1], 'pageCount', 'isListed'))
  -- Those of a list are kept as long from when they were added, and may be ten thousand.
  for page = 0, (isListed and 0 or tonumber(pages)) - 1 do
    redis.call('PEXPIRE', KEYS[1] .. ':page:' .. page, ARGV[4])
  end
end
return 'first'`,
);

/** As if it had not begun: nothing was sent, for sure. KEYS: the job, the page's states, the owners, the queue. ARGV: the task's name, its owner, the item's index, the moment. */
export const releaseItem = script<number>(
  'releaseBulkItem',
  `${endCancelled}${isLost} return 0 end
if redis.call('HGET', KEYS[2], ARGV[3]) ~= 'begun' then return 0 end
redis.call('HDEL', KEYS[2], ARGV[3])
redis.call('HINCRBY', KEYS[1], 'open', -1)
endCancelled(KEYS[4], ARGV[4])
return 1`,
);

/** KEYS and ARGV as for `releaseItem`, but for the moment: how many attempts of its delete were answered, and the key of the last. */
export const noteSent = script<number>(
  'noteSentBulkItem',
  `${isLost} return 0 end
redis.call('HSET', KEYS[2], 'answers:' .. ARGV[3], ARGV[4], 'key:' .. ARGV[3], ARGV[5])
return 1`,
);

/**
 * The one final outcome of an item, also of one that is in flight when its job fails. KEYS: the job, the page's states, the owners, the queue, the failures, the counter of the moment. ARGV: the task's
 * name, its owner, the item's index, the moment, outcome, the failure or nothing, how long to keep what is new.
 */
export const finishItem = script<number>(
  'finishBulkItem',
  `${endTrouble}${endCancelled}${isLost} return 0 end
local state = redis.call('HGET', KEYS[2], ARGV[3])
if state and state ~= 'begun' then return 0 end
local phase = redis.call('HGET', KEYS[1], 'phase')
local isInFlight = phase == 'FAILED' and state == 'begun'
if phase ~= 'DELETING' and phase ~= 'CANCELLING' and not isInFlight then return 0 end
if state == 'begun' then redis.call('HINCRBY', KEYS[1], 'open', -1) end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[5])
redis.call('HINCRBY', KEYS[1], 'outcome:' .. ARGV[5], 1)
if not isInFlight and ARGV[5] ~= 'UpstreamUnavailableError' and ARGV[5] ~= 'OutcomeUnknownError' then endTrouble() end
if ARGV[6] ~= '' then
  redis.call('RPUSH', KEYS[5], ARGV[6])
  redis.call('PEXPIRE', KEYS[5], ARGV[7])
end
redis.call('INCR', KEYS[6])
redis.call('EXPIRE', KEYS[6], 120)
local done = redis.call('HINCRBY', KEYS[1], 'done', 1)
if phase == 'DELETING' and done == tonumber(redis.call('HGET', KEYS[1], 'total')) then
  endJob('COMPLETED', ARGV[4])
  redis.call('HDEL', KEYS[1], 'trouble')
end
endCancelled(KEYS[4], ARGV[4])
return 1`,
);

/** How many pages are listed between two looks at what the lists of the same owner take: so much may be more than there is room for. */
const pagesPerLook = 10;

/**
 * Adds what upstream listed on one page, which may be larger than ours. Answers 0 when somebody else has, -1 for a list that comes back to where it was, -2 when the lists of its
 * owner take too much. KEYS: the job, what was listed, the cursors that were, the jobs of the same owner. ARGV: how many pages there
 * were, the cursor of this one and of the next (nothing: it is the last), how long to keep it, how many bytes the owner's lists may take, then the
 * items: what was listed before is left out.
 */
export const addListedPage = script<-2 | -1 | 0 | 1>(
  'addListedBulkPage',
  `${redisNow}${usageOf}${endTrouble}
local phase, pages, cursor = unpack(redis.call('HMGET', KEYS[1], 'phase', 'pageCount', 'cursor'))
if phase ~= 'LISTING' or pages ~= ARGV[1] or (cursor or '') ~= ARGV[2] then return 0 end
if tonumber(pages) % ${pagesPerLook} == 0 or #ARGV > 5 + ${pageSize} then
  local _, _, listed = usageOf(KEYS[4], now)
  if listed > tonumber(ARGV[5]) then return -2 end
end
if ARGV[3] ~= '' and redis.call('SADD', KEYS[3], ARGV[3]) == 0 then return -1 end
local items = {}
for i = 6, #ARGV do
  if redis.call('SADD', KEYS[2], ARGV[i]) == 1 then table.insert(items, ARGV[i]) end
end
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[4]) end
redis.call('HSET', KEYS[1], 'cursor', ARGV[3])
redis.call('HDEL', KEYS[1], 'unserved')
if ARGV[3] == '' then redis.call('HSET', KEYS[1], 'isListed', 1) end
for first = 1, #items, ${pageSize} do
  local list = '[' .. table.concat(items, ',', first, math.min(first + ${pageSize - 1}, #items)) .. ']'
  local page = redis.call('HINCRBY', KEYS[1], 'pageCount', 1) - 1
  redis.call('SET', KEYS[1] .. ':page:' .. page, list, 'PX', ARGV[4])
  redis.call('HINCRBY', KEYS[1], 'listedBytes', #list)
end
redis.call('HINCRBY', KEYS[1], 'total', #items)
endTrouble()
return 1`,
);

/**
 * Counts that a page of the list was only a part of it. KEYS: the job. ARGV: the cursor of that page, how often it is asked for again.
 * Answers how often it was a part, and 0 when the list is taken as it is, which the job then says.
 */
export const notePartialList = script<number>(
  'notePartialBulkList',
  `
local phase, isPartial = unpack(redis.call('HMGET', KEYS[1], 'phase', 'isPartial'))
if phase ~= 'LISTING' or isPartial == '1' then return 0 end
local count = redis.call('HINCRBY', KEYS[1], 'partial:' .. ARGV[1], 1)
if count <= tonumber(ARGV[2]) then return count end
redis.call('HSET', KEYS[1], 'isPartial', 1)
return 0`,
);

/**
 * The list is complete: the work on its first pages begins. KEYS: the job, what was listed, the cursors that were, the job's queue. ARGV: the moment, 1 for
 * a dry run, how many pages are done at once. Answers 1 when it was not known.
 */
export const endListing = script<number>(
  'endBulkListing',
  `${endJob}${addTask}${redisNow}
local phase, total, pages = unpack(redis.call('HMGET', KEYS[1], 'phase', 'total', 'pageCount'))
if phase ~= 'LISTING' then return 0 end
redis.call('UNLINK', KEYS[2], KEYS[3])
redis.call('HDEL', KEYS[1], 'trouble')
if ARGV[2] == '1' or tonumber(total) == 0 then
  endJob('COMPLETED', ARGV[1])
else
  redis.call('HSET', KEYS[1], 'phase', 'DELETING')
  for page = 0, math.min(tonumber(pages), tonumber(ARGV[3])) - 1 do addTask(KEYS[4], page, now) end
end
return 1`,
);

/**
 * KEYS: the job, its queue, the owners. ARGV: `pause`, `resume`, `cancel` or `fail`, the moment, why, and how often it had been resumed when
 * that came about, or nothing. Does nothing to a job that has ended, or was resumed since; a pause does nothing to one that is being cancelled. What rests in the queue is due at once after
 * a resumption or a cancel. Answers 1 when it changed it.
 */
export const steerJob = script<number>(
  'steerBulkJob',
  `${endCancelled}
local phase, resumes, paused = unpack(redis.call('HMGET', KEYS[1], 'phase', 'resumes', 'isPaused'))
if not phase or phase == 'CANCELLED' or phase == 'COMPLETED' or phase == 'FAILED' then return 0 end
if ARGV[1] == 'pause' and (phase == 'CANCELLING' or (paused == '1' and ARGV[3] == '')) then return 0 end
if ARGV[4] ~= '' and (resumes or '0') ~= ARGV[4] then return 0 end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'trouble', ARGV[3]) else redis.call('HDEL', KEYS[1], 'trouble') end
if ARGV[1] == 'fail' then
  endEarly('FAILED', KEYS[2], ARGV[2])
elseif ARGV[1] == 'cancel' then
  redis.call('HSET', KEYS[1], 'phase', 'CANCELLING', 'isPaused', 0)
elseif phase ~= 'CANCELLING' then
  redis.call('HSET', KEYS[1], 'isPaused', ARGV[1] == 'pause' and 1 or 0)
end
if ARGV[1] == 'resume' then redis.call('HINCRBY', KEYS[1], 'resumes', 1) end
if ARGV[1] == 'resume' or ARGV[1] == 'cancel' then
  for _, task in ipairs(redis.call('SMEMBERS', KEYS[1] .. ':resting')) do
    local dueAt = string.match(redis.call('HGET', KEYS[3], task) or '', '^resting:(%d+)$')
    if dueAt then
      redis.call('HDEL', KEYS[3], task)
      redis.call('ZADD', KEYS[2], 'XX', dueAt, task)
    end
  end
  redis.call('UNLINK', KEYS[1] .. ':resting')
end
if ARGV[1] == 'cancel' then endCancelled(KEYS[2], ARGV[2]) end
return 1`,
);

/** Says why a job waits, unless it has ended, or is paused. ARGV: what to say, and the field for it: `trouble`, or `unserved` until a server takes a page. */
export const noteTrouble = script<number>(
  'noteBulkTrouble',
  `
local phase, paused = unpack(redis.call('HMGET', KEYS[1], 'phase', 'isPaused'))
if paused == '1' or (phase ~= 'LISTING' and phase ~= 'DELETING' and phase ~= 'CANCELLING') then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[1])
return 1`,
);

/**
 * Keeps pages no longer than it says that an ended job never reached. KEYS: the job. ARGV: the first page, and how many of them. Answers 1 while
 * there may be more.
 */
export const letGo = script<0 | 1>(
  'letGoOfBulkPages',
  `
local unreachedUntil, pages = unpack(redis.call('HMGET', KEYS[1], 'unreachedUntil', 'pageCount'))
if not unreachedUntil then return 0 end
local next = ARGV[1] + ARGV[2]
for page = ARGV[1], math.min(next, tonumber(pages)) - 1 do
  local items = KEYS[1] .. ':page:' .. page
  if redis.call('EXISTS', items .. ':states') == 0 then redis.call('PEXPIREAT', items, unreachedUntil) end
end
return next < tonumber(pages) and 1 or 0`,
);
