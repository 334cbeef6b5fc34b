import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { spawnCli } from '../support/cli-process.ts';
import { runInTerminal } from '../support/cli-terminal.ts';
import { truto } from '../support/outcome.ts';
import { runAtTerminal, runCli } from '../support/run-cli.ts';
import { shared } from '../support/shared.ts';
import { json, startUpstream } from '../support/upstream.ts';

const token = 'canary-token-of-the-terminal';
const capsule = sandboxAccount('Capsule');
const zoho = sandboxAccount('Zoho CRM');
const account = ['--account', capsule.id];

const sandbox = await shared(startSandbox({ token }));
const env = { TRUTO_BASE_URL: sandbox.url, TRUTO_API_TOKEN: token };
/** The same over another upstream. */
const envOf = ({ url }: { readonly url: string }) => ({ ...env, TRUTO_BASE_URL: url });
const list = (...args: string[]) => runCli(['list', ...args], env);
const gets = () => sandbox.requests.filter(({ url }) => url.includes('/unified/crm/engagements?')).length;

describe('truto-engagements list', () => {
  it('prints a line of JSON for each of the first 25 engagements where standard output is no terminal', async () => {
    const { code, lines, stderr } = await spawnCli(['list', ...account], env);
    expect([code, stderr]).toEqual([0, '']);
    expect(lines()).toHaveLength(25);
    expect(lines().some(({ createdAt }) => createdAt !== null)).toBe(true);
    for (const { id, engagementType, subject, createdAt, integratedAccountId } of lines()) {
      const seeded = seedEngagements(capsule).find((one) => one.id === id);
      const { engagement_type: type, subject: title = null, created_at: created = null } = seeded ?? {};
      expect([engagementType, subject, createdAt]).toEqual([type, title, created]);
      expect(integratedAccountId).toBe(capsule.id);
    }
  });

  it.each([
    [['--first', '3'], 3],
    [['--all'], 30],
  ])('prints as many as requested with %j', async (args, count) => {
    expect((await list(...account, ...args)).lines()).toHaveLength(count);
  });

  it('reads page after page, with no request more than it needs', async () => {
    const many = (page: number) => Array.from({ length: 100 }, (_, index) => ({ id: `p${page}-${index}` }));
    const sizes: unknown[] = [];
    await using upstream = await startUpstream((request, response) => {
      const { limit, next_cursor: page = 0 } = request.query;
      sizes.push(limit);
      json(200, { result: many(Number(page)).slice(0, Number(limit)), next_cursor: String(Number(page) + 1) })(
        request,
        response,
      );
    }, 'capsule');
    const { code, lines } = await runCli(['list', ...account, '--first', '250'], envOf(upstream));
    expect([code, lines().length, new Set(lines().map(({ id }) => id)).size]).toEqual([0, 250, 250]);
    expect(sizes).toEqual(['100', '100', '50']);
  });

  it('prints only those of a type with --type', async () => {
    const { lines } = await list('--account', zoho.id, '--all', '--type', 'CALL');
    expect(lines().length).toBeGreaterThan(0);
    expect(new Set(lines().map(({ engagementType }) => engagementType))).toEqual(new Set(['call']));
  });

  it('prints ids that bulk reads, with --ids', async () => {
    const { stdout } = await list(...account, '--all', '--ids');
    expect(stdout.trimEnd().split('\n').sort()).toEqual(
      seedEngagements(capsule)
        .map(({ id }) => id)
        .sort(),
    );
    const { code, lines } = await runCli(['bulk', ...account, '--dry-run'], env, stdout);
    expect([code, lines().length]).toEqual([0, 30]);
  });

  it('prints no id that bulk would read as another with --ids, says so, and ends with 3', async () => {
    const odd = ['a\nb', ' c', 'd\t', 'e\u2028f', 'g\u202eh', 'i\ud800j'];
    const records = ['1', ...odd, '2 3', 'é🦊'].map((id) => ({ id }));
    await using upstream = await startUpstream(json(200, { result: records, next_cursor: null }), 'capsule');
    const { code, stdout, stderr } = await runCli(['list', ...account, '--ids'], envOf(upstream));
    expect(stdout).toBe('1\n2 3\né🦊\n');
    expect(stderr.trimEnd().split('\n')).toHaveLength(odd.length);
    expect(code).toBe(3);
  });

  it('draws a table at a terminal, with control characters escaped', async () => {
    const evil = {
      id: 'e2',
      engagement_type: 'note',
      subject: 'red \u001b[31m, two\nlines, \u202eback',
      created_at: null,
    };
    const wide = {
      id: 'e1',
      engagement_type: 'call',
      subject: '日本語の件名'.repeat(40),
      created_at: '2026-01-02T03:04:05Z',
    };
    await using upstream = await startUpstream(json(200, { result: [wide, evil], next_cursor: null }), 'capsule');
    const { code, shown } = await runInTerminal(['list', ...account], envOf(upstream));
    expect(code).toBe(0);
    const [head = '', ...rows] = shown.trimEnd().split(/\r?\n/);
    expect(head.split(/ +/)).toEqual(['ID', 'TYPE', 'CREATED', 'SUBJECT']);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatch(/^e1 +call +2026-01-02 03:04 +日本語.*…$/);
    expect(rows[1]).toMatch(/^e2 +note +red \\u001b\[31m, two lines, \\u202eback$/);
  });

  it('cuts no id at a terminal, also of wide or escaped characters', async () => {
    const ids = ['日本語日本語', 'a\u202eb', '1'];
    const records = ids.map((id) => ({ id, engagement_type: 'call', subject: 'here' }));
    await using upstream = await startUpstream(json(200, { result: records, next_cursor: null }), 'capsule');
    const { shown } = await runAtTerminal(['list', ...account], envOf(upstream));
    const rows = shown.trimEnd().split(/\r?\n/).slice(1);
    expect(rows.map((row) => row.split(/ +/)[0])).toEqual(['日本語日本語', String.raw`a\u202eb`, '1']);
    // The subjects are below each other: a wide character takes two columns.
    const columnOf = (row = '') => row.replace(/[^ -~]/g, 'xx').indexOf('here');
    expect(new Set(rows.map(columnOf)).size).toBe(1);
  });

  it('keeps the columns from page to page at a terminal, and prints one head', async () => {
    const page = (id: string, next: string | null) => {
      const record = { id, engagement_type: 'call', subject: 'here' };
      return json(200, { result: Array.from({ length: 100 }, () => record), next_cursor: next });
    };
    await using upstream = await startUpstream((request, response) => {
      const { next_cursor: cursor } = request.query;
      const answer =
        cursor === 'b' ? page('7', null) : cursor === 'a' ? page('longest-of-all', 'b') : page('longer', 'a');
      answer(request, response);
    }, 'capsule');
    const { shown } = await runAtTerminal(['list', ...account, '--all'], envOf(upstream));
    const rows = shown.trimEnd().split(/\r?\n/);
    expect(rows).toHaveLength(301);
    const columns = [1, 101, 201].map((index) => rows[index]?.indexOf('here'));
    expect(columns[2]).toBe(columns[1]);
    expect(rows[201]).toMatch(/^7 +call +here$/);
  });

  it('prints JSON at a terminal with --json', async () => {
    const { shown } = await runAtTerminal(['list', ...account, '--first', '1', '--json'], env);
    expect(JSON.parse(shown)).toMatchObject({ integratedAccountId: capsule.id });
  });

  it.each([
    ['an account that does not exist', ['--account', 'no-such-account'], 3],
    ['an id that cannot be one', ['--account', '..'], 3],
  ])('prints nothing for %s, says why, and ends with its code', async (_what, args, expected) => {
    const { code, stdout, stderr } = await list(...args);
    expect([code, stdout]).toEqual([expected, '']);
    expect(stderr).toMatch(/\S/);
  });

  it('ends with 3 when upstream does not take the token', async () => {
    const { code, stdout } = await runCli(['list', ...account], { ...env, TRUTO_API_TOKEN: 'canary-wrong-token' });
    expect([code, stdout]).toEqual([3, '']);
  });

  it('waits for a limit, instead of ending in the middle of the list', async () => {
    let isLimited = true;
    await using upstream = await startUpstream((request, response) => {
      if (!isLimited) return json(200, { result: [{ id: 'e1' }], next_cursor: null })(request, response);
      isLimited = false;
      truto(429, {}, { 'retry-after': '2' })(request, response);
    }, 'capsule');
    const settings = { ...envOf(upstream), REQUEST_TIMEOUT_MS: '1500' };
    const { code, lines, stderr } = await runCli(['list', ...account], settings);
    expect([code, lines().map(({ id }) => id)]).toEqual([0, ['e1']]);
    expect(stderr).toMatch(/waiting.*about 2 s/i);
  });

  it.each([true, 'true'])('ends with 4 when a page is marked as partial by %j', async (isPartial) => {
    const page = { result: [{ id: 'e1' }], next_cursor: null, is_partial_response: isPartial };
    await using upstream = await startUpstream(json(200, page), 'capsule');
    const { code, lines } = await runCli(['list', ...account, '--all'], envOf(upstream));
    expect([code, lines().map(({ id }) => id)]).toEqual([4, ['e1']]);
  });

  it('ends with 4 when the list goes in a circle, and says when Truto gives only a part of it', async () => {
    const page = json(200, { result: [{ id: 'e1' }], next_cursor: 'again', is_partial_response: true });
    await using upstream = await startUpstream(page, 'capsule');
    const { code, stderr } = await runCli(['list', ...account, '--all'], envOf(upstream));
    expect(code).toBe(4);
    expect(stderr).toMatch(/part/);
    expect(stderr).toMatch(/read before/);
    expect(upstream.seen.length).toBeLessThanOrEqual(3);
  });

  it('reads no further page once standard output is closed, and ends with 1', async () => {
    const before = gets();
    const { code } = await runInTerminal(['list', ...account, '--all', '--json'], env, { pipeTo: 'true' });
    expect(code).toBe(1);
    expect(gets() - before).toBeLessThanOrEqual(1);
  });

  it.each([
    ['a number that is none', ['--first', '0']],
    ['both --first and --all', ['--first', '3', '--all']],
    ['both --ids and --json', ['--ids', '--json']],
  ])('ends with 2 for %s', async (_what, args) => {
    const { code, stdout } = await list(...account, ...args);
    expect([code, stdout]).toEqual([2, '']);
  });
});

describe('truto-engagements get', () => {
  const [{ id = '', subject = '' } = {}] = seedEngagements(capsule);

  it('prints the whole engagement as one line of JSON', async () => {
    const { code, lines } = await spawnCli(['get', id, ...account], env);
    expect(code).toBe(0);
    const engagement = expect.objectContaining({ id, subject, remote_data: expect.anything() });
    expect(lines()).toEqual([{ id, integratedAccountId: capsule.id, result: 'Engagement', engagement }]);
  });

  it('shows its fields line by line at a terminal, without the data of the provider', async () => {
    const { code, shown } = await runAtTerminal(['get', id, ...account], env);
    expect(code).toBe(0);
    expect(shown).toMatch(new RegExp(`^id +${id}\\r?$`, 'm'));
    expect(shown).toContain(subject);
    expect(shown).not.toContain('remote_data');
  });

  it.each([
    ['one that is not there', ['no-such-id', ...account], 3, 'NotFoundError'],
    ['a provider that is away', ['fault-504', ...account, '--patience', '0'], 4, 'UpstreamUnavailableError'],
  ])('says what is wrong with %s, and ends with its code', async (_what, args, expected, result) => {
    const { code, lines } = await runCli(['get', ...args], env);
    expect([code, lines()[0].result]).toEqual([expected, result]);
  });

  it('ends with 3 when upstream does not take the token', async () => {
    await using upstream = await startUpstream(truto(401), 'capsule');
    const { code, lines } = await runCli(['get', 'e1', ...account], envOf(upstream));
    expect([code, lines()[0].result]).toEqual([3, 'Unauthenticated']);
  });
});
