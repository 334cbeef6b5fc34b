import { script } from '../redis.ts';

/*
 * What changes a bulk delete, each in one step. KEYS[1] is always the job's hash. An item of a page is `begun` from before its
 * delete is sent until its end is known: whoever finds one that is begun knows that it may have been sent.
 */

/** Ends a job that is being cancelled, when nothing of it is under way any more. */
const endCancelled = `
local function endCancelled(now)
  local phase, open = unpack(redis.call('HMGET', KEYS[1], 'phase', 'open'))
  if phase == 'CANCELLING' and (tonumber(open) or 0) <= 0 then
    redis.call('HSET', KEYS[1], 'phase', 'CANCELLED', 'endedAt', now)
    redis.call('HDEL', KEYS[1], 'trouble')
  end
end`;

/**
 * KEYS: the job, those of the same owner, its pages. ARGV: how long to keep it, how long to know it for its owner's, how many of the owner's
 * may be unfinished, how many bytes those may take that were never begun, its own, how many their lists may take; the pages as JSON, then
 * the job's fields and values. Answers `created`, `there` when there is one, `unfinished`, `bytes` or `listed` for the limit that is reached, and in how many milliseconds
 * there is room again, as far as that is known.
 */
export const createJob = script<readonly ['created' | 'there' | 'unfinished' | 'bytes' | 'listed', number]>(
  'createBulkJob',
  `
if redis.call('EXISTS', KEYS[1]) == 1 then return {'there', 0} end
local unfinished, bytes, listed, roomMs = 0, tonumber(ARGV[5]), 0, tonumber(ARGV[1])
for _, other in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local phase, size, hasBegun, listedSize = unpack(redis.call('HMGET', other, 'phase', 'bytes', 'hasBegun', 'listedBytes'))
  local hasEnded = phase == 'CANCELLED' or phase == 'COMPLETED' or phase == 'FAILED'
  if not phase or (hasEnded and hasBegun) then
    redis.call('SREM', KEYS[2], other)
  else
    if not hasEnded then unfinished = unfinished + 1 end
    if not hasBegun then
      bytes = bytes + tonumber(size)
      listed = listed + (tonumber(listedSize) or 0)
      roomMs = math.min(roomMs, redis.call('PTTL', other))
    end
  end
end
if unfinished >= tonumber(ARGV[3]) then return {'unfinished', 0} end
if bytes > tonumber(ARGV[4]) then return {'bytes', roomMs} end
if listed > tonumber(ARGV[6]) then return {'listed', roomMs} end
redis.call('HSET', KEYS[1], 'bytes', ARGV[5], unpack(ARGV, #KEYS + 5))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
for i = 3, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 4], 'PX', ARGV[1]) end
redis.call('SADD', KEYS[2], KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return {'created', 0}`,
);

/**
 * KEYS: the job, the page's states. ARGV: the item's index, who has the page, how long to keep a job, with its pages, of which something
 * was begun. Answers `first`, `again` when it may have been
 * sent, `cancelled` when it may have been and must not be again, `done`, `paused`, `stopped`, or `lost` when somebody else has the page.
 */
export const beginItem = script<'first' | 'again' | 'cancelled' | 'done' | 'paused' | 'stopped' | 'lost'>(
  'beginBulkItem',
  `
if redis.call('HGET', KEYS[2], 'owner') ~= ARGV[2] then return 'lost' end
local state = redis.call('HGET', KEYS[2], ARGV[1])
if state and state ~= 'begun' then return 'done' end
local phase, paused = unpack(redis.call('HMGET', KEYS[1], 'phase', 'isPaused'))
if state == 'begun' and phase == 'CANCELLING' then return 'cancelled' end
if phase ~= 'DELETING' then return 'stopped' end
if paused == '1' then return 'paused' end
if state == 'begun' then return 'again' end
redis.call('HSET', KEYS[2], ARGV[1], 'begun')
redis.call('HINCRBY', KEYS[1], 'open', 1)
if redis.call('HSETNX', KEYS[1], 'hasBegun', 1) == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  for page = 0, tonumber(redis.call('HGET', KEYS[1], 'pageCount')) - 1 do
    redis.call('PEXPIRE', KEYS[1] .. ':page:' .. page, ARGV[3])
  end
end
return 'first'`,
);

/** As if it had not begun: nothing was sent, for sure. KEYS and ARGV as above, and the moment. */
export const releaseItem = script<number>(
  'releaseBulkItem',
  `${endCancelled}
if redis.call('HGET', KEYS[2], 'owner') ~= ARGV[2] or redis.call('HGET', KEYS[2], ARGV[1]) ~= 'begun' then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[1], 'open', -1)
endCancelled(ARGV[3])
return 1`,
);

/** KEYS and ARGV as for `beginItem`, how many attempts of its delete were answered, and the key of the last. */
export const noteSent = script<number>(
  'noteSentBulkItem',
  `
if redis.call('HGET', KEYS[2], 'owner') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'answers:' .. ARGV[1], ARGV[3], 'key:' .. ARGV[1], ARGV[4])
return 1`,
);

/**
 * The one final outcome of an item. KEYS: the job, the page's states, the failures, the counter of the moment. ARGV: index, owner,
 * the moment, outcome, the failure or nothing, how long to keep what is new.
 */
export const finishItem = script<number>(
  'finishBulkItem',
  `${endCancelled}
if redis.call('HGET', KEYS[2], 'owner') ~= ARGV[2] then return 0 end
local state = redis.call('HGET', KEYS[2], ARGV[1])
if state and state ~= 'begun' then return 0 end
local phase = redis.call('HGET', KEYS[1], 'phase')
if phase ~= 'DELETING' and phase ~= 'CANCELLING' then return 0 end
if state == 'begun' then redis.call('HINCRBY', KEYS[1], 'open', -1) end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
redis.call('HINCRBY', KEYS[1], 'outcome:' .. ARGV[4], 1)
if ARGV[5] == '' then
  redis.call('HDEL', KEYS[1], 'trouble')
else
  redis.call('RPUSH', KEYS[3], ARGV[5])
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
end
redis.call('INCR', KEYS[4])
redis.call('EXPIRE', KEYS[4], 120)
local done = redis.call('HINCRBY', KEYS[1], 'done', 1)
if phase == 'DELETING' and done == tonumber(redis.call('HGET', KEYS[1], 'total')) then
  redis.call('HSET', KEYS[1], 'phase', 'COMPLETED', 'endedAt', ARGV[3], 'isPaused', 0)
  redis.call('HDEL', KEYS[1], 'trouble')
end
endCancelled(ARGV[3])
return 1`,
);

/**
 * Adds a page of the list, unless somebody else has: 0 then, and -1 for a list that comes back to where it was. KEYS: the job, the page,
 * what was listed, the cursors that were. ARGV: how many pages there were, the cursor of this one and of the next (nothing: it is the
 * last), how long to keep it, then the items: what was listed before is left out.
 */
export const addListedPage = script<-1 | 0 | 1>(
  'addListedBulkPage',
  `
local phase, pages, cursor = unpack(redis.call('HMGET', KEYS[1], 'phase', 'pageCount', 'cursor'))
if phase ~= 'LISTING' or pages ~= ARGV[1] or (cursor or '') ~= ARGV[2] then return 0 end
if ARGV[3] ~= '' and redis.call('SADD', KEYS[4], ARGV[3]) == 0 then return -1 end
local items = {}
for i = 5, #ARGV do
  if redis.call('SADD', KEYS[3], ARGV[i]) == 1 then table.insert(items, ARGV[i]) end
end
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[4]) end
redis.call('HSET', KEYS[1], 'cursor', ARGV[3])
if ARGV[3] == '' then redis.call('HSET', KEYS[1], 'isListed', 1) end
if #items > 0 then
  local list = '[' .. table.concat(items, ',') .. ']'
  redis.call('SET', KEYS[2], list, 'PX', ARGV[4])
  redis.call('HINCRBY', KEYS[1], 'listedBytes', #list)
  redis.call('HINCRBY', KEYS[1], 'pageCount', 1)
  redis.call('HINCRBY', KEYS[1], 'total', #items)
end
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

/** The list is complete. KEYS: the job, what was listed, the cursors that were. ARGV: the moment, 1 for a dry run. Answers 1 when it was not known. */
export const endListing = script<number>(
  'endBulkListing',
  `
local phase, total = unpack(redis.call('HMGET', KEYS[1], 'phase', 'total'))
if phase ~= 'LISTING' then return 0 end
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('HDEL', KEYS[1], 'trouble')
if ARGV[2] == '1' or tonumber(total) == 0 then
  redis.call('HSET', KEYS[1], 'phase', 'COMPLETED', 'endedAt', ARGV[1], 'isPaused', 0)
else
  redis.call('HSET', KEYS[1], 'phase', 'DELETING')
end
return 1`,
);

/**
 * ARGV: `pause`, `resume`, `cancel` or `fail`, the moment, why, and how often it had been resumed when that came about, or nothing. Does
 * nothing to a job that has ended, or was resumed since. Answers 1 when it changed it.
 */
export const steerJob = script<number>(
  'steerBulkJob',
  `${endCancelled}
local phase = redis.call('HGET', KEYS[1], 'phase')
if not phase or phase == 'CANCELLED' or phase == 'COMPLETED' or phase == 'FAILED' then return 0 end
if ARGV[4] ~= '' and (redis.call('HGET', KEYS[1], 'resumes') or '0') ~= ARGV[4] then return 0 end
if ARGV[1] == 'resume' then redis.call('HINCRBY', KEYS[1], 'resumes', 1) end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'trouble', ARGV[3]) else redis.call('HDEL', KEYS[1], 'trouble') end
if ARGV[1] == 'fail' then
  redis.call('HSET', KEYS[1], 'phase', 'FAILED', 'endedAt', ARGV[2], 'isPaused', 0)
elseif ARGV[1] == 'cancel' then
  redis.call('HSET', KEYS[1], 'phase', 'CANCELLING', 'isPaused', 0)
  endCancelled(ARGV[2])
elseif phase ~= 'CANCELLING' then
  redis.call('HSET', KEYS[1], 'isPaused', ARGV[1] == 'pause' and 1 or 0)
end
return 1`,
);

/** Says why a job waits, unless it has ended. ARGV: what to say. */
export const noteTrouble = script<number>(
  'noteBulkTrouble',
  `
local phase = redis.call('HGET', KEYS[1], 'phase')
if phase ~= 'LISTING' and phase ~= 'DELETING' and phase ~= 'CANCELLING' then return 0 end
redis.call('HSET', KEYS[1], 'trouble', ARGV[1])
return 1`,
);
