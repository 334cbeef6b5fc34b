import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createSharedRequests, rememberedMs } from '../src/engagement/request-memory.ts';
import type { RedisClient } from '../src/redis/shared-memory.ts';

/** The scripts, by a piece of the text of each. */
const texts = {
  claimDelete: "return {'other'}",
  settleDelete: "'HDEL', KEYS[1], 'owner'",
  noteRequestMemory: "'since', since)\nreturn 1",
};

/** A Redis with the answers of the test for each script. Undefined means no answer. */
function scripted(backSince: number | undefined, answers: { readonly [Name in keyof typeof texts]?: () => unknown }) {
  const asked: string[] = [];
  const commands = {
    defineCommand(method: string, { lua }: { readonly lua: string }) {
      const name = (Object.keys(texts) as (keyof typeof texts)[]).find((one) => lua.includes(texts[one]));
      if (!name) throw new Error('an unknown script');
      const run = async () => {
        asked.push(name);
        return answers[name]?.();
      };
      Object.assign(commands, { [method]: run });
    },
  };
  const ask = <Result>(question: (redis: RedisClient) => Promise<Result>) =>
    question(commands as unknown as RedisClient) as Promise<Result | undefined>;
  return { memory: { ask, backSince, keyPrefix: 'test' }, asked };
}

const keyed = (key: string) => ({
  ...{ key, fingerprint: 'f', hasCallerLeft: () => false, deadlineAt: performance.now() + 60_000 },
  unknownSince: (message: string) => ({
    ...({ kind: 'OutcomeUnknownError', message, retrySafe: true, upstreamIdempotencyKey: 'k' } as const),
    ...{ lastStatusCode: null, engagement: null },
  }),
});

it.each([
  ['is in doubt', 'in the time that deletes are remembered', rememberedMs - 1_000, true],
  ['is new for sure', 'before that', rememberedMs + 1_000, false],
])('a key that is new %s when Redis was unreachable %s', async (_what, _when, agoMs, isInDoubt) => {
  const { memory } = scripted(performance.now() - agoMs, { claimDelete: () => ['first', '', '0', 1, 0] });
  expect(await createSharedRequests(memory, 10_000).claim(keyed('k'))).toMatchObject({ kind: 'mine', isInDoubt });
});

it('deletes of a server without Redis are reported as soon as Redis answers, also the second time', async () => {
  const { memory, asked } = scripted(undefined, { noteRequestMemory: () => 1 });
  const { claim } = createSharedRequests(memory, 10_000);
  const reports = async () => {
    await setImmediate();
    return asked.filter((name) => name === 'noteRequestMemory').length;
  };
  // One report at the start.
  const counts = [await reports()];
  for (const key of ['one', 'two']) {
    expect(await claim(keyed(key))).toMatchObject({ kind: 'mine', isInDoubt: true });
    counts.push(await reports());
  }
  expect(counts).toEqual([1, 2, 3]);
});
