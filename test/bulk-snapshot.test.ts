import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { findFault } from '../src/sandbox/faults.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startBucket } from './support/bucket.ts';
import { control, outcomesOf, seen, startBulk, started } from './support/bulk.ts';
import { deletesOf, ended, startKeeping, startSetting } from './support/bulk-setting.ts';
import type { Post } from './support/fetch-graphql.ts';
import { readUndoLines } from './support/undo-lines.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;
const idsOf = (count: number) => seedEngagements(account, count).map(({ id }) => id);

const linesIn = (folder: string, undoFolder: string | null) => readUndoLines(join(folder, undoFolder ?? 'none')).lines;

describe.concurrent('a bulk delete with snapshots', () => {
  it("stores each engagement before its delete, with its notes and the provider's data", async () => {
    await using setting = await startKeeping({ engagementsPerAccount: 150 });
    const ids = idsOf(150);
    const { id, undoFolder } = await started(setting.facade.post, { integratedAccountId, ids, snapshot: true });
    expect(undoFolder).toBe(`${id}/`);
    expect(await ended(setting, id, 60_000)).toMatchObject({ state: 'COMPLETED', outcomes: { deleted: 150 } });
    const lines = linesIn(setting.folder, undoFolder);
    expect(lines.map(({ engagement }) => engagement.id).sort()).toEqual([...ids].sort());
    const [first] = seedEngagements(account, 150);
    const kept = lines.find(({ engagement }) => engagement.id === first?.id);
    expect(kept).toMatchObject({
      integratedAccountId,
      engagement: {
        subject: first?.subject,
        content: first?.content,
        notes: first?.notes?.map(({ id: noteId }) => ({ id: noteId, content: expect.any(String) })),
        remote_data: expect.anything(),
      },
    });
  }, 90_000);

  it('has each record on the disk when its delete arrives, in one file', async () => {
    const linesNow = () => readdirSync(setting.folder).flatMap((job) => readUndoLines(join(setting.folder, job)).lines);
    const tooEarly: string[] = [];
    await using setting = await startKeeping({
      engagementsPerAccount: 120,
      pickFault({ method, url }) {
        if (method !== 'DELETE') return undefined;
        const kept = linesNow().map(({ engagement }) => engagement.id);
        if (!kept.some((id) => url.includes(`/${id}?`))) tooEarly.push(url);
        return undefined;
      },
    });
    const { id } = await started(setting.facade.post, { integratedAccountId, ids: idsOf(120), snapshot: true });
    expect(await ended(setting, id, 60_000)).toMatchObject({ state: 'COMPLETED', outcomes: { deleted: 120 } });
    expect(tooEarly).toEqual([]);
    expect(readUndoLines(join(setting.folder, id)).files).toHaveLength(1);
  }, 90_000);

  it('has each record in a bucket when its delete arrives, in one object for a page', async () => {
    const key = { accessKeyId: 'an-id', secretAccessKey: 'a-secret-of-a-bucket', region: 'some-region-1' };
    await using bucket = await startBucket(key);
    const tooEarly: string[] = [];
    const lines = () =>
      [...bucket.files].flatMap(([name, { text }]) => (name === '.write-test' ? [] : text.trimEnd().split('\n')));
    await using setting = await startSetting(
      {
        engagementsPerAccount: 120,
        pickFault({ method, url }) {
          if (method !== 'DELETE') return undefined;
          const kept = lines().map((line) => JSON.parse(line).engagement.id);
          if (!kept.some((id) => url.includes(`/${id}?`))) tooEarly.push(url);
          return undefined;
        },
      },
      {
        ...{ UNDO_STORE: bucket.url, AWS_REGION: key.region },
        ...{ AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey },
      },
    );
    const { id } = await started(setting.facade.post, { integratedAccountId, ids: idsOf(120), snapshot: true });
    expect(await ended(setting, id, 60_000)).toMatchObject({ state: 'COMPLETED', outcomes: { deleted: 120 } });
    expect(tooEarly).toEqual([]);
    expect(lines()).toHaveLength(120);
    expect([...bucket.files.keys()].sort()).toEqual([
      '.write-test',
      expect.stringContaining(`${id}/000000-`),
      expect.stringContaining(`${id}/000001-`),
    ]);
  }, 90_000);

  it('deletes nothing that it cannot read, and reports each', async () => {
    const unreadable = idsOf(4)[2] ?? '';
    await using setting = await startKeeping({
      pickFault: ({ method, url }) =>
        method === 'GET' && url.includes(unreadable) ? findFault('fault-409') : undefined,
    });
    const ids = [...idsOf(4), 'unheard-of'];
    const { id, undoFolder } = await started(setting.facade.post, { integratedAccountId, ids, snapshot: true });
    await ended(setting, id);
    const told = await outcomesOf(setting.facade.post, id);
    expect(told.map(({ outcome }) => outcome)).toEqual(['DELETED', 'DELETED', 'FAILED', 'DELETED', 'NOT_FOUND']);
    expect(linesIn(setting.folder, undoFolder)).toHaveLength(3);
    expect(deletesOf(setting)).toHaveLength(3);
    expect(setting.sandbox.wasDeleted(integratedAccountId, unreadable)).toBe(false);
  });

  it('deletes nothing while the store does not accept its files', async ({ expect }) => {
    await using setting = await startKeeping();
    rmSync(setting.folder, { recursive: true });
    writeFileSync(setting.folder, 'a file in the way');
    const { id } = await started(setting.facade.post, { integratedAccountId, ids: idsOf(3), snapshot: true });
    await expect.poll(async () => (await seen(setting.facade.post, id)).statusReason).toMatch(/store records/);
    expect(setting.facade.logged()).toContain('the undo store does not accept a file');
    expect(deletesOf(setting)).toEqual([]);
    const outcomes = async () => (await outcomesOf(setting.facade.post, id)).map(({ outcome }) => outcome);
    expect(await outcomes()).toContain('KEEPING');
    for (const outcome of await outcomes()) expect(['KEEPING', 'WAITING']).toContain(outcome);
    await control(setting.facade.post, 'cancel', id);
    await ended(setting, id);
    expect(new Set(await outcomes())).toEqual(new Set(['SKIPPED']));
  });

  it('has no undo folder in a dry run', async () => {
    await using setting = await startKeeping();
    const input = { integratedAccountId, ids: idsOf(1), snapshot: true, dryRun: true };
    expect((await started(setting.facade.post, input)).undoFolder).toBeNull();
  });

  it('is refused by a server without UNDO_STORE', async () => {
    await using setting = await startSetting();
    const { body } = await startBulk(setting.facade.post, { integratedAccountId, ids: ['1'], snapshot: true });
    expect(body.errors).toMatchObject([
      { message: expect.stringContaining('UNDO_STORE'), extensions: { code: 'NOT_CONFIGURED' } },
    ]);
  });

  const failuresOf = async (post: Post, id: string) => {
    const document =
      'query($id: ID!) { bulkDelete(id: $id) { failures(first: 100) { items { id result { __typename ... on Error { message } } } } } }';
    return (await post(document, { id })).body.data.bulkDelete.failures.items;
  };

  it('R27 fails each of 18 whose read always has status 500, and deletes the 12 behind them meanwhile', async ({
    expect,
  }) => {
    const ids = idsOf(30);
    const bad = ids.slice(0, 18);
    await using setting = await startKeeping(
      {
        pickFault: ({ method, url }) =>
          method === 'GET' && bad.some((id) => url.includes(`/${id}?`)) ? findFault('fault-500') : undefined,
      },
      { REQUEST_TIMEOUT_MS: '500' },
    );
    const { post } = setting.facade;
    const { id } = await started(post, { integratedAccountId, ids, snapshot: true });
    await expect.poll(async () => (await seen(post, id)).state, { timeout: 60_000 }).toBe('COMPLETED');
    // None of the 18 is given up before the 12 are deleted.
    const methods = setting.sandbox.requests.map(({ method, url }) =>
      method === 'DELETE' || bad.some((one) => url.includes(`/${one}?`)) ? method : 'other',
    );
    const lastDelete = methods.lastIndexOf('DELETE');
    expect(methods.slice(lastDelete).filter((method) => method === 'GET').length).toBeGreaterThanOrEqual(bad.length);
    // On a busy machine, the answer to a delete may come too late, so that a read finds the engagement gone.
    const { deleted = 0, alreadyAbsent = 0, failed } = (await seen(post, id)).outcomes;
    expect([deleted + alreadyAbsent, failed]).toEqual([12, 18]);
    const failures = await failuresOf(post, id);
    expect(new Set(failures.map((failure: { id: string }) => failure.id))).toEqual(new Set(bad));
    for (const { result } of failures) expect(result.__typename).toBe('UpstreamUnavailableError');
    for (const one of ids) expect(setting.sandbox.wasDeleted(integratedAccountId, one)).toBe(!bad.includes(one));
  }, 100_000);
});
