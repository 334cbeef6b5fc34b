import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Attempt, FailureReason, SendOptions } from '../src/upstream/attempt.ts';
import { Breaker, isAccountFailure, isUpstreamFailure } from '../src/upstream/breaker.ts';
import type { UpstreamClient } from '../src/upstream/client.ts';
import { createSend } from '../src/upstream/send.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { freePort } from './support/free-port.ts';
import { inTime } from './support/in-time.ts';
import {
  attemptsLogged,
  deleteInTime,
  deletion,
  noContent,
  type RawAnswer,
  refusal,
  reset,
  silence,
  startRawUpstream,
} from './support/raw-upstream.ts';

/** Which member each delete got, by its id. */
type Members = Map<string, string>;

async function remove(facade: TestFacade, ids: readonly string[], accounts: readonly string[]): Promise<Members> {
  const fields = ids.map(
    (id, index) => `${id}: deleteEngagement(id: "${id}", integratedAccountId: "${accounts[index]}") { __typename }`,
  );
  const { body } = await facade.post(`mutation { ${fields.join(' ')} }`);
  return new Map(ids.map((id) => [id, body.data[id].__typename]));
}

/** Sends a thousand deletes to that many accounts, in a hundred operations of which twenty are on their way at once. */
async function removeThousand(facade: TestFacade, accountCount: number): Promise<Members> {
  const operations = Array.from({ length: 100 }, (_, operation) => ({
    ids: Array.from({ length: 10 }, (_, alias) => `e${operation}_${alias}`),
    accounts: Array.from({ length: 10 }, (_, alias) => `account-${(operation * 10 + alias) % accountCount}`),
  }));
  const members: Members = new Map();
  async function work(): Promise<void> {
    for (let next = operations.pop(); next; next = operations.pop()) {
      for (const [id, member] of await remove(facade, next.ids, next.accounts)) members.set(id, member);
    }
  }
  await Promise.all(Array.from({ length: 20 }, work));
  return members;
}

describe('R07 in an outage, upstream gets at most a tenth more requests, ten at once, and one a second', () => {
  const outages: [string, RawAnswer][] = [
    ['answers 502', refusal(502)],
    ['breaks every connection', reset],
  ];

  async function inOutage(answer: RawAnswer, accountCount: number) {
    await using upstream = await startRawUpstream([answer]);
    await using facade = await startTestFacade(upstream.url);
    const startedAt = performance.now();
    const members = await removeThousand(facade, accountCount);
    const seconds = (performance.now() - startedAt) / 1000;
    const { requests, deletes } = upstream;
    const calls = members.size + requests.length - deletes.length;
    expect(requests.length).toBeLessThanOrEqual(1.1 * calls + 10 + seconds);
    return { members, deletes };
  }

  it.each(outages)('when it %s, and every account has so few deletes that no breaker opens', async (_how, answer) => {
    const { members, deletes } = await inOutage(answer, 200);
    expect(members.size).toBe(1000);
    expect([...new Set(members.values())]).toEqual(['OutcomeUnknownError']);
    // Each was sent, and some were sent again.
    expect(new Set(deletes.map(({ path }) => path)).size).toBe(1000);
    expect(deletes.length).toBeGreaterThan(1000);
  });

  it.each(outages)('when it %s, and few accounts have all the deletes: most are not sent', async (_how, answer) => {
    const { members, deletes } = await inOutage(answer, 4);
    expect(members.size).toBe(1000);
    const reached = new Set(deletes.map(({ path }) => path.split('/').at(-1)));
    for (const [id, member] of members) {
      expect(member).toBe(reached.has(id) ? 'OutcomeUnknownError' : 'UpstreamUnavailableError');
    }
    expect(deletes.length).toBeLessThan(500);
  });
});

/** In how many accounts a delete was not even attempted. */
function accountsHeldBack(facade: TestFacade): number {
  const found = facade.logged().matchAll(/"integratedAccountId":"([^"]+)".*"attempts":0.*"msg":"delete"/g);
  return new Set([...found].map(([, account]) => account)).size;
}

it('R13 an upstream that fails and recovers under load gets deletes again, none is lost or reported wrongly, and no connection stays open', async () => {
  const workers = 16;
  const timeoutMs = 10_000;
  const before = await startRawUpstream([noContent]);
  await using facade = await startTestFacade(before.url, { REQUEST_TIMEOUT_MS: String(timeoutMs) });
  const members: { id: string; member: string; atMs: number }[] = [];
  let isOver = false;
  async function work(worker: number): Promise<void> {
    for (let time = 0; !isOver; time += 1) {
      const id = `e${worker}_${time}`;
      const account = `account-${worker % 8}`;
      const { body } = await facade.post(deletion, { id, account });
      const { __typename: member } = body.data.deleteEngagement;
      members.push({ id, member, atMs: performance.now() });
    }
  }
  const startedAt = performance.now();
  const load = inTime(facade, timeoutMs, () =>
    Promise.all(Array.from({ length: workers }, (_, worker) => work(worker))),
  );
  const countOf = (wanted: string, sinceMs = 0) =>
    members.filter(({ member, atMs }) => member === wanted && atMs > sinceMs).length;
  await expect.poll(() => countOf('DeleteEngagementSuccess')).toBeGreaterThan(100);
  await before.stop();
  // By then every account is held back by a breaker, which has to find out that upstream is back.
  await expect.poll(() => accountsHeldBack(facade)).toBe(8);

  await using after = await startRawUpstream([noContent], { port: before.port });
  const backAtMs = performance.now();
  await expect.poll(() => countOf('DeleteEngagementSuccess', backAtMs)).toBeGreaterThan(100);
  isOver = true;
  await load;

  const seconds = (performance.now() - startedAt) / 1000;
  const requestCount = before.requests.length + after.requests.length;
  const deleteCount = before.deletes.length + after.deletes.length;
  const calls = members.length + requestCount - deleteCount;
  expect(requestCount).toBeLessThanOrEqual(1.1 * calls + 10 + seconds);
  const reached = new Set([...before.deletes, ...after.deletes].map(({ path }) => path.split('/').at(-1)));
  const mayBe = { DeleteEngagementSuccess: true, UpstreamUnavailableError: false, OutcomeUnknownError: undefined };
  for (const { id, member } of members) {
    expect(Object.keys(mayBe)).toContain(member);
    // After an unknown outcome, upstream may or may not have read the delete before the connection broke.
    expect(mayBe[member as keyof typeof mayBe] ?? reached.has(id)).toBe(reached.has(id));
  }
  expect(after.openConnections()).toBeLessThanOrEqual(2 * workers);
  expect(after.connectionCount()).toBeLessThanOrEqual(4 * workers);
  // Idle connections are closed after a few seconds.
  await expect.poll(() => after.openConnections()).toBe(0);
});

/** Sends one delete, and answers what it came to, however long that takes. */
async function removeFrom(facade: TestFacade, account: string, id: string) {
  const { body } = await facade.post(deletion, { account, id });
  return body.data.deleteEngagement;
}

describe("R16 one account's flood does not affect the others", () => {
  it.each<[string, RawAnswer]>([
    ['are never answered', silence],
    ['are answered after a while', (socket, request) => void setTimeout(() => noContent(socket, request), 300)],
    ['fail after a while', (socket, request) => void setTimeout(() => refusal(502)(socket, request), 100)],
    ['break their connections', reset],
  ])('of 400 deletes at once that %s', async (_how, floodAnswer) => {
    await using upstream = await startRawUpstream([
      (socket, request) => (request.head.includes('account_id=flood&') ? floodAnswer : noContent)(socket, request),
    ]);
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '4000' });
    const flood: Promise<{ __typename: string }>[] = [];
    while (flood.length < 400) {
      for (let index = 0; index < 20; index += 1) flood.push(removeFrom(facade, 'flood', `f${flood.length}`));
      // They are all in flight before any has to be given up, and none keeps the others from being read.
      await fetch(`${facade.url}/health`);
    }
    const quiet: string[] = [];
    for (let index = 0; index < 100; index += 1)
      quiet.push((await removeFrom(facade, 'quiet', `q${index}`)).__typename);
    expect(quiet.filter((member) => member === 'DeleteEngagementSuccess').length).toBeGreaterThanOrEqual(99);
    // Every delete of the flood gets a result.
    for (const { __typename } of await Promise.all(flood)) {
      expect(['DeleteEngagementSuccess', 'OutcomeUnknownError', 'UpstreamUnavailableError']).toContain(__typename);
    }
  });

  it('because it has at most 100 requests in flight: its others wait, and those of other accounts do not', async () => {
    const held: (() => void)[] = [];
    let [runningCount, mostRunning] = [0, 0];
    await using upstream = await startRawUpstream([
      (socket, request) => {
        if (!request.head.includes('account_id=flood&')) return noContent(socket, request);
        runningCount += 1;
        mostRunning = Math.max(mostRunning, runningCount);
        held.push(() => {
          runningCount -= 1;
          noContent(socket, request);
        });
      },
    ]);
    await using facade = await startTestFacade(upstream.url);
    const flood = Array.from({ length: 300 }, (_, index) => removeFrom(facade, 'flood', `f${index}`));
    // Those that waited keep their places as the first did.
    for (const count of [100, 200, 300]) {
      await expect.poll(() => held.length).toBe(count);
      expect(await removeFrom(facade, 'quiet', `q${count}`)).toMatchObject({ outcome: 'DELETED' });
      expect(held).toHaveLength(count);
      for (const answerNow of held.slice(-100)) answerNow();
    }
    expect((await Promise.all(flood)).filter(({ outcome }) => outcome !== 'DELETED')).toEqual([]);
    expect(mostRunning).toBe(100);
  });
});

it("R16 Truto's documented limit of an account is used up by 50 requests: the next is refused, unsent, with a retry time; those of other accounts are not", async () => {
  await using upstream = await startRawUpstream([noContent]);
  await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '2000', TRUTO_RATE_LIMITS: '1' });
  // The look-up of the account is one of them.
  const first = await Promise.all(Array.from({ length: 49 }, (_, index) => removeFrom(facade, 'a', `e${index}`)));
  expect(first.filter(({ outcome }) => outcome !== 'DELETED')).toEqual([]);
  expect(upstream.requests).toHaveLength(50);
  const { retryAfterMs, ...result } = await deleteInTime(facade, 2_000, { account: 'a', id: 'e50' });
  expect(result).toMatchObject({
    __typename: 'RateLimitedError',
    message: expect.stringContaining('Nothing was deleted'),
  });
  // Ten seconds after the first of the 50, and a little more.
  expect(retryAfterMs).toBeGreaterThan(0);
  expect(retryAfterMs).toBeLessThanOrEqual(10_250);
  expect(upstream.requests).toHaveLength(50);
  expect(await removeFrom(facade, 'b', 'e1')).toMatchObject({ outcome: 'DELETED' });
});

it('R16 a token that upstream makes wait does not affect other tokens in the same account', async () => {
  const isOfGreedy = ({ head }: { readonly head: string }) => head.includes('canary-of-greedy');
  await using upstream = await startRawUpstream([
    (socket, request) => (isOfGreedy(request) ? refusal(429, ['retry-after: 60']) : noContent)(socket, request),
  ]);
  await using facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough' });
  const remove = async (token: string, id: string) => {
    const { body } = await facade.post(deletion, { id }, { authorization: `Bearer ${token}` });
    return body.data.deleteEngagement.__typename;
  };
  const tokens = ['canary-of-greedy', 'canary-of-greedy', 'canary-of-other'];
  const members = [];
  for (const [index, token] of tokens.entries()) members.push(await remove(token, `e${index}`));
  expect(members).toEqual(['RateLimitedError', 'RateLimitedError', 'DeleteEngagementSuccess']);
  expect(upstream.deletes.filter(isOfGreedy)).toHaveLength(1);
});

function answer(statusCode: number, contentType = 'application/json'): Attempt {
  const body = { kind: 'complete', bytes: Buffer.of() } as const;
  return { kind: 'answer', statusCode, headers: { 'content-type': contentType }, body, disconnect() {} };
}
function failure(reason: FailureReason, mayHaveBeenSent: boolean): Attempt {
  return { kind: 'failure', reason, mayHaveBeenSent };
}

const failed = answer(502);
const good = answer(204);

/** Has the breaker count so many of an end, while it lets anything through, and tells how many it let through. */
function count(breaker: Breaker, times: number, end: Attempt): number {
  let through = 0;
  for (let time = 0; time < times && !breaker.isOpen; time += 1) {
    breaker.end(end, breaker.begin());
    through += 1;
  }
  return through;
}

function openBreaker(): Breaker {
  const breaker = new Breaker(isAccountFailure);
  count(breaker, 20, failed);
  expect(breaker.isOpen).toBe(true);
  return breaker;
}

describe('R08 a breaker', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('stays closed up to 19 attempts, with any ends, and opens with the 20th', () => {
    const breaker = new Breaker(isAccountFailure);
    expect(count(breaker, 19, failed)).toBe(19);
    expect(breaker.isOpen).toBe(false);
    expect(count(breaker, 10, failed)).toBe(1);
    expect(breaker.isOpen).toBe(true);
  });

  it('opens when more than half failed, and not when half did', () => {
    const breaker = new Breaker(isAccountFailure);
    count(breaker, 20, good);
    expect(count(breaker, 20, failed)).toBe(20);
    expect(breaker.isOpen).toBe(false);
    expect(count(breaker, 10, failed)).toBe(1);
    expect(breaker.isOpen).toBe(true);
  });

  it('ignores attempts of more than ten seconds ago', () => {
    const breaker = new Breaker(isAccountFailure);
    for (let second = 0; second < 60; second += 1) {
      expect(count(breaker, 1, failed)).toBe(1);
      vi.advanceTimersByTime(1_000);
    }
    expect(breaker.isOpen).toBe(false);
  });

  it('allows nothing for half a second, then one attempt, and all after its success', () => {
    const breaker = openBreaker();
    vi.advanceTimersByTime(499);
    expect(breaker.isOpen).toBe(true);
    vi.advanceTimersByTime(1);
    expect(breaker.isOpen).toBe(false);
    const isProbe = breaker.begin();
    expect([isProbe, breaker.isOpen]).toEqual([true, true]);
    vi.advanceTimersByTime(499);
    expect(breaker.isOpen).toBe(true);
    breaker.end(good, isProbe);
    expect(breaker.isOpen).toBe(false);
    // It begins anew: what was before it opened counts no more.
    expect(count(breaker, 15, failed)).toBe(15);
  });

  it.each([
    ['good', good],
    ['failed', failed],
  ])('is not changed by the end (%s) of an attempt that started before it opened', (_what, end) => {
    const breaker = new Breaker(isAccountFailure);
    const [isProbe, isProbeToo] = [breaker.begin(), breaker.begin()];
    expect([isProbe, isProbeToo]).toEqual([false, false]);
    count(breaker, 20, failed);
    breaker.end(end, false);
    expect(breaker.isOpen).toBe(true);
    vi.advanceTimersByTime(500);
    const probe = breaker.begin();
    breaker.end(end, false);
    expect(breaker.isOpen).toBe(true);
    breaker.end(good, probe);
    expect(breaker.isOpen).toBe(false);
  });

  it('is not open longer when the wall clock is set back', () => {
    const breaker = openBreaker();
    vi.setSystemTime(Date.now() - 3_600_000);
    vi.advanceTimersByTime(500);
    expect(breaker.isOpen).toBe(false);
  });

  it('ignores attempts of more than 10 seconds ago, also when the wall clock is set back', () => {
    const breaker = new Breaker(isAccountFailure);
    count(breaker, 19, failed);
    vi.setSystemTime(Date.now() - 3_600_000);
    vi.advanceTimersByTime(10_000);
    count(breaker, 19, failed);
    expect(breaker.isOpen).toBe(false);
    count(breaker, 1, failed);
    expect(breaker.isOpen).toBe(true);
  });

  it('allows one attempt each half second while those fail', () => {
    const breaker = openBreaker();
    for (let time = 0; time < 5; time += 1) {
      vi.advanceTimersByTime(500);
      expect(count(breaker, 10, failed)).toBe(1);
      vi.advanceTimersByTime(499);
      expect(count(breaker, 10, failed)).toBe(0);
      vi.advanceTimersByTime(1);
      expect(count(breaker, 1, failed)).toBe(1);
    }
  });

  it.each<[string, Attempt]>([
    ...[200, 204, 302, 400, 401, 403, 404, 405, 409, 422, 429, 501, 503].map((statusCode): [string, Attempt] => [
      `is answered with ${statusCode}`,
      answer(statusCode),
    ]),
  ])('is not opened by an attempt that %s', (_what, end) => {
    for (const isTrouble of [isAccountFailure, isUpstreamFailure]) {
      const breaker = new Breaker(isTrouble);
      expect(count(breaker, 100, end)).toBe(100);
      expect(breaker.isOpen).toBe(false);
    }
  });

  it.each<[string, Attempt]>([
    ['500', answer(500)],
    ['502', answer(502)],
    ['504', answer(504)],
    ["a proxy's 503", answer(503, 'text/html')],
    ['a reset', failure('reset', true)],
    ['no answer', failure('timeout', true)],
    ['no HTTP', failure('protocol', true)],
  ])('of an account is opened by %s, and that of upstream is not', (_what, end) => {
    expect(count(new Breaker(isAccountFailure), 100, end)).toBe(20);
    expect(count(new Breaker(isUpstreamFailure), 100, end)).toBe(100);
  });

  it.each<FailureReason>(['refused', 'dns', 'tls', 'unconnected'])('of all upstream is opened by %s', (reason) => {
    expect(count(new Breaker(isUpstreamFailure), 100, failure(reason, false))).toBe(20);
  });
});

describe('R08 sending', () => {
  // No test moves this clock, so a request that waits for a timer never ends.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  const request = { method: 'DELETE', path: '/', headers: {} } as const;
  const limitedBy = { tokenId: 't', integratedAccountId: 'a' };

  /** Sends deletes that cannot be repeated, so that each is one attempt, over a client that ends them so. */
  function sendOver(client: UpstreamClient['attempt']) {
    const send = createSend({ client: { attempt: client }, reserveMs: 10, limits: undefined });
    const options = { deadlineAt: performance.now() + 60_000, limitedBy, isRepeatable: false };
    return async (times: number, rest: Partial<SendOptions> = {}) => {
      const all = Array.from({ length: times }, () => send(request, { ...options, ...rest }));
      return (await Promise.all(all)).map(({ attempt }) => ('reason' in attempt ? attempt.reason : attempt.statusCode));
    };
  }
  const endingWith =
    (end: Attempt): UpstreamClient['attempt'] =>
    async (_request, { onDone }) => {
      onDone();
      return end;
    };

  it('starts no attempt while a breaker is open, and returns at once, until half a second is over', async () => {
    const attempt = vi.fn(endingWith(failed));
    const send = sendOver(attempt);
    expect(await send(20)).toEqual(Array(20).fill(502));
    expect(new Set(await send(100))).toEqual(new Set(['open']));
    vi.advanceTimersByTime(499);
    expect(new Set(await send(100))).toEqual(new Set(['open']));
    expect(attempt).toHaveBeenCalledTimes(20);
    vi.advanceTimersByTime(1);
    expect(await send(1)).toEqual([502]);
    expect(attempt).toHaveBeenCalledTimes(21);
  });

  it('does not count unsent attempts: of a client that disconnected, or without time', async () => {
    let end: UpstreamClient['attempt'] = endingWith(good);
    const send = sendOver((...args) => end(...args));
    expect(new Set(await send(100, { hasCallerLeft: () => true }))).toEqual(new Set(['abandoned']));
    expect(new Set(await send(100, { deadlineAt: performance.now() }))).toEqual(new Set(['timeout']));
    // As many as an account may have under way: those behind them get no permit in time.
    const held = Promise.withResolvers<Attempt>();
    end = () => held.promise;
    const busy = send(100);
    const late = send(100, { deadlineAt: performance.now() + 50 });
    await vi.advanceTimersByTimeAsync(50);
    expect(new Set(await late)).toEqual(new Set(['timeout']));
    held.resolve(good);
    expect(new Set(await busy)).toEqual(new Set([204]));
    end = endingWith(good);
    expect(await send(1)).toEqual([204]);
  });
});

it('R08 an account that fails is refused without a request, does not affect another account, and is served again when it works', async () => {
  let isBroken = true;
  await using upstream = await startRawUpstream([
    (socket, request) => {
      const isOfBroken = request.head.includes('integrated_account_id=broken&');
      (isBroken && isOfBroken ? refusal(502) : noContent)(socket, request);
    },
  ]);
  await using facade = await startTestFacade(upstream.url);
  const remove = (account: string, id: string) => deleteInTime(facade, 10_000, { account, id });
  const members: Record<string, string> = {};
  const removeBroken = async (id: string) => {
    members[id] = (await remove('broken', id)).__typename;
  };
  await Promise.all(Array.from({ length: 30 }, (_, index) => removeBroken(`first${index}`)));
  for (let index = 0; index < 20; index += 1) {
    await removeBroken(`then${index}`);
    expect(await remove('sound', `sound${index}`)).toMatchObject({ outcome: 'DELETED' });
  }
  const reached = new Set(upstream.deletes.map(({ path }) => path.split('/').at(-1)));
  const expected = Object.keys(members).map((id) => [
    id,
    reached.has(id) ? 'OutcomeUnknownError' : 'UpstreamUnavailableError',
  ]);
  expect(members).toEqual(Object.fromEntries(expected));
  expect(Object.values(members)).toContain('UpstreamUnavailableError');

  isBroken = false;
  let tries = 0;
  const again = async () => (await remove('broken', `again${tries++}`)).__typename;
  await expect.poll(again).toBe('DeleteEngagementSuccess');
  expect(await again()).toBe('DeleteEngagementSuccess');
});

it('R08 an upstream that refuses every connection gets no requests of any account, and R13 is used again when it is back', async () => {
  const port = await freePort();
  await using facade = await startTestFacade(`http://127.0.0.1:${port}`, { TRUTO_RATE_LIMITS: '0' });
  let count = 0;
  // Each in an account of its own: none of them has the twenty attempts that its own breaker counts.
  const remove = async (): Promise<string> => {
    count += 1;
    const { body } = await facade.post(deletion, { account: `account-${count}` });
    return body.data.deleteEngagement.__typename;
  };
  const members = [];
  while (members.length < 40) members.push(await remove());
  expect(new Set(members)).toEqual(new Set(['UpstreamUnavailableError']));
  expect(attemptsLogged(facade)).toContain(0);

  await using upstream = await startRawUpstream([noContent], { port });
  await expect.poll(remove).toBe('DeleteEngagementSuccess');
  expect(await remove()).toBe('DeleteEngagementSuccess');
  expect(upstream.deletes.length).toBeGreaterThan(1);
});
