import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { integrations } from '../src/engagement/integrations.ts';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { findFault } from '../src/sandbox/faults.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import type { SandboxOptions } from '../src/sandbox/server.ts';
import { startBucket } from './support/bucket.ts';
import { started } from './support/bulk.ts';
import { ended, type Setting, startSetting } from './support/bulk-setting.ts';
import { startTestFacade } from './support/facade.ts';
import {
  controlRestore,
  endedRestore,
  itemsOf,
  type SeenItem,
  seenRestore,
  startedRestore,
  startRestore,
} from './support/restores.ts';

type Seed = ReturnType<typeof seedEngagements>[number];

/** The fields that providers require of a create. */
const required = ['content', 'subject', 'account', 'contact', 'start_time'] as const;

/** Engagements that a create accepts. */
function wholeOnes(name: string, count: number, of = 100): readonly Seed[] {
  const isWhole = (record: Seed) => required.every((field) => (record[field] ?? '') !== '');
  const isDocumented = ({ engagement_type: type }: Seed) => type === 'call' || type === 'meeting';
  const all = seedEngagements(sandboxAccount(name), of).filter(isWhole);
  const found = [...all.filter(isDocumented), ...all.filter((record) => !isDocumented(record))].slice(0, count);
  expect(found).toHaveLength(count);
  return found;
}

/** A sandbox, and a folder for undo files that goes with it. */
async function startKeeping(options: SandboxOptions = {}, env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'undo-'));
  const setting = await startSetting(options, { UNDO_STORE: folder, REQUEST_TIMEOUT_MS: '4000', ...env });
  return {
    ...setting,
    folder,
    async [Symbol.asyncDispose]() {
      await setting[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Deletes engagements with snapshots. */
async function deleteAll(setting: Setting, name: string, records: readonly Seed[]): Promise<string> {
  const { id: integratedAccountId, rule } = sandboxAccount(name);
  const types = rule?.engagementTypes.length ? [...new Set(records.map((record) => record.engagement_type))] : [null];
  expect(types).toHaveLength(1);
  const engagementType = types[0] ? { engagementType: types[0].toUpperCase() } : {};
  const ids = records.map(({ id }) => id);
  const { id } = await started(setting.facade.post, { integratedAccountId, ids, snapshot: true, ...engagementType });
  expect(await ended(setting, id, 60_000)).toMatchObject({ state: 'COMPLETED', outcomes: { failed: 0, unknown: 0 } });
  return id;
}

const postsOf = ({ sandbox }: Pick<Setting, 'sandbox'>) => sandbox.requests.filter(({ method }) => method === 'POST');

/** A line of an undo file. */
const lineOf = (engagement: object, integratedAccountId: string, readAt = '2026-11-01T10:00:00.000Z') => ({
  ...{ integratedAccountId, readAt, engagement },
});

const planhat = sandboxAccount('Planhat');

describe.concurrent('restoreEngagements', () => {
  const creating = integrations.filter(({ creates }) => creates).map(({ name }) => name);
  const others = integrations.filter(({ creates }) => !creates).map(({ name }) => name);

  it.each(creating)('creates a deleted engagement of %s again, and shows its old and its new id', async (name) => {
    await using setting = await startKeeping();
    const { post } = setting.facade;
    const { id: integratedAccountId } = sandboxAccount(name);
    const [record] = wholeOnes(name, 1) as [Seed];
    const bulkDeleteId = await deleteAll(setting, name, [record]);
    const { id } = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    expect(await endedRestore(post, id)).toMatchObject({ state: 'COMPLETED', bulkDeleteId, outcomes: { restored: 1 } });
    const [item] = (await itemsOf(post, id)) as [SeenItem];
    expect(item).toMatchObject({ id: record.id, outcome: 'RESTORED' });
    expect(item.newId).not.toBe(record.id);
    expect(item.lost).toContain('created_at');
    const type = record.engagement_type ? `, engagementType: ${record.engagement_type.toUpperCase()}` : '';
    const { body } = await post(
      `query($id: ID!, $account: ID!) { engagement(id: $id, integratedAccountId: $account${type}) { content subject } }`,
      { id: item.newId, account: integratedAccountId },
    );
    const lacking = new Set([...item.lost, ...item.unconfirmed]);
    for (const field of ['content', 'subject'] as const)
      if (!lacking.has(field)) expect(body.data.engagement[field]).toBe(record[field]);
  });

  it.each(others)('refuses %s, which cannot create, before anything is sent', async (name) => {
    await using setting = await startKeeping();
    const { id: integratedAccountId } = sandboxAccount(name);
    const lines = [lineOf({ id: '1', subject: 'one' }, integratedAccountId)];
    const { body } = await startRestore(setting.facade.post, { integratedAccountId, lines });
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
    const integratedAccountId = planhat.id;
    const bulkDeleteId = await deleteAll(setting, 'Planhat', records.slice(0, 0).concat(sameType(records)));
    const first = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    await endedRestore(post, first.id);
    const count = postsOf(setting).length;
    const second = await startedRestore(post, { integratedAccountId, bulkDeleteId });
    await endedRestore(post, second.id);
    const undoFile = readdirSync(join(setting.folder, bulkDeleteId)).find((name) => /-000\.jsonl$/.test(name)) ?? '';
    const lines = readFileSync(join(setting.folder, bulkDeleteId, undoFile), 'utf8')
      .trimEnd()
      .split('\n');
    const third = await startedRestore(post, { integratedAccountId, lines: lines.map((line) => JSON.parse(line)) });
    await endedRestore(post, third.id);
    const ids = async (id: string) => (await itemsOf(post, id)).map((item) => [item.id, item.newId]).sort();
    expect(await ids(second.id)).toEqual(await ids(first.id));
    expect(await ids(third.id)).toEqual(await ids(first.id));
    for (const { id } of [second, third])
      expect((await itemsOf(post, id)).every(({ outcome }) => outcome === 'ALREADY_RESTORED')).toBe(true);
    expect(postsOf(setting)).toHaveLength(count);
  });
});

/** Those of the type of the first. */
function sameType(records: readonly Seed[]): readonly Seed[] {
  return records.filter(({ engagement_type: type }) => type === records[0]?.engagement_type);
}
void [appendFileSync, existsSync, writeFileSync, findFault, startBucket, startTestFacade, controlRestore, seenRestore];
