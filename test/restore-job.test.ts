import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Redis } from 'ioredis';
import { describe, expect, it, vi } from 'vitest';
import type { BulkJob } from '../src/bulk/job.ts';
import { listJob } from '../src/bulk/list-job.ts';
import { runRestore } from '../src/bulk/restore-item.ts';
import type { ItemWork } from '../src/bulk/run-item.ts';
import type { WorkPorts } from '../src/bulk/work.ts';
import { openLedger } from '../src/cli/ledger.ts';
import { Secret } from '../src/config/secret.ts';
import { findIntegration, integrations } from '../src/engagement/integrations.ts';
import { restoreEngagement } from '../src/engagement/restore/restore-engagement.ts';
import { readUndoLine } from '../src/engagement/restore/undo-line.ts';
import { sandboxAccount, sandboxToken } from '../src/sandbox/accounts.ts';
import { findFault } from '../src/sandbox/faults.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import type { SandboxOptions } from '../src/sandbox/server.ts';
import type { Send } from '../src/upstream/attempt.ts';
import { startBucket } from './support/bucket.ts';
import { started } from './support/bulk.ts';
import { answered, refused } from './support/bulk-page.ts';
import { ended, type Setting, startSetting, startKeeping as startUndoSetting } from './support/bulk-setting.ts';
import { startTestFacade } from './support/facade.ts';
import { type Post, postTo } from './support/fetch-graphql.ts';
import { jsonLines } from './support/json-lines.ts';
import {
  controlRestore,
  endedRestore,
  itemsOf,
  type SeenItem,
  seenRestore,
  startedRestore,
  startRestore,
} from './support/restores.ts';
import { runCli } from './support/run-cli.ts';
import { startServerProcess } from './support/server-process.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';

type Seed = ReturnType<typeof seedEngagements>[number];

const required = ['content', 'subject', 'account', 'contact', 'start_time'] as const;

/** Engagements of one type that a create accepts. */
function wholeOnes(name: string, count: number, of = 100): readonly Seed[] {
  const isWhole = (record: Seed) => required.every((field) => (record[field] ?? '') !== '');
  const isDocumented = ({ engagement_type: type }: Seed) => type === 'call' || type === 'meeting';
  const all = seedEngagements(sandboxAccount(name), of).filter(isWhole);
  const [first] = [...all.filter(isDocumented), ...all];
  const found = all.filter(({ engagement_type: type }) => type === first?.engagement_type).slice(0, count);
  expect(found).toHaveLength(count);
  return found;
}

const startKeeping = (options: SandboxOptions = {}, env: Record<string, string> = {}) =>
  startUndoSetting(options, { REQUEST_TIMEOUT_MS: '4000', ...env });

async function deleteAll(setting: Setting, name: string, records: readonly Seed[]): Promise<string> {
  const { id: integratedAccountId, rule } = sandboxAccount(name);
  const type = rule?.engagementTypes.length ? records[0]?.engagement_type : null;
  const engagementType = type ? { engagementType: type.toUpperCase() } : {};
  const ids = records.map(({ id }) => id);
  const { id } = await started(setting.facade.post, { integratedAccountId, ids, snapshot: true, ...engagementType });
  expect(await ended(setting, id, 60_000)).toMatchObject({ state: 'COMPLETED', outcomes: { failed: 0, unknown: 0 } });
  return id;
}

const postsOf = ({ sandbox }: Pick<Setting, 'sandbox'>) => sandbox.requests.filter(({ method }) => method === 'POST');

const lineOf = (engagement: object, integratedAccountId: string, readAt = '2026-11-01T10:00:00.000Z') => ({
  ...{ integratedAccountId, readAt, engagement },
});

function undoLines({ folder }: { readonly folder: string }, bulkDeleteId: string): readonly object[] {
  const path = join(folder, bulkDeleteId);
  const files = readdirSync(path).filter((name) => /-\d{3}\.jsonl$/.test(name));
  return files.flatMap((name) => jsonLines(readFileSync(join(path, name), 'utf8')));
}

const planhat = sandboxAccount('Planhat');
const integratedAccountId = planhat.id;

/** Records that no account has: their engagements are gone. */
function goneOnes(count: number) {
  const [record] = wholeOnes('Planhat', 1);
  return Array.from({ length: count }, (_, index) => ({
    ...{ ...record, id: `gone-${index}`, subject: `Subject ${index}`, content: `Content ${index}` },
  }));
}
const linesOfGone = (count: number) => goneOnes(count).map((record) => lineOf(record, integratedAccountId));

const outcomesIn = (items: readonly SeenItem[]) => items.map(({ outcome }) => outcome);

describe.concurrent('restoreEngagements', () => {
  const creating = integrations.filter(({ creates }) => creates).map(({ name }) => name);
  const others = integrations.filter(({ creates }) => !creates).map(({ name }) => name);

  it.each(creating)('creates a deleted engagement of %s again, and shows its old and its new id', async (name) => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const { id: accountId } = sandboxAccount(name);
    const [record] = wholeOnes(name, 1) as [Seed];
    const bulkDeleteId = await deleteAll(setting, name, [record]);
    const { id } = await startedRestore(post, { integratedAccountId: accountId, bulkDeleteId });
    expect(await endedRestore(post, id)).toMatchObject({ state: 'COMPLETED', bulkDeleteId, outcomes: { restored: 1 } });
    const [item] = (await itemsOf(post, id)) as [SeenItem];
    expect(item).toMatchObject({ id: record.id, outcome: 'RESTORED' });
    expect(item.newId).not.toBe(record.id);
    expect(item.lost).toContain('created_at');
    const type = record.engagement_type ? `, engagementType: ${record.engagement_type.toUpperCase()}` : '';
    const { body } = await post(
      `query($id: ID!, $account: ID!) { engagement(id: $id, integratedAccountId: $account${type}) { content subject } }`,
      { id: item.newId, account: accountId },
    );
    const lacking = new Set([...item.lost, ...item.unconfirmed]);
    for (const field of ['content', 'subject'] as const)
      if (!lacking.has(field)) expect(body.data.engagement[field]).toBe(record[field]);
  });

  it.each(others)('refuses %s, which cannot create, before anything is sent', async (name) => {
    await using setting = await startKeeping();
    const { id } = sandboxAccount(name);
    const lines = [lineOf({ id: '1', subject: 'one' }, id)];
    const { body } = await startRestore(setting.facade.post, { integratedAccountId: id, lines });
    expect(body.errors[0]).toMatchObject({
      message: expect.stringContaining(name),
      extensions: { code: 'INVALID_INPUT', issues: [{ path: ['input', 'integratedAccountId'] }] },
    });
    expect(postsOf(setting)).toEqual([]);
  });

  it('R32 creates nothing in a second run, also by lines', async () => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const records = wholeOnes('Planhat', 3);
    const bulkDeleteId = await deleteAll(setting, 'Planhat', records);
    const first = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    await endedRestore(post, first.id);
    const count = postsOf(setting).length;
    const second = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    await endedRestore(post, second.id);
    const undoFile = readdirSync(join(setting.folder, bulkDeleteId)).find((name) => /-000\.jsonl$/.test(name)) ?? '';
    const lines = jsonLines(readFileSync(join(setting.folder, bulkDeleteId, undoFile), 'utf8'));
    const third = await startedRestore(post, { integratedAccountId, lines });
    await endedRestore(post, third.id);
    const ids = async (id: string) => (await itemsOf(post, id)).map((item) => [item.id, item.newId]).sort();
    expect(await ids(second.id)).toEqual(await ids(first.id));
    expect(await ids(third.id)).toEqual(await ids(first.id));
    for (const { id } of [second, third])
      expect((await itemsOf(post, id)).every(({ outcome }) => outcome === 'ALREADY_RESTORED')).toBe(true);
    expect(postsOf(setting)).toHaveLength(count);
  });
});

describe.concurrent('a restore', () => {
  it('lists what cannot be restored before it creates anything, and creates the rest', async ({ expect }) => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const records = wholeOnes('Planhat', 2);
    const bulkDeleteId = await deleteAll(setting, 'Planhat', records);
    const path = join(setting.folder, bulkDeleteId);
    const [file = ''] = readdirSync(path);
    const bad = lineOf(
      { ...records[0], id: 'bad', start_time: '2026-01-02T00:00:00Z', end_time: '2026-01-01T00:00:00Z' },
      integratedAccountId,
    );
    const foreign = lineOf({ ...records[0], id: 'foreign' }, sandboxAccount('Capsule').id);
    appendFileSync(join(path, file), `{"broken\n${JSON.stringify(bad)}\n${JSON.stringify(foreign)}\n{"integratedAcc`);
    const { id } = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    expect(await endedRestore(post, id)).toMatchObject({ total: 5, outcomes: { restored: 2, failed: 3 } });
    const failures = await itemsOf(post, id, 'failures');
    expect(failures.map((item) => item.id).sort()).toEqual(['bad', 'foreign', null].sort());
    for (const { messages } of failures) expect(messages).toHaveLength(1);
    expect(postsOf(setting)).toHaveLength(2);
  });

  it('of a dry run creates nothing, and shows what it would create', async ({ expect }) => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const [deleted, there] = wholeOnes('Planhat', 2) as [Seed, Seed];
    await deleteAll(setting, 'Planhat', [deleted]);
    const lines = [deleted, there].map((record) => lineOf(record, integratedAccountId));
    const { id } = await startedRestore(post, { integratedAccountId, lines, dryRun: true });
    expect(await endedRestore(post, id)).toMatchObject({ outcomes: { planned: 1, stillExists: 1 } });
    const [planned] = await itemsOf(post, id);
    expect(planned).toMatchObject({ id: deleted.id, outcome: 'PLANNED', newId: null });
    expect(planned?.lost).toContain('created_at');
    // All records that it refers to still exist.
    expect(planned?.messages.filter((message) => message.includes('no longer'))).toEqual([]);
    expect(postsOf(setting)).toEqual([]);
    // It claims nothing: the restore itself creates.
    const real = await startedRestore(post, { integratedAccountId, lines });
    expect(await endedRestore(post, real.id)).toMatchObject({ outcomes: { restored: 1, stillExists: 1 } });
  });

  it('of a dry run names the related records that no longer exist, and reads each once', async ({ expect }) => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const lines = goneOnes(3).map((record) =>
      lineOf({ ...record, contact: [...(record.contact ?? []), { id: 'no-such' }] }, integratedAccountId),
    );
    const { id } = await startedRestore(post, { integratedAccountId, lines, dryRun: true });
    expect(await endedRestore(post, id)).toMatchObject({ outcomes: { planned: 3 } });
    for (const { messages } of await itemsOf(post, id))
      expect(messages.filter((message) => message.includes('no longer exists'))).toEqual([
        expect.stringContaining('contact: the record no-such'),
      ]);
    const reads = setting.sandbox.requests.filter(({ url }) => url.includes('/contacts/no-such'));
    expect(reads).toHaveLength(1);
    expect(postsOf(setting)).toEqual([]);
  });

  it('reads undo files in a bucket', async ({ expect }) => {
    const key = { accessKeyId: 'an-id', secretAccessKey: 'a-secret-of-a-bucket', region: 'some-region-1' };
    await using bucket = await startBucket(key);
    await using setting = await startSetting(
      {},
      {
        ...{ UNDO_STORE: bucket.url, AWS_REGION: key.region },
        ...{ AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey },
      },
    );
    const { post } = setting.facade;
    const bulkDeleteId = await deleteAll(setting, 'Planhat', wholeOnes('Planhat', 3));
    const { id } = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    expect(await endedRestore(post, id)).toMatchObject({ state: 'COMPLETED', outcomes: { restored: 3 } });
  });

  it('leaves no given line in Redis when it has ended', async ({ expect }) => {
    const fault = findFault('fault-409');
    await using setting = await startKeeping({ pickFault: ({ method }) => (method === 'POST' ? fault : undefined) });
    const client = new Redis(setting.redis.url);
    const { id } = await startedRestore(setting.facade.post, { integratedAccountId, lines: linesOfGone(2) });
    await endedRestore(setting.facade.post, id);
    await expect.poll(() => client.get(`{engagements}:bulk:${id}:page:0`)).not.toContain('Content');
    client.disconnect();
    expect(outcomesIn(await itemsOf(setting.facade.post, id))).toEqual(['FAILED', 'FAILED']);
  });

  it('waits while its undo files cannot be read, and says so', async ({ expect }) => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const bulkDeleteId = await deleteAll(setting, 'Planhat', wholeOnes('Planhat', 2));
    const path = join(setting.folder, bulkDeleteId);
    renameSync(path, `${path}-away`);
    const { id } = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    await expect.poll(async () => (await seenRestore(post, id)).statusReason).toContain('ENOENT');
    expect(await seenRestore(post, id)).toMatchObject({ state: 'LISTING' });
    renameSync(`${path}-away`, path);
    expect(await endedRestore(post, id)).toMatchObject({ statusReason: null, outcomes: { restored: 2 } });
  });

  it('fails when the names of its undo files are lost while it waits', async ({ expect }) => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const bulkDeleteId = await deleteAll(setting, 'Planhat', wholeOnes('Planhat', 1));
    const path = join(setting.folder, bulkDeleteId);
    renameSync(path, `${path}-away`);
    const { id } = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    await expect.poll(async () => (await seenRestore(post, id)).statusReason).toContain('ENOENT');
    const client = new Redis(setting.redis.url);
    await client.del(`{engagements}:bulk:${bulkDeleteId}:undo-files`);
    client.disconnect();
    renameSync(`${path}-away`, path);
    expect(await endedRestore(post, id)).toMatchObject({ state: 'FAILED', total: 0 });
  });

  it('looks its account up once for all its lines', async ({ expect }) => {
    await using setting = await startKeeping({
      pickFault: ({ url }) => (url.startsWith('/integrated-account/') ? findFault('fault-500') : undefined),
    });
    const { id } = await startedRestore(setting.facade.post, {
      integratedAccountId,
      lines: linesOfGone(30),
      dryRun: true,
    });
    const lookUps = setting.sandbox.requests.filter(({ url }) => url.startsWith('/integrated-account/'));
    expect(lookUps.length).toBeLessThan(10);
    await controlRestore(setting.facade.post, 'cancel', id);
  });

  it('is started once with an Idempotency-Key, which no other input may use', async ({ expect }) => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const key = { 'idempotency-key': 'a-key' };
    const input = { integratedAccountId, lines: linesOfGone(1) };
    const [first, second] = [await startedRestore(post, input, key), await startedRestore(post, input, key)];
    expect(second.id).toBe(first.id);
    const { body } = await startRestore(post, { ...input, dryRun: true }, key);
    expect(body.errors[0].extensions.code).toBe('INVALID_INPUT');
  });

  it('takes the newest line of an engagement', async ({ expect }) => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const [record] = goneOnes(1);
    const at = (day: number) => `2026-11-0${day}T10:00:00.000Z`;
    const lines = [1, 3, 2].map((day) => lineOf({ ...record, subject: `of day ${day}` }, integratedAccountId, at(day)));
    const { id } = await startedRestore(post, { integratedAccountId, lines });
    expect(await endedRestore(post, id)).toMatchObject({ total: 1, outcomes: { restored: 1 } });
    expect(postsOf(setting).map(({ body }) => JSON.parse(body ?? '').subject)).toEqual(['of day 3']);
  });

  it('stops while it is paused, and continues when it is resumed', async ({ expect }) => {
    await using setting = await startKeeping({ latencyMs: 50 });
    const { post } = setting.facade;
    const { id } = await startedRestore(post, { integratedAccountId, lines: linesOfGone(60) });
    await expect.poll(() => postsOf(setting).length).toBeGreaterThan(3);
    expect(await controlRestore(post, 'pause', id)).toMatchObject({ state: 'PAUSED' });
    await expect.poll(async () => outcomesIn(await itemsOf(post, id)).includes('IN_PROGRESS')).toBe(false);
    const { outcomes } = await seenRestore(post, id);
    expect(outcomes.restored).toBe(postsOf(setting).length);
    expect(outcomes.restored).toBeLessThan(60);
    await controlRestore(post, 'resume', id);
    expect(await endedRestore(post, id)).toMatchObject({ state: 'COMPLETED', outcomes: { restored: 60 } });
    expect(postsOf(setting)).toHaveLength(60);
  });

  it('creates no further record after a cancel, and shows which are created', async ({ expect }) => {
    await using setting = await startKeeping({ latencyMs: 50 });
    const { post } = setting.facade;
    const { id } = await startedRestore(post, { integratedAccountId, lines: linesOfGone(60) });
    await expect.poll(() => postsOf(setting).length).toBeGreaterThan(3);
    await controlRestore(post, 'cancel', id);
    const { state, outcomes } = await endedRestore(post, id);
    expect([state, outcomes.restored, outcomes.mayBeRestored]).toEqual(['CANCELLED', postsOf(setting).length, 0]);
    const items = await itemsOf(post, id);
    expect(items.filter(({ newId }) => newId !== null)).toHaveLength(outcomes.restored ?? 0);
    expect(new Set(outcomesIn(items))).toEqual(new Set(['RESTORED', 'SKIPPED']));
  });
});

describe.concurrent('R32 a restore', () => {
  it('finds a create whose answer was lost, and does not send it again', async ({ expect }) => {
    await using setting = await startKeeping({
      pickFault: ({ method }) => (method === 'POST' ? findFault('fault-reset-after') : undefined),
    });
    const { post } = setting.facade;
    const { id } = await startedRestore(post, { integratedAccountId, lines: linesOfGone(3) });
    expect(await endedRestore(post, id)).toMatchObject({ outcomes: { restored: 3 } });
    expect(new Set((await itemsOf(post, id)).map(({ newId }) => newId)).size).toBe(3);
    expect(postsOf(setting)).toHaveLength(3);
  });

  it('says that nothing was created now when it finds what another one has created', async ({ expect }) => {
    let isDown = true;
    await using setting = await startKeeping(
      {
        pickFault({ method, url }) {
          if (method === 'POST') return findFault('fault-reset-after');
          return isDown && url.includes('limit=100') ? findFault('fault-500') : undefined;
        },
      },
      { REQUEST_TIMEOUT_MS: '1000' },
    );
    const { post } = setting.facade;
    const lines = linesOfGone(1);
    const first = await startedRestore(post, { integratedAccountId, lines });
    expect(await endedRestore(post, first.id)).toMatchObject({ outcomes: { mayBeRestored: 1 } });
    isDown = false;
    const second = await startedRestore(post, { integratedAccountId, lines });
    expect(await endedRestore(post, second.id)).toMatchObject({ outcomes: { alreadyRestored: 1 } });
    expect(postsOf(setting)).toHaveLength(1);
  }, 90_000);

  it('never takes what a mutation of the same server creates for its own', async ({ expect }) => {
    let posts = 0;
    await using setting = await startKeeping(
      {
        slowMs: 2_000,
        pickFault({ method }) {
          if (method !== 'POST') return undefined;
          posts += 1;
          return findFault(posts === 1 ? 'fault-slow' : 'fault-reset-before');
        },
      },
      { REQUEST_TIMEOUT_MS: '5000' },
    );
    const { post } = setting.facade;
    const [line] = linesOfGone(1) as [ReturnType<typeof lineOf>];
    const { subject, content, start_time: startTime, account, contact } = line.engagement as Seed;
    const related = { account: { id: account?.id }, contacts: contact?.map((one) => ({ id: one.id })) };
    const input = { engagementType: 'CALL', subject, content, startTime, ...related };
    const document = `mutation($account: ID!, $input: CreateEngagementInput!) {
      createEngagement(integratedAccountId: $account, input: $input) { __typename
      ... on CreateEngagementSuccess { createdEngagementId } } }`;
    const mutation = post(document, { account: integratedAccountId, input });
    await expect.poll(() => posts).toBe(1);
    const { id } = await startedRestore(post, { integratedAccountId, lines: [line] });
    await expect.poll(() => posts).toBe(2);
    const { createEngagement } = (await mutation).body.data;
    expect(createEngagement.createdEngagementId).toEqual(expect.any(String));
    expect(await endedRestore(post, id, 80_000)).toMatchObject({ outcomes: { restored: 0, mayBeRestored: 1 } });
  }, 100_000);

  it('does not give up because its searches are limited', async ({ expect }) => {
    let limited = 0;
    await using setting = await startKeeping(
      {
        pickFault({ method, url }) {
          if (method === 'POST') return findFault('fault-reset-after');
          if (!url.includes('limit=100') || limited === 6) return undefined;
          limited += 1;
          return findFault('fault-429');
        },
      },
      { REQUEST_TIMEOUT_MS: '1000' },
    );
    const { post } = setting.facade;
    const { id } = await startedRestore(post, { integratedAccountId, lines: linesOfGone(1) });
    expect(await endedRestore(post, id)).toMatchObject({ outcomes: { restored: 1 } });
    expect(limited).toBe(6);
    expect(postsOf(setting)).toHaveLength(1);
  }, 90_000);

  it('creates nothing when an earlier create may have, in any later restore', async ({ expect }) => {
    await using setting = await startKeeping(
      { pickFault: ({ method }) => (method === 'POST' ? findFault('fault-504') : undefined) },
      { REQUEST_TIMEOUT_MS: '1000' },
    );
    const { post } = setting.facade;
    const lines = linesOfGone(1);
    for (const _ of [1, 2]) {
      const { id } = await startedRestore(post, { integratedAccountId, lines });
      expect(await endedRestore(post, id, 40_000)).toMatchObject({ outcomes: { mayBeRestored: 1 } });
    }
    expect(postsOf(setting)).toHaveLength(1);
  }, 90_000);

  it('sends a refused create again in a later restore', async ({ expect }) => {
    let fault = findFault('fault-409');
    await using setting = await startKeeping({ pickFault: ({ method }) => (method === 'POST' ? fault : undefined) });
    const { post } = setting.facade;
    const lines = linesOfGone(1);
    const first = await startedRestore(post, { integratedAccountId, lines });
    expect(await endedRestore(post, first.id)).toMatchObject({ outcomes: { failed: 1 } });
    fault = undefined;
    const second = await startedRestore(post, { integratedAccountId, lines });
    expect(await endedRestore(post, second.id)).toMatchObject({ outcomes: { restored: 1 } });
  });

  it('names the value that Truto requires of a record', async ({ expect }) => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const lines = goneOnes(1).map(({ account: _, ...record }) => lineOf(record, integratedAccountId));
    const { id } = await startedRestore(post, { integratedAccountId, lines });
    await endedRestore(post, id);
    const [item] = await itemsOf(post, id);
    expect(item).toMatchObject({ outcome: 'FAILED' });
    expect(item?.messages.join('\n')).toContain('input.account');
  });

  it('of two servers and two jobs creates each record once', async ({ expect }) => {
    await using setting = await startKeeping({ latencyMs: 20 });
    const env = { REDIS_URL: setting.redis.url, UNDO_STORE: setting.folder };
    await using other = await startTestFacade(setting.sandbox.url, env);
    const lines = linesOfGone(80);
    const jobs = await Promise.all(
      [setting.facade, other].map(({ post }) => startedRestore(post, { integratedAccountId, lines })),
    );
    const ends = await Promise.all(jobs.map(({ id }) => endedRestore(other.post, id, 60_000)));
    expect(postsOf(setting)).toHaveLength(80);
    const restored = ends.reduce((sum, { outcomes }) => sum + (outcomes.restored ?? 0), 0);
    const known = ends.reduce((sum, { outcomes }) => sum + (outcomes.alreadyRestored ?? 0), 0);
    expect(restored + known).toBe(160);
  }, 90_000);

  /** A server that is killed while the creates of two records are in flight; each has made one. An earlier create is done. */
  async function startKilled(records: readonly object[]) {
    const stack = new AsyncDisposableStack();
    let fault = findFault('fault-slow');
    // The account's pace begins with one at a time.
    const isFirst = (body = '') => body.includes('Subject 0');
    const setting = stack.use(
      await startKeeping({
        pickFault: ({ method, body }) => (method === 'POST' && !isFirst(body) ? fault : undefined),
      }),
    );
    const lines = [...goneOnes(1), ...records].map((record) => lineOf(record, integratedAccountId));
    const env = { REDIS_URL: setting.redis.url, REDIS_PREFIX: 'killed', TRUTO_BASE_URL: setting.sandbox.url };
    const auth = { ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: sandboxToken };
    const common = { ...env, ...auth, REQUEST_TIMEOUT_MS: '3000' };
    const exp = Math.floor(Date.now() / 1000) + 3_600;
    const caller = bearer(await signToken({ integrated_accounts: [integratedAccountId], exp }));
    const first = stack.use(await startServerProcess(common));
    const { id } = await startedRestore(postTo(first.endpoint, caller), { integratedAccountId, lines });
    await vi.waitFor(() => expect(postsOf(setting)).toHaveLength(lines.length), { timeout: 20_000 });
    first.signal('SIGKILL');
    await first.exited;
    fault = undefined;
    const startAgain = async () => {
      const { url } = stack.use(await startTestFacade(setting.sandbox.url, common));
      return postTo(`${url}/graphql`, caller);
    };
    return { stack, setting, id, startAgain };
  }

  it('finds what a killed server has created', async ({ expect }) => {
    const { stack, setting, id, startAgain } = await startKilled(goneOnes(3).slice(1));
    await using _stack = stack;
    const post = await startAgain();
    expect(await endedRestore(post, id, 60_000)).toMatchObject({ outcomes: { restored: 3 } });
    expect(new Set((await itemsOf(post, id)).map(({ newId }) => newId)).size).toBe(3);
    expect(postsOf(setting)).toHaveLength(3);
  }, 120_000);

  it('never takes one record for that of two killed creates', async ({ expect }) => {
    const [, one, other] = goneOnes(3);
    const { stack, setting, id, startAgain } = await startKilled([one ?? {}, { ...one, id: other?.id }]);
    await using _stack = stack;
    // As if one of the two creates had never arrived.
    const made = await findMade(setting, 'Subject 1');
    const url = `${setting.sandbox.url}/unified/crm/engagements/${made}?integrated_account_id=${integratedAccountId}`;
    const headers = { authorization: `Bearer ${sandboxToken}` };
    expect((await fetch(url, { method: 'DELETE', headers })).ok).toBe(true);
    const post = await startAgain();
    expect(await endedRestore(post, id, 60_000)).toMatchObject({ outcomes: { restored: 1, mayBeRestored: 2 } });
    expect(postsOf(setting)).toHaveLength(3);
  }, 120_000);

  /** Restores one engagement over a fake upstream. Returns the end, and how much time was left when each create was sent. */
  async function restoreOne(
    list: readonly object[],
    more: {
      readonly begunAtMs?: number;
      readonly isTaken?: boolean;
      readonly onBegin?: () => Promise<void>;
      /** For a dry run: the status that refuses each look-up of a related record. */
      readonly lookUpStatus?: number;
    },
  ) {
    const line = readUndoLine(Buffer.from(JSON.stringify(linesOfGone(1)[0])));
    if (line.kind !== 'Record') throw new Error(line.kind);
    const leftMs: number[] = [];
    const send: Send = async ({ method, path }, { deadlineAt }) => {
      if (method === 'POST') leftMs.push(deadlineAt - performance.now());
      const isList = method === 'GET' && path.includes('engagements?');
      const isRelated = method === 'GET' && !path.includes('engagements');
      const attempt = isList
        ? answered(200, { result: list, next_cursor: null })
        : refused(isRelated ? (lookUpStatus ?? 404) : 404);
      return { attempt, answerCount: 1, attemptCount: 1, idempotencyKey: 'k', mayHaveActedBefore: false };
    };
    const caller = { id: 'c', grants: 'all', authorization: new Secret('Bearer t'), bringsToken: false } as const;
    const { begunAtMs, isTaken = false, onBegin = async () => {}, lookUpStatus } = more;
    const options = {
      caller,
      dryRun: lookUpStatus !== undefined,
      refusalCount: 0,
      requestTimeoutMs: 100,
      hasCallerLeft: () => false,
    };
    const end = await restoreEngagement(
      line,
      { ...options, begunAtMs },
      {
        send,
        findAccountIntegration: () => ({ isShown: true, support: findIntegration('planhat'), refusal: null }),
        onBegin,
        seenReferences: new Map(),
        isTaken: () => isTaken,
      },
    );
    return { end, leftMs };
  }

  it.each([
    ['RestorePlan', 404],
    ['AccountBlockedError', 503],
    ['RateLimitedError', 429],
  ])('of a dry run ends as %s when look-ups of related records are refused with %i', async (kind, lookUpStatus) => {
    expect((await restoreOne([], { lookUpStatus })).end.kind).toBe(kind);
  });

  it('has no time left for a create when its process froze since it noted it', async ({ expect }) => {
    const onBegin = () => new Promise<void>((resolve) => setTimeout(resolve, 200));
    const { leftMs } = await restoreOne([], { onBegin });
    expect(leftMs).toEqual([expect.any(Number)]);
    expect(leftMs[0]).toBeLessThan(0);
  });

  it.each([
    ['Restored', false],
    ['MayBeRestored', true],
  ])('ends as %s when it finds the record of its create, and another has taken that: %s', async (kind, isTaken) => {
    const begunAtMs = Date.now();
    const made = { ...linesOfGone(1)[0]?.engagement, id: 'made', created_at: new Date(begunAtMs).toISOString() };
    expect((await restoreOne([made], { begunAtMs, isTaken })).end.kind).toBe(kind);
  });

  it('keeps to it while Redis freezes', async ({ expect }) => {
    await using setting = await startKeeping({ latencyMs: 50 }, { REQUEST_TIMEOUT_MS: '1000' });
    const { post } = setting.facade;
    const { id } = await startedRestore(post, { integratedAccountId, lines: linesOfGone(80) });
    await expect.poll(() => postsOf(setting).length).toBeGreaterThan(5);
    setting.redis.freeze(true);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    setting.redis.freeze(false);
    await expect.poll(async () => (await seenRestore(post, id)).state, { timeout: 60_000 }).toBe('COMPLETED');
    expect((await seenRestore(post, id)).outcomes).toMatchObject({ restored: 80 });
    expect(postsOf(setting)).toHaveLength(80);
  }, 90_000);
});

async function findMade({ sandbox }: Pick<Setting, 'sandbox'>, subject: string): Promise<string> {
  const url = `${sandbox.url}/unified/crm/engagements?integrated_account_id=${integratedAccountId}&limit=100`;
  for (let cursor = ''; ; ) {
    const headers = { authorization: `Bearer ${sandboxToken}` };
    const page = await (await fetch(`${url}${cursor && `&next_cursor=${cursor}`}`, { headers })).json();
    const found = page.result.find((record: { subject?: string }) => record.subject === subject);
    if (found) return found.id;
    if (!page.next_cursor) throw new Error('there is none');
    cursor = page.next_cursor;
  }
}

describe('a restore of the terminal and one of the server', () => {
  it('know what the other has restored', async () => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const [one, two] = wholeOnes('Planhat', 2) as [Seed, Seed];
    const bulkDeleteId = await deleteAll(setting, 'Planhat', [one, two]);
    const path = join(setting.folder, bulkDeleteId);
    const env = { TRUTO_BASE_URL: setting.sandbox.url, TRUTO_API_TOKEN: sandboxToken };
    // The terminal restores the first, the server the second.
    const all = readdirSync(path).map((name) => join(path, name));
    const lines = undoLines(setting, bulkDeleteId);
    writeFileSync(all[0] ?? '', `${JSON.stringify(lines[0])}\n`);
    const first = await runCli(['restore', path], env);
    expect(first.lines()).toMatchObject([{ result: 'Restored' }]);
    writeFileSync(all[0] ?? '', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const { id } = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    expect(await endedRestore(post, id)).toMatchObject({ outcomes: { alreadyRestored: 1, restored: 1 } });
    await vi.waitFor(() => expect(existsSync(join(path, 'restored.jsonl.lock'))).toBe(false), { timeout: 10_000 });
    const last = await runCli(['restore', path], env);
    expect(last.lines().map(({ result }) => result)).toEqual(['AlreadyRestored', 'AlreadyRestored']);
    expect(postsOf(setting)).toHaveLength(2);
  });

  it('keep a ledger whose last line is incomplete', async () => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const bulkDeleteId = await deleteAll(setting, 'Planhat', wholeOnes('Planhat', 2));
    const path = join(setting.folder, bulkDeleteId);
    // A terminal was killed while it wrote, and a person has removed its lock.
    writeFileSync(join(path, 'restored.jsonl'), '{"key":"[\\"a');
    const { id } = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    expect(await endedRestore(post, id)).toMatchObject({ outcomes: { restored: 2 } });
    await vi.waitFor(() => expect(existsSync(join(path, 'restored.jsonl.lock'))).toBe(false), { timeout: 10_000 });
    const env = { TRUTO_BASE_URL: setting.sandbox.url, TRUTO_API_TOKEN: sandboxToken };
    const { lines } = await runCli(['restore', path], env);
    expect(lines().map(({ result }) => result)).toEqual(['AlreadyRestored', 'AlreadyRestored']);
  });

  it('agree that a create was refused, which a dry run saw while it was in flight', async () => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const [record] = wholeOnes('Planhat', 1) as [Seed];
    const bulkDeleteId = await deleteAll(setting, 'Planhat', [record]);
    const ledger = await openLedger(join(setting.folder, bulkDeleteId), false);
    const key = JSON.stringify([integratedAccountId, record.engagement_type ?? null, record.id]);
    await ledger.write(key, 'begun');
    const dryRun = await startedRestore(post, { integratedAccountId, bulkDeleteId, dryRun: true });
    expect(await endedRestore(post, dryRun.id)).toMatchObject({ outcomes: { mayBeRestored: 1 } });
    await ledger.write(key, 'refused');
    await ledger.close();
    const { id } = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    expect(await endedRestore(post, id)).toMatchObject({ outcomes: { restored: 1 } });
  });

  it('send a refused create again with another Idempotency-Key, whichever of them sent it before', async () => {
    const fault = findFault('fault-409');
    const env = { AUTH_MODE: 'passthrough', BULK_TOKEN_SECRET: 'a secret that seals, of more than 32 characters' };
    const pickFault: SandboxOptions['pickFault'] = ({ method }) => (method === 'POST' ? fault : undefined);
    await using setting = await startKeeping({ pickFault }, env);
    // The token of the terminal: for Truto, both are one caller.
    const post: Post = (document, variables, headers) =>
      setting.facade.post(document, variables, { ...bearer(sandboxToken), ...headers });
    const asCaller = { ...setting, facade: { ...setting.facade, post } };
    const bulkDeleteId = await deleteAll(asCaller, 'Planhat', wholeOnes('Planhat', 1));
    const path = join(setting.folder, bulkDeleteId);
    async function byTerminal() {
      const { code } = await runCli(['restore', path], {
        TRUTO_BASE_URL: setting.sandbox.url,
        TRUTO_API_TOKEN: sandboxToken,
      });
      expect(code).toBe(3);
    }
    async function byServer() {
      const { id } = await startedRestore(post, { integratedAccountId, bulkDeleteId });
      expect(await endedRestore(post, id)).toMatchObject({ outcomes: { failed: 1 } });
      await vi.waitFor(() => expect(existsSync(join(path, 'restored.jsonl.lock'))).toBe(false), { timeout: 10_000 });
    }
    for (const restore of [byTerminal, byServer, byServer, byTerminal, byTerminal, byServer]) await restore();
    const keys = postsOf(setting).map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(6);
    expect(new Set(keys).size).toBe(6);
  });

  it('never use the same undo files at the same time', async () => {
    await using setting = await startKeeping({ latencyMs: 30 });
    const { post } = setting.facade;
    const bulkDeleteId = await deleteAll(setting, 'Planhat', wholeOnes('Planhat', 2));
    const path = join(setting.folder, bulkDeleteId);
    const ledger = await openLedger(path, false);
    const { id } = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    await vi.waitFor(async () => expect((await seenRestore(post, id)).statusReason).toContain('restored.jsonl.lock'), {
      timeout: 10_000,
    });
    expect(postsOf(setting)).toEqual([]);
    await controlRestore(post, 'pause', id);
    await ledger.close();
    // It takes the lock, and is paused before its first create.
    await controlRestore(post, 'resume', id);
    await vi.waitFor(() => expect(existsSync(join(path, 'restored.jsonl.lock'))).toBe(true), { timeout: 10_000 });
    await controlRestore(post, 'pause', id);
    const refused = await runCli(['restore', path], {
      TRUTO_BASE_URL: setting.sandbox.url,
      TRUTO_API_TOKEN: sandboxToken,
    });
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    await controlRestore(post, 'resume', id);
    expect(await endedRestore(post, id)).toMatchObject({ outcomes: { restored: 2 } });
  });
});

describe.concurrent('restoreEngagements refuses', () => {
  it.each<[string, readonly string[], object]>([
    ['neither a bulk delete nor lines', ['input'], {}],
    ['no lines', ['input', 'lines'], { lines: [] }],
    ['more than 100 lines', ['input', 'lines'], { lines: Array(101).fill({}) }],
    ['a line without an engagement', ['input', 'lines', '1'], { lines: [...linesOfGone(1), { integratedAccountId }] }],
    ['a line with a bad id', ['input', 'lines', '0'], { lines: [lineOf({ id: '..' }, integratedAccountId)] }],
    [
      'a line of another account',
      ['input', 'lines', '0', 'integratedAccountId'],
      { lines: [lineOf({ id: '1', subject: 's' }, sandboxAccount('Capsule').id)] },
    ],
  ])('%s', async (_what, path, input) => {
    await using setting = await startSetting();
    const { body } = await startRestore(setting.facade.post, { integratedAccountId, ...input });
    expect(body.errors?.[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path }] });
    expect(setting.sandbox.requests).toEqual([]);
  });

  it('a bulk delete without undo files, and one of another account', async ({ expect }) => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const [record] = wholeOnes('Planhat', 1) as [Seed];
    const job = await started(post, { integratedAccountId, ids: [record.id] });
    await ended(setting, job.id);
    const code = async (input: object) => (await startRestore(post, input)).body.errors[0].extensions.code;
    expect(await code({ integratedAccountId, bulkDeleteId: job.id })).toBe('INVALID_INPUT');
    const another = sandboxAccount('Capsule').id;
    expect(await code({ integratedAccountId: another, bulkDeleteId: job.id })).toBe('NOT_FOUND');
    // A restore is no bulk delete, and the reverse.
    expect(
      (await post('query($id: ID!) { bulkRestore(id: $id) { id } }', { id: job.id })).body.data.bulkRestore,
    ).toBeNull();
  });

  it('S02 a caller without access to the account, who cannot see or stop it either', async ({ expect }) => {
    await using stack = new AsyncDisposableStack();
    const env = { ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: sandboxToken };
    const setting = stack.use(await startKeeping({}, env));
    const { post } = setting.facade;
    const may = bearer(await signToken({ integrated_accounts: [integratedAccountId] }));
    const mayNot = bearer(await signToken({ integrated_accounts: ['another'], sub: 'caller-2' }));
    const input = { integratedAccountId, lines: linesOfGone(1) };
    expect((await startRestore(post, input, mayNot)).body.errors[0].extensions.code).toBe('FORBIDDEN');
    const { id } = await startedRestore(post, input, may);
    expect(
      (await post('query($id: ID!) { bulkRestore(id: $id) { id } }', { id }, mayNot)).body.data.bulkRestore,
    ).toBeNull();
    const cancel = 'mutation($id: ID!) { cancelBulkRestore(id: $id) { id } }';
    expect((await post(cancel, { id }, mayNot)).body.errors[0].extensions.code).toBe('NOT_FOUND');
    const list = 'query($a: ID!) { bulkRestores(integratedAccountId: $a) { items { id } } }';
    expect((await post(list, { a: integratedAccountId }, mayNot)).body.errors[0].extensions.code).toBe('FORBIDDEN');
    expect((await post(list, { a: integratedAccountId }, may)).body.data.bulkRestores.items).toEqual([{ id }]);
  });
});

describe('the list of a restore', () => {
  const jobId = '00000000-0000-4000-8000-00000000000b';

  /** Works once on the list of a restore from undo files. Returns when it is due again, and the calls that it made. */
  async function listOnce(phase: BulkJob['phase'], undoStore: object | undefined) {
    const restore = { jobId: '00000000-0000-4000-8000-00000000000c' };
    const input = { integratedAccountId: 'a', dryRun: false, snapshot: false, restore };
    const job = { id: jobId, input, phase, cursor: null, pageCount: 0 } as Partial<BulkJob>;
    const calls: unknown[][] = [];
    const call =
      (name: string) =>
      async (...args: unknown[]) =>
        void calls.push([name, ...args.slice(1)]);
    const readUndoFiles = async () => ['c/000000-00000000-0000-4000-8000-00000000000d.jsonl'];
    const store = { read: async () => job, ...{ letGo: call('letGo'), stop: call('stop'), note: call('note') } };
    const findAccountIntegration = () => ({ isShown: true, support: { kind: 'unknown' }, refusal: null });
    const ports = {
      ...{ store: { ...store, readUndoFiles }, undoStore, findAccountIntegration, requestTimeoutMs: 1_000 },
      ...{ callerOf: async () => ({}), isStopping: () => false, log: { error: call('log') } },
    };
    return { end: await listJob(jobId, ports as unknown as WorkPorts), calls };
  }

  it('keeps an ended restore for a server with the undo store: only that can unlock its folder', async () => {
    const { end, calls } = await listOnce('CANCELLED', undefined);
    expect(end).toMatchObject({ afterMs: expect.any(Number) });
    expect(calls).toEqual([]);
    expect(await listOnce('CANCELLED', {})).toMatchObject({ end: 'done', calls: [['letGo']] });
  });

  it('fails for a line that is too long: no retry reads it', async () => {
    async function* read() {
      yield Buffer.alloc(65 * 1024 * 1024, 'x');
    }
    const { calls } = await listOnce('LISTING', { read });
    expect(calls).toEqual([['stop', 'fail', expect.stringMatching(/Nothing was created\.$/)]]);
  });
});

it.each([
  ['FAILED', undefined],
  ['MAY_BE_RESTORED', { begunAtMs: 1 }],
])(
  'an engagement of a restore whose line is no longer in its undo file ends as %s, and nothing is created',
  async (outcome, known) => {
    const finished: unknown[] = [];
    const store = {
      ...{ begin: async () => 'again', findRestored: async () => [known], noteStates: async () => {} },
      finish: async (_lease: unknown, _index: number, end: unknown) => void finished.push(end),
    };
    const item = { id: '1', engagementType: null, source: { file: 'cut', position: { start: 900, end: 999 } } };
    const work = {
      ...{ store, item, index: 0, lease: { page: 0 }, job: { id: 'a', input: { integratedAccountId, dryRun: false } } },
      undoStore: { read: async () => Readable.from([]) },
    };
    expect(await runRestore(work as unknown as ItemWork)).toBe('finished');
    expect(finished).toEqual([outcome]);
  },
);
