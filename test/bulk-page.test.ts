import { describe, expect, it } from 'vitest';
import { itemStateOf } from '../src/bulk/job.ts';
import { BulkUnavailable, redisKey } from '../src/bulk/job-scripts.ts';
import { Pace } from '../src/bulk/pace.ts';
import { Secret } from '../src/config/secret.ts';
import {
  type Asked,
  answered,
  lost,
  notSent,
  type PageUnderTest,
  type PickAttempt,
  refused,
  requestTimeoutMs,
  type SentRequest,
  startPage,
  tooLarge,
} from './support/bulk-page.ts';
import { startBulkStore } from './support/bulk-store.ts';
import { jsonLines } from './support/json-lines.ts';
import { shared } from './support/shared.ts';

const kept = await shared(startBulkStore());

const start = (ids: readonly string[], options?: Parameters<typeof startPage>[2]) => startPage(kept, ids, options);
const idsOf = (count: number) => Array.from({ length: count }, (_, index) => `e${index}`);

/** The pace of an account, which outlasts a page. */
const startPace = (signal = new AbortController().signal) => new Pace(signal);

const isAsked =
  (...asked: readonly Asked[]) =>
  (request: SentRequest) =>
    asked.includes(request.asked);
const of = (sent: readonly SentRequest[], asked: Asked) => sent.filter(isAsked(asked));
/** Answers that alone; everything else as a healthy upstream does. */
const only =
  (asked: Asked | readonly Asked[], attempt: ReturnType<typeof answered>): PickAttempt =>
  (request) =>
    [asked].flat().includes(request.asked) ? attempt : undefined;

const onRead =
  (pick: (id: string) => ReturnType<typeof answered> | undefined): PickAttempt =>
  ({ asked, id }) =>
    asked === 'read' ? pick(id) : undefined;

/** Works on it until its job has ended; how often that took. */
async function runToEnd(page: PageUnderTest, most = 20): Promise<number> {
  for (let runs = 1; runs <= most; runs += 1) {
    await page.run();
    if ((await page.read()).endedAt) return runs;
  }
  throw new Error(`it has not ended after ${most} times`);
}

describe('an engagement whose delete had no answer', () => {
  async function startLost() {
    const page = await start(['1']);
    page.answer(only('delete', lost));
    const { end } = await page.run();
    expect(await page.states()).toEqual({ 1: 'begun' });
    return { page, end };
  }

  it('is read only when its sender has its answer or has timed out, and delays no other page', async () => {
    const { end } = await startLost();
    expect(end).toMatchObject({ isFree: true });
    expect(end).toHaveProperty('afterMs', requestTimeoutMs);
  });

  it('is read before it is deleted again, and not deleted again when it is gone', async () => {
    const { page } = await startLost();
    page.answer(() => undefined);
    expect((await page.run()).sent.filter(isAsked('read', 'delete')).map(({ asked }) => asked)).toEqual([
      'read',
      'delete',
    ]);
    expect(await page.states()).toEqual({ 1: 'DELETED' });

    const { page: other } = await startLost();
    other.answer(only('read', refused(404)));
    expect(of((await other.run()).sent, 'delete')).toEqual([]);
    expect(await other.states()).toEqual({ 1: 'ALREADY_ABSENT' });
  });

  it('ends as already absent when the next delete does not find it, although a read did', async () => {
    const { page } = await startLost();
    page.answer(only('delete', refused(404)));
    await page.run();
    expect(await page.states()).toEqual({ 1: 'ALREADY_ABSENT' });
    expect(page.audited).toMatchObject([{ result: 'DeleteEngagementSuccess', detail: 'ALREADY_ABSENT', attempts: 1 }]);
  });

  it('is deleted again with the same key, and with a new key once upstream has answered an attempt', async () => {
    const { page } = await startLost();
    await page.run();
    page.answer(only('delete', answered(502)));
    await page.run();
    await page.run();
    const keys = of(page.sent, 'delete').map(({ idempotencyKey }) => idempotencyKey);
    expect(keys).toHaveLength(4);
    expect(keys[0]).toMatch(/^[\da-f-]{36}$/);
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(keys[3]).not.toBe(keys[0]);
  });

  it('ends as refused only after two reads have shown it', async () => {
    const { page } = await startLost();
    page.answer(only('delete', refused(409)));
    await page.run();
    expect(await page.states()).toEqual({ 1: 'begun' });
    await page.run();
    expect(await page.states()).toEqual({ 1: 'RemoteApiError' });
  });

  it('is read twelve times, and then ends as unknown, with the last key that was sent', async () => {
    const { page } = await startLost();
    page.answer(only('delete', answered(502)));
    expect(1 + (await runToEnd(page))).toBe(13);
    expect(await page.states()).toEqual({ 1: 'OutcomeUnknownError' });
    const [failure] = await kept.store.readFailures(page.job.id, 0, 10);
    const lastKey = of(page.sent, 'delete').at(-1)?.idempotencyKey;
    expect(failure?.result).toMatchObject({
      kind: 'OutcomeUnknownError',
      upstreamIdempotencyKey: lastKey,
      retrySafe: true,
    });
    expect(page.audited).toHaveLength(1);
  });

  it.each<[string, PickAttempt]>([
    ['an outage', ({ asked }) => (asked === 'look-up' ? undefined : refused(500))],
    ['a limit', ({ asked }) => (asked === 'look-up' ? undefined : refused(429))],
    ['an upstream that cannot be reached', () => notSent],
  ])('waits through %s, however long it lasts', async (_what, failing) => {
    const { page } = await startLost();
    page.answer(failing);
    for (let runs = 0; runs < 15; runs += 1) await page.run();
    expect(await page.counted('waits:look:0')).toBe(1);
    expect(await page.states()).toEqual({ 1: 'begun' });
    page.answer(only('read', refused(404)));
    await page.run();
    expect(await page.states()).toEqual({ 1: 'ALREADY_ABSENT' });
  });

  it.each<[string, ReturnType<typeof answered>]>([
    ['upstream cannot be reached', notSent],
    ['a limit refuses', refused(429)],
    ['upstream does not take the token', refused(401)],
  ])('still counts as sent when it cannot be sent again, since %s', async (_why, attempt) => {
    const { page } = await startLost();
    page.answer(only('delete', attempt));
    await page.run();
    expect(await page.states()).toEqual({ 1: 'begun' });
    await kept.store.control(page.job, 'cancel');
    expect(await page.read()).toMatchObject({ phase: 'CANCELLING' });
  });

  it('ends as unknown when it cannot be read while upstream answers lists', async () => {
    const { page } = await startLost();
    page.answer(only(['read', 'delete'], refused(500)));
    expect(1 + (await runToEnd(page))).toBe(13);
    expect(await page.states()).toEqual({ 1: 'OutcomeUnknownError' });
  });

  describe('and whose bulk delete is cancelled', () => {
    async function cancelLost() {
      const { page } = await startLost();
      await kept.store.control(page.job, 'cancel');
      return page;
    }

    it('R28 is not deleted again, and ends as unknown when two reads after the cancel show it', async () => {
      const page = await cancelLost();
      page.answer(() => undefined);
      await page.run();
      expect(await page.read()).toMatchObject({ phase: 'CANCELLING' });
      await page.run();
      expect(await page.read()).toMatchObject({ phase: 'CANCELLED', outcomes: { OutcomeUnknownError: 1 } });
      expect(of(page.sent, 'delete')).toHaveLength(1);
    });

    it('R28 ends at once when it is gone', async () => {
      const page = await cancelLost();
      page.answer(only('read', refused(404)));
      expect((await page.run()).end).toBe('done');
      expect(await page.read()).toMatchObject({ phase: 'CANCELLED', outcomes: { ALREADY_ABSENT: 1 } });
    });

    it('R28 is read, while the engagements that were not sent stay waiting', async () => {
      const page = await start(idsOf(40));
      page.answer(({ asked, id }) => (asked !== 'delete' ? undefined : id === 'e0' ? lost : notSent));
      await page.run();
      await kept.store.control(page.job, 'cancel');
      page.answer(() => undefined);
      await runToEnd(page);
      expect(await page.read()).toMatchObject({ phase: 'CANCELLED', done: 1, outcomes: { OutcomeUnknownError: 1 } });
      expect(new Set(Object.values(await page.states()))).toEqual(new Set(['OutcomeUnknownError', undefined]));
    });

    it('R28 ends as unknown with the key that was sent, also when upstream has answered it', async () => {
      const page = await start(['1']);
      page.answer(only('delete', answered(502)));
      await page.run();
      await kept.store.control(page.job, 'cancel');
      await runToEnd(page);
      const [failure] = await kept.store.readFailures(page.job.id, 0, 10);
      const [{ idempotencyKey } = {}] = of(page.sent, 'delete');
      expect(failure?.result).toMatchObject({ kind: 'OutcomeUnknownError', upstreamIdempotencyKey: idempotencyKey });
    });

    it.each<[string, PickAttempt]>([
      ['upstream is away', () => refused(500)],
      ['upstream cannot be reached', () => notSent],
      ['a limit holds it up', () => refused(429)],
      ['upstream no longer takes its token', () => refused(401)],
      ['its account has to be connected again', () => refused(401, {}, { truto_is_remote_error: true })],
      ['a firewall answers everything', () => answered(403, '<html>blocked</html>')],
    ])('R28 ends after twelve reads while %s', async (_what, failing) => {
      const page = await cancelLost();
      page.answer(failing);
      expect(1 + (await runToEnd(page))).toBe(13);
      expect(await page.read()).toMatchObject({ phase: 'CANCELLED', outcomes: { OutcomeUnknownError: 1 } });
      expect(of(page.sent, 'delete')).toHaveLength(1);
    });

    it('R28 ends after twelve attempts when its token can no longer be opened; what was not sent stays waiting', async () => {
      let isOpen = true;
      const page = await start(idsOf(2), {
        async callerOf() {
          if (!isOpen) throw new Error('another secret');
          return { id: 'c', grants: 'all', authorization: new Secret('Bearer t'), bringsToken: true };
        },
      });
      page.answer(({ asked, id }) => (asked !== 'delete' ? undefined : id === 'e0' ? lost : refused(429)));
      await page.run();
      expect(await page.states()).toEqual({ e0: 'begun', e1: undefined });
      await kept.store.control(page.job, 'cancel');
      isOpen = false;
      expect(1 + (await runToEnd(page))).toBe(13);
      expect(await page.read()).toMatchObject({ phase: 'CANCELLED', outcomes: { OutcomeUnknownError: 1 } });
      expect(await page.states()).toEqual({ e0: 'OutcomeUnknownError', e1: undefined });
    });
  });
});

it.each<[string, ReturnType<typeof answered>]>([
  ['upstream could not be reached', notSent],
  ['a limit refused', refused(429)],
  ['upstream did not take the token', refused(401)],
])(
  'an engagement whose delete was not sent does not count as begun when %s, so that a cancel leaves it waiting',
  async (_why, attempt) => {
    const page = await start(['1']);
    page.answer(only('delete', attempt));
    await page.run();
    expect(await page.states()).toEqual({ 1: undefined });
    await kept.store.control(page.job, 'cancel');
    expect(await page.read()).toMatchObject({ phase: 'CANCELLED', done: 0 });
  },
);

it('an engagement whose delete a rate limit refuses is deleted with a new key once the limit is over, because upstream may replay its answer for a key', async () => {
  const pace = new Pace(new AbortController().signal);
  const page = await start(['1'], { paceOf: () => pace });
  const refusedKeys = new Set<string | undefined>();
  page.answer(({ asked, idempotencyKey }) => {
    if (asked !== 'delete' || (refusedKeys.size > 0 && !refusedKeys.has(idempotencyKey))) return undefined;
    refusedKeys.add(idempotencyKey);
    return refused(429, { 'retry-after': '0' });
  });
  expect((await page.run()).end).toBe('done');
  expect(await page.states()).toEqual({ 1: 'DELETED' });
});

describe('a page of a bulk delete', () => {
  it('sends nothing while its bulk delete is paused', async () => {
    const page = await start(idsOf(20));
    await kept.store.control(page.job, 'pause');
    for (let runs = 0; runs < 5; runs += 1)
      expect(await page.run()).toEqual({ end: expect.objectContaining({ afterMs: expect.any(Number) }), sent: [] });
    await kept.store.control(page.job, 'resume');
    await page.run();
    expect((await page.read()).phase).toBe('COMPLETED');
  });

  it('begins no further delete after a pause, and finishes those in flight', async () => {
    const page = await start(idsOf(60));
    page.answer(async ({ asked, id }) => {
      // The first goes alone; this is among the sixteen after it.
      if (asked === 'delete' && id === 'e5') await kept.store.control(page.job, 'pause');
      return undefined;
    });
    const { end, sent } = await page.run();
    expect(end).toMatchObject({ afterMs: expect.any(Number) });
    expect(of(sent, 'delete').length).toBeLessThan(60);
    expect(Object.values(await page.states())).not.toContain('begun');
  });

  it('tries the token with one delete before it sends others, and again after a resume', async () => {
    const page = await start(idsOf(40));
    page.answer(only('delete', refused(401)));
    expect(of((await page.run()).sent, 'delete')).toHaveLength(1);
    expect(await page.read()).toMatchObject({ isPaused: true, outcomes: {} });
    page.answer(({ asked, id }) => (asked === 'delete' && id !== 'e0' ? refused(401) : undefined));
    await kept.store.control(page.job, 'resume');
    await page.run();
    expect(await page.read()).toMatchObject({ isPaused: true, outcomes: { DELETED: 1 } });
    await kept.store.control(page.job, 'resume');
    expect(of((await page.run()).sent, 'delete')).toHaveLength(1);
  });

  /** A page of which one is deleted, and the others have met something. */
  async function startMeeting(attempt: ReturnType<typeof answered>): Promise<PageUnderTest> {
    const page = await start(idsOf(40));
    page.answer(({ asked, id }) => (asked === 'delete' && id !== 'e0' ? attempt : undefined));
    await page.run();
    expect(await page.read()).toMatchObject({ done: 1 });
    return page;
  }

  it('sends one delete at a time after a rate limit', async () => {
    const page = await startMeeting(refused(429, { 'retry-after': '7' }));
    const { end, sent } = await page.run();
    expect(of(sent, 'delete')).toHaveLength(1);
    expect(end).toEqual({ afterMs: 7_000 });
  });

  it('sends nothing further when another server has finished it meanwhile', async () => {
    const ids = Array.from({ length: 12 }, (_, index) => String(index));
    const page = await start(ids);
    let hasBegun = false;
    page.answer(async ({ asked }) => {
      if (asked === 'delete' && !hasBegun) {
        hasBegun = true;
        await page.run();
      }
      return undefined;
    });
    await page.run();
    const others = page.sent.filter(({ asked, id }) => asked !== 'list' && ids.includes(id) && id !== '0');
    expect(others.map(({ asked, id }) => `${asked} ${id}`).sort()).toEqual(
      ids
        .slice(1)
        .map((id) => `delete ${id}`)
        .sort(),
    );
    expect(await page.read()).toMatchObject({ phase: 'COMPLETED' });
  });

  it('after an outage lists once and tries one delete before it sends more', async () => {
    const page = await startMeeting(notSent);
    page.answer(() => notSent);
    const { end, sent } = await page.run();
    expect([of(sent, 'list').length, of(sent, 'delete').length]).toEqual([1, 1]);
    const next = await page.run();
    expect(end).toMatchObject({ afterMs: expect.any(Number) });
    // It waits longer each time.
    expect(next.end).toMatchObject({ afterMs: 2 * (end as { afterMs: number }).afterMs });
    page.answer(() => undefined);
    await page.run();
    expect(await page.read()).toMatchObject({ phase: 'COMPLETED', outcomes: { DELETED: 40 } });
  });

  it('after an outage tries one delete before it sends more, however many were sent at once before', async () => {
    const pace = startPace();
    const page = await start(idsOf(40), { paceOf: () => pace });
    let deletes = 0;
    page.answer(({ asked }) => {
      if (asked === 'delete') deletes += 1;
      return deletes <= 20 ? undefined : notSent;
    });
    await page.run();
    page.answer(() => notSent);
    expect(of((await page.run()).sent, 'delete')).toHaveLength(1);
  });

  it('gives way to other accounts instead of waiting for a limit, when the server is crowded', async () => {
    const stopping = new AbortController();
    const pace = startPace(stopping.signal);
    const page = await start(idsOf(3), { paceOf: () => pace, isCrowded: () => true });
    const over = pace.waitForLimit(10_000);
    const { end, sent } = await page.run();
    expect([end, of(sent, 'delete').length]).toEqual([{ afterMs: expect.any(Number) }, 0]);
    stopping.abort();
    await over;
  });

  it('sends one more at once only after each delete that ends well', async () => {
    const pace = startPace();
    const ends: boolean[] = [];
    const leave = pace.leave.bind(pace);
    pace.leave = (isGrowing) => {
      ends.push(isGrowing);
      leave(isGrowing);
    };
    const page = await start(idsOf(5), { paceOf: () => pace });
    await page.run();
    expect(ends.filter((isGrowing) => isGrowing)).toHaveLength(5);
  });

  it('after an outage says that it retries, and does not ask its caller to try again', async () => {
    const page = await startMeeting(notSent);
    const { statusReason } = await page.read();
    expect(statusReason).toMatch(/retried automatically/);
    expect(statusReason).not.toMatch(/try again/i);
  });

  it.each<[string, ReturnType<typeof answered>, boolean]>([
    ['wants a pause', refused(429), false],
    ['no longer takes the token', refused(401), true],
  ])('after an outage sends no delete when the list shows that upstream %s', async (_what, attempt, isPaused) => {
    const page = await startMeeting(notSent);
    page.answer(only('list', attempt));
    expect(of((await page.run()).sent, 'delete')).toEqual([]);
    expect((await page.read()).isPaused).toBe(isPaused);
  });

  it('after an outage sends nothing while its bulk delete is paused', async () => {
    const page = await startMeeting(notSent);
    await kept.store.control(page.job, 'pause');
    expect(await page.run()).toEqual({ end: expect.objectContaining({ afterMs: expect.any(Number) }), sent: [] });
  });

  it('begins no further delete once its server drains, and leaves none begun', async () => {
    let isStopping = false;
    const page = await start(idsOf(60), { isStopping: () => isStopping });
    page.answer(({ id }) => {
      if (id === 'e5') isStopping = true;
      return undefined;
    });
    const { end, sent } = await page.run();
    expect(end).toEqual({ afterMs: 0 });
    expect(of(sent, 'delete').length).toBeLessThan(60);
    expect(Object.values(await page.states())).not.toContain('begun');
  });

  it('of a cancelled bulk delete is done when no delete is begun, and is due again while one is', async () => {
    const page = await start(idsOf(3));
    page.answer(async ({ asked, id }) => {
      if (asked === 'delete' && id === 'e0') await kept.store.control(page.job, 'cancel');
      return undefined;
    });
    expect((await page.run()).end).toBe('done');
    expect(await page.read()).toMatchObject({ phase: 'CANCELLED', outcomes: { DELETED: 1 } });
    expect(page.audited.map(({ engagementId }) => engagementId)).toEqual(['e0']);

    const other = await start(idsOf(40));
    other.answer(({ asked, id }) => {
      if (asked !== 'delete' || id === 'e0') return undefined;
      return id === 'e1' ? lost : notSent;
    });
    await other.run();
    other.answer(async ({ asked, id }) => {
      if (asked === 'delete' && id === 'e5') await kept.store.control(other.job, 'cancel');
      return undefined;
    });
    expect((await other.run()).end).toMatchObject({ afterMs: expect.any(Number) });
    expect(await other.states()).toMatchObject({ e1: 'begun' });
    expect(await other.read()).toMatchObject({ phase: 'CANCELLING' });
  });

  it('writes the audit line of a delete also when Redis stores its outcome and is lost before it answers', async () => {
    const page = await start(['1']);
    const { finish } = kept.store;
    kept.store.finish = async (...args) => {
      await finish.apply(kept.store, args);
      throw new BulkUnavailable('it is lost');
    };
    await expect(page.run()).rejects.toThrow('it is lost');
    kept.store.finish = finish;
    await page.run();
    expect(page.audited).toMatchObject([{ engagementId: '1', result: 'DeleteEngagementSuccess', detail: 'DELETED' }]);
  });

  it('writes no audit line for an engagement that another server has taken over', async () => {
    const page = await start(['1']);
    page.answer(async ({ asked }) => {
      if (asked === 'delete')
        await kept.client.hset(`${kept.memory.keyPrefix}:bulk-owners`, `${page.job.id}:0`, 'another');
      return undefined;
    });
    await page.run();
    expect(page.audited).toEqual([]);
    expect(await page.states()).toEqual({ 1: 'begun' });
  });
});

describe('records that are stored before their delete', () => {
  const keeping = { snapshot: true };
  const keptIds = ({ kept: files }: PageUnderTest) =>
    [...files.values()].flatMap(jsonLines).map(({ engagement }) => engagement.id);

  it('are deleted; those that cannot be read are not', async () => {
    const page = await start(idsOf(4), keeping);
    page.answer(({ asked, id }) => (asked === 'read' && id === 'e2' ? refused(500) : undefined));
    await page.run();
    expect(of(page.sent, 'delete').map(({ id }) => id)).toEqual(['e0', 'e1', 'e3']);
    expect(keptIds(page)).toEqual(['e0', 'e1', 'e3']);
    expect(await page.states()).toEqual({ e0: 'DELETED', e1: 'DELETED', e2: undefined, e3: 'DELETED' });
  });

  it('show that they are being stored from their read to their delete, and count once', async () => {
    const page = await start(idsOf(3), keeping);
    const now: string[] = [];
    page.answer(async ({ asked, id }) => {
      const states = await kept.store.readStates(page.job.id, 0);
      if (id === 'e1') now.push(`${asked}: ${itemStateOf(states, 1)}`);
      return asked === 'delete' && id !== 'e0' ? refused(429) : undefined;
    });
    await page.run();
    expect(now).toEqual(['read: keeping', 'delete: begun']);
    expect(itemStateOf(await kept.store.readStates(page.job.id, 0), 1)).toBe('keeping');
    page.answer(() => undefined);
    await runToEnd(page);
    expect(itemStateOf(await kept.store.readStates(page.job.id, 0), 1)).toBe('DELETED');
    expect((await page.read()).keptCount).toBe(3);
  });

  it('are not read again when their delete is retried', async () => {
    const page = await start(idsOf(3), keeping);
    page.answer(only('delete', refused(429)));
    await page.run();
    expect(keptIds(page)).toEqual(['e0']);
    expect(await page.read()).toMatchObject({ keptCount: 1, done: 0 });
    page.answer(() => undefined);
    const { sent } = await page.run();
    expect(of(sent, 'read').map(({ id }) => id)).toEqual(['e1', 'e2']);
    expect(keptIds(page)).toEqual(idsOf(3));
    expect(await page.read()).toMatchObject({ keptCount: 3, done: 3 });
  });

  it.each([
    ['a rate limit refused', refused(429)],
    ['had no answer', lost],
  ])('are read and stored again when their delete, which %s, comes later than five minutes', async (_what, first) => {
    const page = await start(['1'], keeping);
    page.answer(only('delete', first));
    await page.run();
    const states = redisKey(kept.memory, 'states', { jobId: page.job.id, page: 0 });
    const keptAt = Number(await kept.client.hget(states, 'kept:0'));
    await kept.client.hset(states, 'kept:0', keptAt - 300_001);
    page.answer(({ asked, id }) => (asked === 'read' ? answered(200, { id, subject: 'as it is now' }) : undefined));
    await page.run();
    expect(await page.states()).toEqual({ 1: 'DELETED' });
    expect([...page.kept.values()].join('')).toContain('as it is now');
    expect((await page.read()).keptCount).toBe(1);
  });

  it.each([
    ['ALREADY_ABSENT when they are gone', 404, 0],
    ['DELETED although they cannot be read', 409, 1],
  ])('are %s by the time that they are stored again', async (outcome, statusCode, deleteCount) => {
    const page = await start(['1'], keeping);
    page.answer(only('delete', lost));
    await page.run();
    await kept.client.hset(redisKey(kept.memory, 'states', { jobId: page.job.id, page: 0 }), 'kept:0', 1);
    let reads = 0;
    page.answer(({ asked }) => {
      reads += Number(asked === 'read');
      return asked === 'read' && reads === 2 ? refused(statusCode) : undefined;
    });
    const { sent } = await page.run();
    expect(of(sent, 'delete')).toHaveLength(deleteCount);
    expect(await page.states()).toEqual({ 1: outcome.split(' ')[0] });
  });

  it('are no longer read after a pause', async () => {
    const page = await start(idsOf(80), keeping);
    page.answer(async ({ asked }) => {
      if (asked === 'read') await kept.store.control(page.job, 'pause');
      return undefined;
    });
    const { sent } = await page.run();
    // Those that were asked for at once.
    expect(of(sent, 'read').length).toBeLessThanOrEqual(16);
    expect(of(sent, 'delete')).toEqual([]);
  });

  it('are deleted only after the store has accepted the file', async () => {
    let isTaken = false;
    const page = await start(idsOf(3), {
      ...keeping,
      undoStore: {
        openPage: () => async () => {
          if (!isTaken) throw new Error('full');
          return 'a file';
        },
        read: () => Promise.reject(new Error('nothing is read')),
        folder: undefined,
        probe: async () => ({ kind: 'kept' }),
      },
    });
    const { end, sent } = await page.run();
    expect(end).toMatchObject({ afterMs: expect.any(Number) });
    expect(of(sent, 'delete')).toEqual([]);
    isTaken = true;
    await page.run();
    expect(await page.read()).toMatchObject({ phase: 'COMPLETED', outcomes: { DELETED: 3 } });
  });

  const ofNote = (attempt: ReturnType<typeof answered>): PickAttempt =>
    onRead((id) => (id === 'n' ? attempt : id === 'e0' ? answered(200, { id, notes: [{ id: 'n' }] }) : undefined));

  it.each<[string, PickAttempt]>([
    ['answered with status 500', onRead((id) => (id === 'e0' ? refused(500) : undefined))],
    ['lost', onRead((id) => (id === 'e0' ? lost : undefined))],
    ['longer than may be read', onRead((id) => (id === 'e0' ? tooLarge : undefined))],
    ['another record', onRead((id) => (id === 'e0' ? answered(200, { id: 'another' }) : undefined))],
    ['that of a note of it, which is answered with status 500', ofNote(refused(500))],
    ['that of a note of it, which is another record', ofNote(answered(200, { id: 'another' }))],
  ])('R27 whose read is always %s fail after eight reads while upstream answers lists', async (_what, failing) => {
    const page = await start(idsOf(3), keeping);
    page.answer(failing);
    await page.run();
    expect(await page.states()).toEqual({ e0: undefined, e1: 'DELETED', e2: 'DELETED' });
    expect(1 + (await runToEnd(page))).toBe(8);
    expect(await page.states()).toEqual({ e0: 'UpstreamUnavailableError', e1: 'DELETED', e2: 'DELETED' });
    expect(of(page.sent, 'read').filter(({ id }) => id === 'e0')).toHaveLength(8);
  });

  it('R27 are read one at a time in an outage', async () => {
    const page = await start(idsOf(40), keeping);
    page.answer(async ({ asked }) => {
      // So that the others are not read yet.
      if (asked === 'read') await kept.store.control(page.job, 'pause');
      return refused(500);
    });
    await page.run();
    await kept.store.control(page.job, 'resume');
    page.answer(() => refused(500));
    expect(of((await page.run()).sent, 'read')).toHaveLength(1);
  });

  it.each<[string, PickAttempt]>([
    [
      'every read, list and delete fails, while the account can be looked up',
      ({ asked }) => (asked === 'look-up' ? undefined : refused(502)),
    ],
    ['a firewall answers everything', () => answered(403, '<html>blocked</html>')],
  ])('R27 do not fail in an outage, however long it lasts: %s', async (_what, failing) => {
    const page = await start(idsOf(2), keeping);
    page.answer(failing);
    for (let runs = 0; runs < 20; runs += 1) expect((await page.run()).end).not.toBe('done');
    expect(await page.read()).toMatchObject({ phase: 'DELETING', done: 0 });
    page.answer(() => undefined);
    await runToEnd(page);
    expect(await page.read()).toMatchObject({ phase: 'COMPLETED', outcomes: { DELETED: 2 } });
  });
});
