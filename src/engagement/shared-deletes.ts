import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { keyPrefix, type SharedMemory, script } from '../redis.ts';
import { type Claim, type KeyedDelete, rememberedMs, type SharedDeletes } from './delete-memory.ts';

/** How often one that waits for another process asks whether it is through. */
const askAgainMs = 25;

/** How much longer than an operation may take a process is believed to be at it. */
const leaseMarginMs = 1_000;

/**
 * ARGV: the fingerprint, who claims, for how long, and how long it is remembered. Answers what is there: `other`, `wait`,
 * `known` with the result, or, now claimed, `again` with the result that asks to try again, `lost` (whoever claimed it did not
 * come back), or `first`.
 */
const claimDelete = script<readonly [kind: string, result?: string]>(
  'claimDelete',
  `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'fingerprint', 'until', 'result', 'mayBeTried')
if known[1] and known[1] ~= ARGV[1] then return {'other'} end
if known[2] and tonumber(known[2]) > now then return {'wait'} end
if known[3] and not known[4] then return {'known', known[3]} end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'owner', ARGV[2], 'until', now + tonumber(ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if known[3] then return {'again', known[3]} end
if known[1] then return {'lost'} end
return {'first'}`,
);

/** ARGV: who claimed it, the result or nothing, 1 when it may be tried again, and how long it is remembered. */
const settleDelete = script<number>(
  'settleDelete',
  `
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'owner', 'until', 'mayBeTried')
if ARGV[3] == '1' then redis.call('HSET', KEYS[1], 'mayBeTried', 1) end
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], 'result', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
elseif redis.call('HEXISTS', KEYS[1], 'result') == 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'mayBeTried', 1)
end
return 1`,
);

const nameOf = (key: string) => `${keyPrefix}:delete:${key}`;

function lost({ ifLost }: KeyedDelete): Claim {
  return ifLost.retrySafe ? { kind: 'mine', earlier: ifLost } : { kind: 'repeated', result: ifLost };
}

/**
 * Remembers deletes in Redis for 10 minutes, so that it does not matter which replica a repetition comes to. One whose process
 * is lost is taken over by whoever comes next, as another attempt of the same delete.
 */
export function createSharedDeletes(memory: SharedMemory, requestTimeoutMs: number): SharedDeletes {
  const owner = randomUUID();
  const leaseMs = requestTimeoutMs + leaseMarginMs;

  async function claim(keyed: KeyedDelete): Promise<Claim | undefined> {
    let isElsewhere = false;
    for (;;) {
      const args = [keyed.fingerprint, owner, leaseMs, rememberedMs];
      const answer = await memory.ask((redis) => claimDelete(redis, [nameOf(keyed.key)], args));
      // Who was at it may have done it.
      if (answer === undefined) return isElsewhere ? lost(keyed) : undefined;
      const [kind, result = ''] = answer;
      if (kind === 'other') return { kind };
      if (kind === 'known') return { kind: 'repeated', result: JSON.parse(result) };
      if (kind === 'lost') return lost(keyed);
      if (kind === 'again') return { kind: 'mine', earlier: JSON.parse(result) };
      if (kind === 'first') return { kind: 'mine', earlier: undefined };
      isElsewhere = true;
      await sleep(askAgainMs);
    }
  }

  return {
    claim,
    async settle(key, kept) {
      const args = [owner, kept?.whole ?? '', kept?.mayBeTried ? 1 : 0, rememberedMs];
      await memory.ask((redis) => settleDelete(redis, [nameOf(key)], args));
    },
  };
}
