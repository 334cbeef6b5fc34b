import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLedger } from '../../src/cli/ledger.ts';
import { integrations } from '../../src/engagement/integrations.ts';
import { excludedFields } from '../../src/engagement/record.ts';
import { resources } from '../../src/engagement/resources.ts';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { findFault, type SandboxFault } from '../../src/sandbox/faults.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { startCli } from '../support/cli-process.ts';
import { runInTerminal } from '../support/cli-terminal.ts';
import { jsonLines } from '../support/json-lines.ts';
import { runCli } from '../support/run-cli.ts';
import { runProgram } from '../support/run-program.ts';
import { shared } from '../support/shared.ts';
import { type Answer, json, startUpstream } from '../support/upstream.ts';

const token = 'canary-token-of-the-terminal';
/** The fault of each create, until a test takes it away. */
let faultOfCreate: SandboxFault | undefined;
const sandbox = await shared(
  startSandbox({
    token,
    engagementsPerAccount: 30,
    pickFault: ({ method }) => (method === 'POST' ? faultOfCreate : undefined),
  }),
);
const env = { TRUTO_BASE_URL: sandbox.url, TRUTO_API_TOKEN: token };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'restore-'));
  faultOfCreate = undefined;
});
afterEach(() => rmSync(folder, { recursive: true }));
const file = () => join(folder, 'undo.jsonl');
const ledgerLines = () => jsonLines(readFileSync(join(folder, 'restored.jsonl'), 'utf8'));

type Seed = ReturnType<typeof seedEngagements>[number];
const seeds = new Map<string, Seed[]>();

const required = ['content', 'subject', 'account', 'contact', 'start_time'] as const;

/** Engagements that no other test has taken: of a type that Truto documents for creates, while there is one. */
function take(name: string, count: number): readonly Seed[] {
  const isWhole = (record: Seed) => required.every((field) => (record[field] ?? '') !== '');
  const all = seeds.get(name) ?? seedEngagements(sandboxAccount(name)).filter(isWhole);
  const isDocumented = ({ engagement_type: type }: Seed) => type === 'call' || type === 'meeting';
  const mine = [...all.filter(isDocumented), ...all.filter((record) => !isDocumented(record))].slice(0, count);
  seeds.set(
    name,
    all.filter((record) => !mine.includes(record)),
  );
  return mine;
}

async function deleteInto(path: string, name: string, records: readonly Seed[]): Promise<void> {
  const { id: account, rule } = sandboxAccount(name);
  for (const { id, engagement_type: type } of records) {
    const types = rule?.engagementTypes.length ? ['--type', String(type)] : [];
    const { stdout, lines } = await runCli(['delete', id, '--account', account, '--snapshot', ...types], env);
    expect(lines()).toMatchObject([{ result: 'DeleteEngagementSuccess' }]);
    appendFileSync(path, stdout);
  }
}

const restore = (path: string, ...args: string[]) => runCli(['restore', path, ...args], env);
const postCount = () => sandbox.requests.filter(({ method }) => method === 'POST').length;

async function read(name: string, id: string, { engagement_type: type }: Seed) {
  const types = type ? ['--type', type] : [];
  const { lines } = await runCli(['get', id, '--account', sandboxAccount(name).id, ...types], env);
  return lines()[0];
}

function undoLine(engagement: object, integratedAccountId: string, readAt = '2026-11-01T10:00:00.000Z'): string {
  return `${JSON.stringify({ integratedAccountId, readAt, engagement })}\n`;
}

describe('truto-engagements restore', () => {
  const creating = integrations.filter(({ creates }) => creates).map(({ name }) => name);
  const others = integrations.filter(({ creates }) => !creates).map(({ name }) => name);

  it('has ten integrations to restore, and four to refuse', () => {
    expect([creating.length, others.length]).toEqual([10, 4]);
  });

  it.each(creating)('creates a deleted engagement of %s again, and names each field that is lost', async (name) => {
    const [record] = take(name, 1) as [Seed];
    await deleteInto(file(), name, [record]);
    const { code, lines } = await restore(file());
    const [line] = lines();
    expect([code, lines().length]).toEqual([0, 1]);
    expect(line).toMatchObject({ id: record.id, result: 'Restored', outcome: 'CREATED' });
    expect(line.newId).not.toBe(record.id);
    const { engagement } = await read(name, line.newId, record);
    const lacking = ['id', ...line.lost, ...line.unconfirmed];
    const kept = Object.entries(record).filter(([field, value]) => !lacking.includes(field) && value !== null);
    expect(kept.length).toBeGreaterThan(1);
    // A new phone number has no id.
    const withoutIds = (value: unknown) =>
      Array.isArray(value) && value[0]?.number ? value.map(({ id: _id, ...phone }) => phone) : value;
    for (const [field, value] of kept) expect([field, engagement[field]]).toEqual([field, withoutIds(value)]);
  });

  it.each(others)('refuses to restore an engagement of %s before it sends anything, and says why', async (name) => {
    const [record] = take(name, 1) as [Seed];
    await deleteInto(file(), name, [record]);
    const before = postCount();
    const { code, lines, stderr } = await restore(file());
    expect(lines()).toMatchObject([{ id: record.id, result: 'NotRestorable', message: expect.stringContaining(name) }]);
    expect(stderr).toContain('1 of 1 records cannot be restored');
    expect([code, postCount()]).toEqual([3, before]);
  });
});

it('restore with a token that Truto refuses says so once, and sends no create', async () => {
  await deleteInto(file(), 'Pipedrive', take('Pipedrive', 3));
  const before = postCount();
  const { code, lines, stderr } = await runCli(['restore', file()], { ...env, TRUTO_API_TOKEN: 'another' });
  expect([code, lines(), postCount()]).toEqual([3, [], before]);
  expect(stderr.match(/token/g)).toHaveLength(1);
});

describe('R32 a second run', () => {
  it('creates nothing twice, and has the new ids again', async () => {
    await deleteInto(file(), 'Pipedrive', take('Pipedrive', 3));
    const first = await restore(file());
    const before = postCount();
    // The same records in another file of the folder.
    writeFileSync(join(folder, 'copy.jsonl'), readFileSync(file()));
    const second = await restore(folder);
    expect(postCount()).toBe(before);
    expect([first.code, second.code]).toEqual([0, 0]);
    const ids = (end: typeof first) =>
      end
        .lines()
        .map(({ id, newId }) => [id, newId])
        .sort();
    expect(ids(second)).toEqual(ids(first));
    expect(second.lines().map(({ result }) => result)).toEqual(Array(3).fill('AlreadyRestored'));
    expect(second.stderr).not.toContain('will lack');
  });

  it('through a link in another folder creates nothing either', async () => {
    await deleteInto(file(), 'Zoho CRM', take('Zoho CRM', 1));
    await restore(file());
    mkdirSync(join(folder, 'links'));
    symlinkSync(file(), join(folder, 'links', 'undo.jsonl'));
    expect((await restore(join(folder, 'links', 'undo.jsonl'))).lines()).toMatchObject([{ result: 'AlreadyRestored' }]);
  });

  it('at the same time is refused', async () => {
    await deleteInto(file(), 'Planhat', take('Planhat', 1));
    const ledger = await openLedger(folder, false);
    const { code, stdout, stderr } = await restore(file());
    await ledger.close();
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Another restore');
  });

  it('tries again what was refused', async () => {
    await deleteInto(file(), 'Planhat', take('Planhat', 1));
    faultOfCreate = findFault('fault-409');
    const first = await restore(file());
    expect([first.code, first.lines()[0].result]).toEqual([3, 'RemoteApiError']);
    expect(ledgerLines().map(({ event }) => event)).toEqual(['begun', 'refused']);
    faultOfCreate = undefined;
    expect((await restore(file())).lines()).toMatchObject([{ result: 'Restored' }]);
  });

  it('finds what a run created that was killed before it had the answer', async () => {
    const [record] = take('Planhat', 1) as [Seed];
    await deleteInto(file(), 'Planhat', [record]);
    faultOfCreate = findFault('fault-slow');
    const before = postCount();
    const { child, end } = startCli(['restore', file()], env);
    await expect.poll(postCount, { timeout: 25_000 }).toBe(before + 1);
    child.kill('SIGKILL');
    await end;
    faultOfCreate = undefined;
    const { code, lines } = await restore(file());
    expect(lines()).toMatchObject([{ id: record.id, result: 'Restored', outcome: 'FOUND' }]);
    expect([code, postCount()]).toEqual([0, before + 1]);
    expect(await read('Planhat', lines()[0].newId, record)).toMatchObject({ engagement: { content: record.content } });
  });

  it('creates nothing when an earlier run may have, and its record is not found', async () => {
    await deleteInto(file(), 'Planhat', take('Planhat', 1));
    // Truto has created nothing, but the answer does not show that.
    faultOfCreate = findFault('fault-504');
    const before = postCount();
    const first = await restore(file());
    expect([first.code, first.lines()[0].result]).toEqual([5, 'OutcomeUnknownError']);
    faultOfCreate = undefined;
    const second = await restore(file());
    expect([second.code, second.lines()[0].result]).toEqual([5, 'MayBeRestored']);
    expect(postCount()).toBe(before + 1);
  });
});

describe('a restore', () => {
  it('creates nothing where the engagement still exists', async () => {
    const [record] = take('Planhat', 1) as [Seed];
    writeFileSync(file(), undoLine(record, sandboxAccount('Planhat').id));
    const before = postCount();
    const { code, lines } = await restore(file());
    expect(lines()).toMatchObject([{ id: record.id, result: 'StillExists' }]);
    expect([code, postCount()]).toEqual([0, before]);
  });

  it('finds a create whose answer was lost, and does not send it again', async () => {
    await deleteInto(file(), 'Planhat', take('Planhat', 1));
    faultOfCreate = findFault('fault-reset-after');
    const before = postCount();
    const { code, lines } = await restore(file());
    expect(lines()).toMatchObject([{ result: 'Restored', outcome: 'FOUND' }]);
    expect([code, postCount()]).toEqual([0, before + 1]);
  });

  it('takes the newest line of a record, and any line whose record is complete', async () => {
    const [record, other] = take('Planhat', 2) as [Seed, Seed];
    const { id } = sandboxAccount('Planhat');
    await deleteInto('/dev/null', 'Planhat', [record, other]);
    const at = (day: number) => `2026-11-0${day}T10:00:00.000Z`;
    const versions = [1, 3, 2].map((day) => undoLine({ ...record, subject: `of day ${day}` }, id, at(day)));
    writeFileSync(file(), `${versions.join('')}\n{"broken\n${undoLine(other, id)}{"integratedAccountId":"${id}","eng`);
    const { code, lines, stderr } = await restore(file());
    expect(stderr).toContain('The last line of');
    expect(stderr).toContain('Lines that cannot be read: 1.');
    expect(lines().map(({ result, line }) => [result, line])).toEqual([
      ['UnreadableLine', 5],
      ['Restored', undefined],
      ['Restored', undefined],
    ]);
    expect(code).toBe(3);
    const { newId } = lines().find((line) => line.id === record.id);
    expect(await read('Planhat', newId, record)).toMatchObject({ engagement: { subject: 'of day 3' } });
  });

  it('takes the newest line of the terminal, in any order of the files', async () => {
    const [{ notes: _notes, ...record }] = take('Capsule', 1) as [Seed];
    const { id: account } = sandboxAccount('Capsule');
    await deleteInto('/dev/null', 'Capsule', [record]);
    for (const [name, subject] of [
      ['b', 'before'],
      ['a', 'after'],
    ]) {
      const answer: Answer = (request, response) =>
        json(200, request.method === 'GET' ? { ...record, subject } : { id: record.id })(request, response);
      await using upstream = await startUpstream(answer, 'capsule');
      const args = ['delete', record.id, '--account', account, '--snapshot'];
      const { code, stdout } = await runCli(args, { ...env, TRUTO_BASE_URL: upstream.url });
      expect(code).toBe(0);
      writeFileSync(join(folder, `${name}.jsonl`), stdout);
    }
    const [{ result, newId }] = (await restore(folder)).lines();
    expect(result).toBe('Restored');
    expect(await read('Capsule', newId, record)).toMatchObject({ engagement: { subject: 'after' } });
  });

  it('of a dry run reads, and writes nothing', async () => {
    const [record, other] = take('Planhat', 2) as [Seed, Seed];
    await deleteInto(file(), 'Planhat', [record]);
    appendFileSync(file(), undoLine(other, sandboxAccount('Planhat').id));
    const before = postCount();
    const { code, lines, stderr } = await restore(folder, '--dry-run');
    const results = new Map(lines().map((line) => [line.id, line]));
    expect(lines()).toHaveLength(2);
    expect(results.get(record.id)).toMatchObject({ result: 'RestorePlan', request: { method: 'POST' } });
    expect(results.get(other.id)).toMatchObject({ result: 'StillExists' });
    expect(stderr).toMatch(/will lack.*created_at \(2\)/);
    expect(stderr).toContain('2 of 2 records: RestorePlan 1, StillExists 1');
    expect([code, postCount(), readdirSync(folder)]).toEqual([0, before, ['undo.jsonl']]);
  });

  it('of a dry run names related records that no longer exist', async () => {
    const [record] = take('Planhat', 1) as [Seed];
    await deleteInto('/dev/null', 'Planhat', [record]);
    const related = { owner: { id: 'no-such' }, account: { id: 'no-such-account' } };
    writeFileSync(file(), undoLine({ ...record, ...related }, sandboxAccount('Planhat').id));
    const { lines } = await restore(file(), '--dry-run');
    // Each look-up excludes the fields of its own resource.
    for (const resource of ['users', 'accounts'] as const) {
      const { url = '' } = sandbox.requests.find(({ url }) => url.includes(`/${resource}/no-such`)) ?? {};
      const excluded = new URL(url, sandbox.url).searchParams.getAll('truto_exclude_fields[]');
      expect(excluded).toEqual([...excludedFields(resource, new Set())]);
      expect(excluded.filter((field) => !Object.hasOwn(resources[resource], field))).toEqual([]);
      expect(excluded.length).toBeGreaterThan(2);
    }
    expect(lines()).toMatchObject([
      {
        result: 'RestorePlan',
        warnings: expect.arrayContaining([expect.stringContaining('no-such no longer exists')]),
      },
    ]);
  });

  it.each([
    ['a path that does not exist', 'missing', 'ENOENT'],
    ['a folder without undo files', '.', 'no .jsonl files'],
    ['a device', '/dev/null', 'not a file'],
  ])('refuses %s with 2', async (_what, path, why) => {
    const { code, stdout, stderr } = await restore(path.includes('dev') ? '/dev/null' : join(folder, path));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(why);
    expect(existsSync(join(folder, 'restored.jsonl'))).toBe(false);
  });

  it('sends nothing further once the account is refused', async () => {
    await deleteInto(file(), 'Zoho CRM', take('Zoho CRM', 12));
    faultOfCreate = findFault('fault-503');
    const before = postCount();
    const { lines } = await restore(file());
    expect(new Set(lines().map(({ result }) => result))).toEqual(new Set(['AccountBlockedError']));
    expect(postCount() - before).toBeLessThan(12);
    expect(lines().some(({ message }) => message.includes('Nothing was sent'))).toBe(true);
  });
});

it('a ledger on a full disk stops the restore before anything is created, and the next run continues', async () => {
  await deleteInto(file(), 'Freshsales', take('Freshsales', 2));
  const at = new Date().toISOString();
  const other = { key: `["${'other account '.repeat(63)}",null,"1"]`, event: 'restored', at, newId: '2' };
  writeFileSync(join(folder, 'restored.jsonl'), `${JSON.stringify(other)}\n`);
  const before = postCount();
  // Files have at most 1,024 bytes, and the ledger has nearly as many.
  const command = `ulimit -f 1; exec '${process.execPath}' src/cli/main.ts restore '${file()}'`;
  const limited = await runProgram(['bash', '-c', command], process.cwd(), env);
  expect([limited.code, postCount()]).toEqual([4, before]);
  expect(limited.output).toContain('The ledger cannot be written (EFBIG)');
  expect(limited.output.match(/"result":"NotSent"/g)).toHaveLength(2);
  const { code, lines } = await restore(file());
  expect([code, lines().map(({ result }) => result)]).toEqual([0, ['Restored', 'Restored']]);
  expect(ledgerLines()).toHaveLength(1 + 4);
});

it.each([
  ['y', 0],
  ['n', 4],
])('a restore at a terminal names account and count, asks, and after %j ends with %i', async (keys, expected) => {
  const [record] = take('Planhat', 1) as [Seed];
  await deleteInto(file(), 'Planhat', [record]);
  const before = postCount();
  const { code, shown } = await runInTerminal(['restore', file()], env, { typed: [['[y/N]', `${keys}\n`]] });
  const [question = ''] = shown.split('[y/N]');
  for (const part of ['1 engagement ', sandboxAccount('Planhat').id, 'Planhat']) expect(question).toContain(part);
  if (keys === 'y') expect(shown).toMatch(new RegExp(`${record.id} → \\S+ {2}restored\\r?$`, 'm'));
  expect([code, postCount() - before]).toEqual([expected, keys === 'y' ? 1 : 0]);
});

describe('a provider that shows deleted engagements', () => {
  const integratedAccountId = '00000000-0000-4000-8000-000000000004';
  const old = { id: '7', engagement_type: 'call', content: 'A call about nothing in particular' };
  const created: Answer = (request, response) =>
    json(200, request.method === 'POST' ? { ...old, id: '8' } : old)(request, response);

  it.each([
    ['when only the read is known', undoLine(old, integratedAccountId), 'MayStillExist', 3],
    [
      'unless the line says that the delete was confirmed',
      `${JSON.stringify({ id: '7', integratedAccountId, result: 'DeleteEngagementSuccess', outcome: 'DELETED', engagement: old })}\n`,
      'Restored',
      0,
    ],
  ])('leaves the engagement alone %s', async (_when, line, result, code) => {
    await using upstream = await startUpstream(created, 'Copper');
    writeFileSync(file(), line);
    const end = await runCli(['restore', file()], { TRUTO_BASE_URL: upstream.url, TRUTO_API_TOKEN: token });
    expect(end.lines()).toMatchObject([{ id: '7', result }]);
    expect(end.code).toBe(code);
    expect(upstream.seen.filter(({ method }) => method === 'POST')).toHaveLength(result === 'Restored' ? 1 : 0);
  });
});

it('has the same Idempotency-Key for a record in every folder, and another after a refusal', async () => {
  const integratedAccountId = '00000000-0000-4000-8000-000000000012';
  const keys: (string | undefined)[] = [];
  await using upstream = await startUpstream((request, response) => {
    const refused = { statusCode: 404, error: 'Not Found', message: '', truto_is_remote_error: true };
    if (request.method !== 'POST') return json(404, refused)(request, response);
    keys.push(String(request.headers['idempotency-key']));
    json(422, { ...refused, statusCode: 422 })(request, response);
  }, 'Planhat');
  const commandEnv = { TRUTO_BASE_URL: upstream.url, TRUTO_API_TOKEN: token };
  for (const name of ['one', 'one', 'other']) {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'undo.jsonl'), undoLine({ id: '1', content: 'A call' }, integratedAccountId));
    const { code, lines } = await runCli(['restore', path], commandEnv);
    expect([code, lines()[0].message]).toEqual([3, expect.stringContaining('Nothing was created')]);
  }
  expect(keys).toHaveLength(3);
  expect(keys[2]).toBe(keys[0]);
  expect(keys[1]).not.toBe(keys[0]);
});

it('does not take the new record of another engagement with the same values for its own', async () => {
  const integratedAccountId = '00000000-0000-4000-8000-000000000012';
  const values = { engagement_type: 'call', subject: 'The same', content: 'The same call, twice' };
  let postCounted = 0;
  // Creates the first, and loses the second without a trace.
  await using upstream = await startUpstream((request, response) => {
    const created = { ...values, id: '100', created_at: new Date().toISOString() };
    if (request.method === 'POST') {
      postCounted += 1;
      if (postCounted === 1) json(200, created)(request, response);
      else response.socket?.resetAndDestroy();
    } else if (request.path.endsWith('/engagements')) json(200, { result: [created] })(request, response);
    else
      json(404, { statusCode: 404, error: 'Not Found', message: '', truto_is_remote_error: true })(request, response);
  }, 'Planhat');
  const lines = ['1', '2'].map((id) => undoLine({ id, ...values }, integratedAccountId));
  writeFileSync(file(), lines.join(''));
  const { code, lines: shown } = await runCli(['restore', file()], {
    TRUTO_BASE_URL: upstream.url,
    TRUTO_API_TOKEN: token,
  });
  expect(
    shown()
      .map(({ result }) => result)
      .sort(),
  ).toEqual(['OutcomeUnknownError', 'Restored']);
  expect([code, postCounted]).toEqual([5, 2]);
});

describe('a found record that two killed creates may have made', () => {
  const integratedAccountId = '00000000-0000-4000-8000-000000000012';
  const short = { id: '1', engagement_type: 'call', subject: 'Weekly' };
  const long = { ...short, id: '2', content: 'All about it' };
  const begun = (id: string, at = new Date()) =>
    `${JSON.stringify({ key: JSON.stringify([integratedAccountId, 'call', id]), event: 'begun', at: at.toISOString() })}\n`;

  /** Restores lines from a provider whose only engagement is `99`, with the values of the long one. */
  async function restored(ledger: string, lines: readonly object[], createdAt = new Date()) {
    await using upstream = await startUpstream((request, response) => {
      if (request.path.endsWith('/engagements'))
        json(200, { result: [{ ...long, id: '99', created_at: createdAt.toISOString() }] })(request, response);
      else
        json(404, { statusCode: 404, error: 'Not Found', message: '', truto_is_remote_error: true })(request, response);
    }, 'Planhat');
    writeFileSync(file(), lines.map((line) => undoLine(line, integratedAccountId)).join(''));
    writeFileSync(join(folder, 'restored.jsonl'), ledger);
    const end = await runCli(['restore', file()], { TRUTO_BASE_URL: upstream.url, TRUTO_API_TOKEN: token });
    expect(upstream.seen.filter(({ method }) => method === 'POST')).toEqual([]);
    return end.lines().map(({ result }) => result);
  }

  it('restores neither, since it may be of the other', async () => {
    expect(await restored(begun('1') + begun('2'), [short, long])).toEqual(['MayBeRestored', 'MayBeRestored']);
  });

  it('restores neither, if the line of the other is in another file', async () => {
    expect(await restored(begun('1') + begun('2'), [short])).toEqual(['MayBeRestored']);
  });

  it('restores one that began alone', async () => {
    expect(await restored(begun('2'), [long])).toEqual(['Restored']);
  });

  it('is not one that was created long after the create', async () => {
    const hourAgo = new Date(Date.now() - 3_600_000);
    expect(await restored(begun('2', hourAgo), [long])).toEqual(['MayBeRestored']);
    expect(await restored(begun('2', hourAgo), [long], new Date(hourAgo.getTime() + 5_000))).toEqual(['Restored']);
  });
});
