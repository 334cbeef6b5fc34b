import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { control, seen, startBulk, started } from './support/bulk.ts';
import { startSetting } from './support/bulk-setting.ts';
import { startTestFacade } from './support/facade.ts';
import { remote, truto } from './support/outcome.ts';
import { startRedis } from './support/redis-server.ts';
import { bearer } from './support/service.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const code = 'INTEGRATED_ACCOUNT_NOT_FOUND';
const shown = json(200, { status: 'active', integration: { name: 'capsule' } });
const gone = truto(404, { message: 'Integrated account not found' });
const which = { ids: { ids: ['1', '2'] }, filter: { filter: { contact: '7' } } };

/** What upstream answers now: to look-ups of the account, to deletes, and to reads. */
interface Now {
  lookUp: Answer;
  remove: Answer;
  read: Answer;
}

const healthy: Now = {
  lookUp: shown,
  remove: json(204, undefined),
  read: json(200, { result: [{ id: '1' }, { id: '2' }] }),
};

async function start(before: Partial<Now> = {}, env: Record<string, string> = {}) {
  const stack = new AsyncDisposableStack();
  const now: Now = { ...healthy, ...before };
  const redis = stack.use(await startRedis());
  const upstream = stack.use(
    await startUpstream(
      (request, response) => (request.method === 'DELETE' ? now.remove : now.read)(request, response),
      (request, response) => now.lookUp(request, response),
    ),
  );
  const setting = { REDIS_URL: redis.url, TRUTO_RATE_LIMITS: '0', REQUEST_TIMEOUT_MS: '2000', ...env };
  const { post } = stack.use(await startTestFacade(upstream.url, setting));
  return { now, upstream, post, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

type Running = Awaited<ReturnType<typeof start>>;

const paused = async ({ post }: Running, id: string) => {
  await vi.waitFor(async () => expect((await seen(post, id)).state).toBe('PAUSED'), { timeout: 10_000 });
  return seen(post, id);
};

describe.concurrent('a bulk delete in an integrated account that does not exist', () => {
  it.each([
    ['by ids', which.ids, false],
    ['by a filter', which.filter, false],
    ['by ids, as a dry run', which.ids, true],
    ['by a filter, as a dry run', which.filter, true],
  ])('is not started %s', async (_how, input, dryRun) => {
    await using setting = await startSetting();
    const { body } = await startBulk(setting.facade.post, { integratedAccountId: 'mistyped', dryRun, ...input });
    expect(body).toMatchObject({ data: { startBulkDelete: null }, errors: [{ extensions: { code } }] });
    expect(setting.sandbox.requests.map(({ url }) => url)).toEqual(['/integrated-account/mistyped']);
  });

  it('is not started although upstream showed the account a minute ago', async () => {
    // A look-up may take a quarter of it. A slow one, on a busy machine, would not refuse a known account.
    await using running = await start({}, { REQUEST_TIMEOUT_MS: '8000' });
    await running.post('mutation { deleteEngagement(id: 9, integratedAccountId: "a") { __typename } }');
    running.now.lookUp = truto(404);
    const { body } = await startBulk(running.post, { integratedAccountId: 'a', ...which.ids });
    expect(body.errors).toMatchObject([{ extensions: { code } }]);
  });

  it.for<[string, Answer]>([
    ['in its own words', gone],
    ['without a word', truto(404, { message: '' })],
  ])(
    'pauses when the account disappears, which upstream says %s, and continues when it is back',
    async ([_how, remove], { expect }) => {
      await using running = await start();
      const { post, now } = running;
      now.remove = (request, response) => {
        now.lookUp = truto(404);
        remove(request, response);
      };
      const { id } = await started(post, { integratedAccountId: 'a', ...which.ids });
      const found = await paused(running, id);
      expect(found).toMatchObject({ statusReason: expect.stringContaining('no such integrated account') });
      expect(found.outcomes).toMatchObject({ notFound: 0, failed: 0, remaining: 2 });
      Object.assign(now, healthy);
      await control(post, 'resume', id);
      await expect.poll(async () => seen(post, id)).toMatchObject({ state: 'COMPLETED', outcomes: { deleted: 2 } });
    },
  );

  it('pauses when the account disappears while the filter is resolved', async () => {
    await using running = await start({ read: truto(404) });
    running.now.read = (request, response) => {
      running.now.lookUp = truto(404);
      truto(404)(request, response);
    };
    const { id } = await started(running.post, { integratedAccountId: 'a', ...which.filter });
    expect((await paused(running, id)).outcomes).toMatchObject({ notFound: 0, failed: 0 });
  });

  it('pauses when the account disappears before a record is stored', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bulk-account-'));
    await using running = await start({}, { UNDO_STORE: folder });
    running.now.read = (request, response) => {
      running.now.lookUp = truto(404);
      truto(404)(request, response);
    };
    const { id } = await started(running.post, { integratedAccountId: 'a', snapshot: true, ...which.ids });
    expect((await paused(running, id)).outcomes).toMatchObject({ notFound: 0, failed: 0, remaining: 2 });
    expect(running.upstream.deletes()).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it.for<[string, Answer]>([
    ['fails', truto(500)],
    ['shows no account', json(200, { statusCode: 404, error: 'Not Found', message: 'no' })],
    ['is answered by a router', truto(404, { message: 'Route GET:/integrated-account/a not found' })],
  ])(
    'counts nothing as not found while the look-up %s, and pauses once the look-up says that the account is gone',
    { timeout: 40_000 },
    async ([_how, failing], { expect }) => {
      await using running = await start();
      let lookUps = 0;
      running.now.remove = (request, response) => {
        running.now.lookUp = (...args) => {
          lookUps += 1;
          (lookUps > 6 ? truto(404) : failing)(...args);
        };
        running.now.remove = truto(404);
        truto(404)(request, response);
      };
      const { id } = await started(running.post, { integratedAccountId: 'a', ids: ['1'] });
      await expect.poll(async () => (await seen(running.post, id)).state, { timeout: 30_000 }).toBe('PAUSED');
      expect((await seen(running.post, id)).outcomes).toMatchObject({ notFound: 0, remaining: 1 });
    },
  );

  it('leaves an engagement unsettled whose delete may have been sent', async () => {
    await using running = await start();
    running.now.remove = (request, response) => {
      running.now.lookUp = truto(404);
      running.now.read = truto(404);
      running.now.remove = gone;
      truto(502)(request, response);
    };
    const { id } = await started(running.post, { integratedAccountId: 'a', ids: ['1'] });
    expect((await paused(running, id)).outcomes).toMatchObject({
      notFound: 0,
      alreadyAbsent: 0,
      failed: 0,
      remaining: 1,
    });
  });
});

describe.concurrent('a bulk delete whose token may not look accounts up', () => {
  it('ends as not found, which is no failure', async ({ expect }) => {
    await using running = await start({ lookUp: truto(403), remove: truto(404) });
    const { id } = await started(running.post, { integratedAccountId: 'a', ...which.ids });
    await expect.poll(async () => (await seen(running.post, id)).state).toBe('COMPLETED');
    const document = 'query($id: ID!) { bulkDelete(id: $id) { outcomes { notFound } failures { items { id } } } }';
    const { outcomes, failures } = (await running.post(document, { id })).body.data.bulkDelete;
    expect([outcomes.notFound, failures.items]).toEqual([2, []]);
  });
});

describe.concurrent('a dry run by ids', () => {
  const passthrough = {
    AUTH_MODE: 'passthrough',
    BULK_TOKEN_SECRET: 'a secret that seals, of more than 32 characters',
    REQUEST_TIMEOUT_MS: '8000',
  };
  const begin = (running: Running, dryRun: boolean) =>
    startBulk(running.post, { integratedAccountId: 'a', dryRun, ...which.ids }, bearer('token-of-a-caller'));

  it.each<[string, Answer, string]>([
    [
      'the account must be connected again',
      json(200, { status: 'needs_reauth', integration: { name: 'capsule' } }),
      'ACCOUNT_NEEDS_REAUTH',
    ],
    ['the provider refuses the account', remote(401), 'ACCOUNT_NEEDS_REAUTH'],
  ])('fails when %s, while a real one waits', async (_what, lookUp, expected) => {
    await using running = await start({ lookUp }, passthrough);
    expect((await begin(running, true)).body.errors).toMatchObject([{ extensions: { code: expected } }]);
    expect((await begin(running, false)).body.errors).toBeUndefined();
  });

  it.each<[string, Answer, boolean]>([
    ['says that the account could not be checked', truto(403), true],
    ['says nothing when it was', shown, false],
  ])('%s', async (_what, lookUp, isTold) => {
    await using running = await start({ lookUp }, passthrough);
    const { statusReason, state } = (await begin(running, true)).body.data.startBulkDelete;
    expect([state, statusReason !== null]).toEqual(['COMPLETED', isTold]);
  });
});
