import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { inTime } from './support/in-time.ts';
import { deletion, noContent, type RawAnswer, refusal, reset, startRawUpstream } from './support/raw-upstream.ts';

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

  it.each(outages)(
    'when it %s, and few accounts have all the deletes: then most are not sent',
    async (_how, answer) => {
      const { members, deletes } = await inOutage(answer, 4);
      expect(members.size).toBe(1000);
      const reached = new Set(deletes.map(({ path }) => path.split('/').at(-1)));
      for (const [id, member] of members) {
        expect(member).toBe(reached.has(id) ? 'OutcomeUnknownError' : 'UpstreamUnavailableError');
      }
      expect(deletes.length).toBeLessThan(500);
    },
  );
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
