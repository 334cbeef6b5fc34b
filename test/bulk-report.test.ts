import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it, vi } from 'vitest';
import { writeReport } from '../src/bulk/report.ts';
import { sandboxAccount, sandboxToken } from '../src/sandbox/accounts.ts';
import { findFault } from '../src/sandbox/faults.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { documentText } from './docs/markdown.ts';
import { control, started } from './support/bulk.ts';
import { ended, startKeeping, startSetting } from './support/bulk-setting.ts';
import { createJob, startBulkStore } from './support/bulk-store.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { createFolder } from './support/folder.ts';
import { truto } from './support/outcome.ts';
import { startRedis } from './support/redis-server.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { json, startUpstream } from './support/upstream.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;

const read = (url: string, id: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/bulk/${id}/report.json`, { headers });

const passthrough = { AUTH_MODE: 'passthrough', BULK_TOKEN_SECRET: 'a-secret-of-at-least-32-characters' };

/** Runs the report's own command, unchanged, next to a file with the name of the download. */
function verify(text: string): string {
  const { bulkDeleteId, verification } = JSON.parse(text);
  using folder = createFolder();
  writeFileSync(join(folder.path, `bulk-delete-${bulkDeleteId}.json`), text);
  return execFileSync('sh', ['-c', verification], { cwd: folder.path, encoding: 'utf8' }).split(' ')[0] ?? '';
}

describe.concurrent('the report of a bulk delete', () => {
  it('says who asked for what, when, and the outcome of each, and its hash is that of its own command', async ({
    expect,
  }) => {
    await using setting = await startSetting();
    const seeded = seedEngagements(account).map(({ id }) => id);
    const odd = ['not-there', 'fault-409', 'é😀"\\ /<\u2028'];
    const { facade } = setting;
    const { id } = await started(facade.post, {
      integratedAccountId,
      ids: [...seeded, ...odd],
      engagementType: 'CALL',
    });
    await ended(setting, id);
    const response = await read(facade.url, id);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="bulk-delete-${id}.json"`);
    const text = await response.text();
    const { engagements, failures, sha256, ...head } = JSON.parse(text);
    const total = seeded.length + odd.length;
    expect(head).toMatchObject({
      ...{ bulkDeleteId: id, state: 'COMPLETED', isComplete: false, integratedAccountId, integration: 'Capsule' },
      ...{
        requested: { idCount: total },
        dryRun: false,
        snapshot: false,
        createdBy: 'anybody',
        isPartial: false,
        total,
      },
      outcomes: { DELETED: seeded.length, NOT_FOUND: 2, FAILED: 1 },
      remarks: [expect.stringContaining('NOT_FOUND'), expect.stringContaining('FAILED')],
    });
    expect(Date.parse(head.endedAt)).toBeGreaterThanOrEqual(Date.parse(head.createdAt));
    expect(engagements).toEqual([
      ...seeded.map((each) => ({ id: each, engagementType: 'CALL', outcome: 'DELETED' })),
      ...odd.map((each, index) => ({
        id: each,
        engagementType: 'CALL',
        outcome: index === 1 ? 'FAILED' : 'NOT_FOUND',
      })),
    ]);
    expect(failures).toEqual([
      {
        ...{ id: 'fault-409', engagementType: 'CALL', outcome: 'FAILED', error: 'RemoteApiError' },
        message: expect.any(String),
      },
    ]);
    expect(documentText('docs/bulk-deletes.md')).toContain(`\`${head.verification.replace(id, '{id}')}\``);
    expect(verify(text)).toBe(sha256);
    expect(verify(text.replace('"FAILED":1', '"FAILED":0'))).not.toBe(sha256);
    expect(verify(text.replace('"outcome":"NOT_FOUND"', '"outcome":"DELETED"'))).not.toBe(sha256);
    expect(await (await read(facade.url, id)).text()).toBe(text);
    await vi.waitFor(() => expect(facade.logged()).toContain(`"sha256":"${sha256}"`));
    const { body } = await facade.post('query($id: ID!) { bulkDelete(id: $id) { reportPath } }', { id });
    expect(body.data.bulkDelete.reportPath).toBe(`/bulk/${id}/report.json`);
  });

  it('is complete when each engagement is deleted; has the filter, and the copies that remain', async ({ expect }) => {
    await using setting = await startKeeping();
    const filter = { createdAt: { gt: '2000-01-01T00:00:00.000Z' }, engagementType: 'CALL' };
    const { id } = await started(setting.facade.post, { integratedAccountId, filter, snapshot: true });
    await ended(setting, id);
    const text = await (await read(setting.facade.url, id)).text();
    const report = JSON.parse(text);
    expect(report).toMatchObject({ isComplete: true, requested: { filter }, snapshot: true });
    expect(report.engagements.length).toBe(report.total);
    expect(report.remarks.join()).toContain(`folder ${id}/`);
    expect(verify(text)).toBe(report.sha256);
  });

  it('of a cancelled one lists what is not deleted, and what is unknown', async ({ expect }) => {
    const unclear = findFault('fault-504');
    await using setting = await startSetting(
      { engagementsPerAccount: 300, pickFault: ({ method }) => (method === 'DELETE' ? unclear : undefined) },
      { REQUEST_TIMEOUT_MS: '1000' },
    );
    const { post, url } = setting.facade;
    const seeded = seedEngagements(account, 300).map(({ id }) => id);
    const { id } = await started(post, { integratedAccountId, ids: seeded });
    await vi.waitFor(() => expect(setting.sandbox.requests.some(({ method }) => method === 'DELETE')).toBe(true));
    await control(post, 'cancel', id);
    await ended(setting, id, 60_000);
    const text = await (await read(url, id)).text();
    const report = JSON.parse(text);
    const count = (outcome: string) =>
      report.engagements.filter((item: { outcome: string }) => item.outcome === outcome);
    expect(report.outcomes).toEqual({ UNKNOWN: count('UNKNOWN').length, SKIPPED: count('SKIPPED').length });
    expect(report.engagements.length).toBe(300);
    expect(report.failures).toHaveLength(report.outcomes.UNKNOWN);
    expect(report.failures[0]).toMatchObject({ outcome: 'UNKNOWN', upstreamIdempotencyKey: expect.any(String) });
    for (const word of ['cancelled', 'UNKNOWN', 'SKIPPED', 'stored until'])
      expect(report.remarks.join()).toContain(word);
    expect(verify(text)).toBe(report.sha256);
  }, 90_000);

  it('is refused before the end, to strangers, and without a token; other paths and methods are not its own', async ({
    expect,
  }) => {
    await using redis = await startRedis();
    const env = { ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: sandboxToken, REDIS_URL: redis.url };
    await using facade = await startFacadeOver(json(500, {}), env, 'capsule');
    const owner = bearer(await signToken({ integrated_accounts: ['a'] }));
    const stranger = bearer(await signToken({ integrated_accounts: ['b'], sub: 'stranger' }));
    const { id } = await started(facade.post, { integratedAccountId: 'a', filter: { contact: '1' } }, owner);
    const answerOf = async (response: Response) => {
      const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
      return [response.status, errors[0]?.extensions.code];
    };
    expect(await answerOf(await read(facade.url, id, owner))).toEqual([409, 'NOT_ENDED']);
    expect(await answerOf(await read(facade.url, id, stranger))).toEqual([404, 'NOT_FOUND']);
    expect(await answerOf(await read(facade.url, 'never-was', owner))).toEqual([404, 'NOT_FOUND']);
    expect(await answerOf(await read(facade.url, id))).toEqual([401, 'UNAUTHENTICATED']);
    const forged = await read(facade.url, id, { authorization: 'Bearer x' });
    expect(forged.headers.get('www-authenticate')).toBe('Bearer');
    expect(await answerOf(forged)).toEqual([401, 'UNAUTHENTICATED']);
    const posted = await fetch(`${facade.url}/bulk/${id}/report.json`, { method: 'POST', headers: owner });
    expect(posted.status).not.toBe(200);
    const query = 'query($id: ID!) { bulkDelete(id: $id) { reportPath } }';
    expect((await facade.post(query, { id }, owner)).body.data.bulkDelete.reportPath).toBeNull();
    await redis.kill();
    await vi.waitFor(
      async () => expect(await answerOf(await read(facade.url, id, owner))).toEqual([503, 'BULK_DELETES_UNAVAILABLE']),
      10_000,
    );
  });

  it.each([
    ['a token that Truto no longer accepts', truto(401), 401],
    ['a token while Truto does not answer', json(500, {}), 200],
  ])('is for its caller, with %s', async (_what, lookUp, status) => {
    await using setting = await startSetting({}, passthrough);
    const token = bearer(sandboxToken);
    const input = { integratedAccountId, ids: ['1'], dryRun: true };
    const { id } = await started(setting.facade.post, input, token);
    await using upstream = await startUpstream(json(500, {}), lookUp);
    await using other = await startTestFacade(upstream.url, { ...passthrough, REDIS_URL: setting.redis.url });
    expect((await read(other.url, id, token)).status).toBe(status);
  });

  it.each([
    ['a page', '{engagements}:bulk:$:page:1'],
    ['the outcomes of a page', '{engagements}:bulk:$:page:1:states'],
    ['the failures', '{engagements}:bulk:$:failures'],
  ])('is cut off, without a hash, when Redis has lost %s', async (_what, key) => {
    await using setting = await startSetting();
    const ids = Array.from({ length: 150 }, (_, index) => (index < 149 ? `none-${index}` : 'fault-409'));
    const { id } = await started(setting.facade.post, { integratedAccountId, ids });
    await ended(setting, id);
    const client = new Redis(setting.redis.url);
    expect(await client.del(key.replace('$', id))).toBe(1);
    client.disconnect();
    const response = await read(setting.facade.url, id);
    await expect(response.text()).rejects.toThrow();
    await vi.waitFor(() => expect(setting.facade.logged()).toContain('report was cut off: its data is incomplete'));
    expect(setting.facade.logged()).not.toContain('sha256');
  });

  it('is cut off, with a line in the log, when a stored failure is damaged', async () => {
    await using setting = await startSetting();
    const { id } = await started(setting.facade.post, { integratedAccountId, ids: ['fault-409'] });
    await ended(setting, id);
    const client = new Redis(setting.redis.url);
    await client.lset(`{engagements}:bulk:${id}:failures`, 0, '{');
    client.disconnect();
    const response = await read(setting.facade.url, id);
    await expect(response.text()).rejects.toThrow();
    await vi.waitFor(() => expect(setting.facade.logged()).toContain('report was cut off by an unexpected error'));
    expect(setting.facade.logged()).toContain('SyntaxError');
  });

  it('is not there without Redis', async ({ expect }) => {
    await using facade = await startFacadeOver(json(204, undefined));
    expect((await read(facade.url, 'any')).status).toBe(501);
  });
});

describe('a large report', () => {
  const abilities = { upstream: 'u', credential: 'own', keepsUndoFiles: false };

  it('is read from Redis only as fast as it is taken', async () => {
    await using kept = await startBulkStore();
    const ids = Array.from({ length: 5_000 }, (_, index) => `${index}`);
    const job = await createJob(kept, ids, { abilities });
    await kept.store.control(job, 'cancel');
    const cancelled = await kept.store.read(job.id);
    if (!cancelled) throw new Error('it is not kept');
    let pagesRead = 0;
    const { readPage } = kept.store;
    kept.store.readPage = (...args) => {
      pagesRead += 1;
      return readPage.apply(kept.store, args);
    };
    const report = writeReport(cancelled, kept.store, () => {});
    const parts = [await report.next(), await report.next(), await report.next()];
    expect(parts.every(({ done }) => !done)).toBe(true);
    expect(pagesRead).toBe(8);
    let text = parts.map(({ value }) => value).join('');
    for await (const part of report) text += part;
    expect(pagesRead).toBe(50);
    const { engagements, outcomes, sha256 } = JSON.parse(text);
    expect([engagements.length, outcomes]).toEqual([5_000, { SKIPPED: 5_000 }]);
    expect(verify(text)).toBe(sha256);
  });

  it('stops when its client disconnects, and writes no more than the client reads', async () => {
    await using setting = await startSetting();
    const ids = Array.from({ length: 100 }, (_, index) => `${index}`.padStart(140, '0'));
    const { id } = await started(setting.facade.post, { integratedAccountId, ids, dryRun: true });
    // Its report becomes larger than the buffers of a connection.
    const pageCount = 1_000;
    const client = new Redis(setting.redis.url);
    const job = `{engagements}:bulk:${id}`;
    for (let page = 1; page < pageCount; page += 1) await client.copy(`${job}:page:0`, `${job}:page:${page}`);
    await client.hset(job, { pageCount, total: 100 * pageCount });
    async function startReading() {
      const socket = connect(Number(new URL(setting.facade.url).port), '127.0.0.1');
      socket.write(`GET /bulk/${id}/report.json HTTP/1.1\r\nhost: x\r\n\r\n`);
      await once(socket, 'readable');
      return socket;
    }
    const sockets = await Promise.all(Array.from({ length: 4 }, startReading));
    const fifth = await read(setting.facade.url, id);
    expect([fifth.status, ((await fifth.json()) as { errors: object[] }).errors]).toEqual([
      503,
      [{ message: expect.stringContaining('You are reading 4 reports'), extensions: { code: 'OVERLOADED' } }],
    ]);
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map((socket) => once(socket, 'close')));
    // By the end of another one, the first ones would have been read to their ends too.
    const another = await vi.waitFor(async () => {
      const response = await read(setting.facade.url, id);
      expect(response.status).toBe(200);
      return response;
    });
    expect(JSON.parse(await another.text()).engagements).toHaveLength(100 * pageCount);
    const [, pagesRead] = /cmdstat_get:calls=(\d+)/.exec(await client.info('commandstats')) ?? [];
    client.disconnect();
    expect(Number(pagesRead)).toBeGreaterThan(pageCount);
    expect(Number(pagesRead)).toBeLessThan(2 * pageCount);
    await setting.facade[Symbol.asyncDispose]();
    expect(setting.facade.logged()).not.toContain('unexpected');
  });
});
