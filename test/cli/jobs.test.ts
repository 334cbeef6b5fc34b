import { afterAll, describe, expect, it } from 'vitest';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { seen, started } from '../support/bulk.ts';
import { runInTerminal } from '../support/cli-terminal.ts';
import { startTestFacade } from '../support/facade.ts';
import { startRedis } from '../support/redis-server.ts';
import { runAtTerminal, runCli } from '../support/run-cli.ts';
import { bearer } from '../support/service.ts';

const token = 'canary-token-of-the-terminal';
const capsule = sandboxAccount('Capsule');
const integratedAccountId = capsule.id;
const account = ['--account', integratedAccountId];
const ids = seedEngagements(capsule).map(({ id }) => id);

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const redis = stack.use(await startRedis());
const sandbox = await startSandbox({ token });
stack.defer(() => sandbox.close());
const { post } = stack.use(
  await startTestFacade(sandbox.url, {
    ...{ AUTH_MODE: 'passthrough', BULK_TOKEN_SECRET: 'a secret that seals, of more than 32 characters' },
    ...{ REDIS_URL: redis.url, REDIS_PREFIX: 'mine' },
  }),
);
const env = { TRUTO_BASE_URL: sandbox.url, TRUTO_API_TOKEN: token, REDIS_URL: redis.url, REDIS_PREFIX: 'mine' };
const start = (input: object) => started(post, { integratedAccountId, ids, ...input }, bearer(token));
const stateOf = async (id: string) => (await seen(post, id, bearer(token))).state;

/** Waits for a fault that none of its engagements gets past, so that it does not end by itself. */
const startEndless = () => start({ ids: ['fault-429'] });

describe('truto-engagements jobs', () => {
  it('prints a line of JSON for each bulk delete of the account, newest first', async () => {
    const dry = await start({ dryRun: true });
    const refused = await start({ ids: [ids[0], 'no-such-id', 'fault-409'], dryRun: false });
    await start({ integratedAccountId: sandboxAccount('Planhat').id, dryRun: true });
    await expect.poll(() => stateOf(refused.id), { timeout: 20_000 }).toBe('COMPLETED');
    const { code, lines, stderr } = await runCli(['jobs', ...account], env);
    expect([code, stderr]).toEqual([0, '']);
    expect(lines()).toMatchObject([
      {
        ...{ id: refused.id, integratedAccountId, state: 'COMPLETED', total: 3, done: 3, failed: 1, dryRun: false },
        outcomes: { DELETED: 1, NOT_FOUND: 1, FAILED: 1 },
        createdAt: expect.stringMatching(/^\d{4}-/),
      },
      { id: dry.id, total: 30, done: 0, failed: 0, dryRun: true, statusReason: null },
    ]);
    expect((await runCli(['jobs', ...account, '--first', '1'], env)).lines()).toHaveLength(1);
    expect((await runCli(['jobs', ...account, '--all'], env)).lines()).toHaveLength(2);
  });

  it('draws a table at a terminal that is 80 columns wide', async () => {
    const { code, shown } = await runAtTerminal(['jobs', ...account], env);
    const [head = '', ...rows] = shown.trimEnd().split(/\r?\n/);
    expect(head.split(/ +/)).toEqual(['ID', 'STATE', 'DONE', 'FAILED', 'STARTED', 'REASON']);
    expect(rows[0]).toMatch(/^[\da-f-]{36} +COMPLETED +3\/3 +1 +\d\d-\d\d \d\d:\d\d$/);
    expect(rows[0]?.length).toBeLessThanOrEqual(80);
    expect(rows[1]).toMatch(/ 0\/30 .* dry run$/);
    expect(code).toBe(0);
  });

  it('pauses, resumes and cancels one, and prints it', async () => {
    const { id } = await startEndless();
    for (const [how, state] of [
      ['pause', /^PAUSED$/],
      ['resume', /^DELETING$/],
      ['cancel', /^CANCELL(ING|ED)$/],
    ] as const) {
      const { code, lines } = await runCli(['jobs', ...account, `--${how}`, id], env);
      expect([code, lines()]).toMatchObject([0, [{ id, state: expect.stringMatching(state) }]]);
      expect(await stateOf(id)).toMatch(state);
    }
  });

  it.each([
    ['n', 4, /^DELETING$/],
    ['y', 0, /^CANCELL(ING|ED)$/],
  ])('asks at a terminal before it cancels one, and takes %j for an answer', async (answer, code, state) => {
    const { id } = await startEndless();
    const typed = [['[y/N]', `${answer}\n`]] as const;
    const end = await runInTerminal(['jobs', ...account, '--cancel', id], env, { typed });
    expect(end.shown).toContain(id);
    expect(end.code).toBe(code);
    expect(await stateOf(id)).toMatch(state);
    await runCli(['jobs', ...account, '--cancel', id], env);
  });

  it('changes none of another account', async () => {
    const { id } = await startEndless();
    const other = ['--account', sandboxAccount('Planhat').id];
    const { code, stdout, stderr } = await runCli(['jobs', ...other, '--cancel', id], env);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain('Nothing was changed.');
    expect(await stateOf(id)).toBe('DELETING');
    await runCli(['jobs', ...account, '--cancel', id], env);
  });

  it('shows nothing to a token that Truto refuses', async () => {
    const wrong = { ...env, TRUTO_API_TOKEN: 'canary-wrong-token' };
    expect(await runCli(['jobs', ...account], wrong)).toMatchObject({ code: 3, stdout: '' });
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['no REDIS_URL', { TRUTO_BASE_URL: sandbox.url, TRUTO_API_TOKEN: token }, /no REDIS_URL/],
    ['the embedded sandbox', { REDIS_URL: redis.url }, /sandbox .* no bulk deletes/],
  ])('ends with 2 for %s, and says why', async (_what, settings, expected) => {
    const before = sandbox.requests.length;
    const { code, stdout, stderr } = await runCli(['jobs', ...account], settings);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(expected);
    expect(sandbox.requests.length).toBe(before);
  });

  it('ends with 4 while Redis cannot be reached, and says so without its password', async () => {
    await using gone = await startRedis();
    await gone.kill();
    const settings = { ...env, REDIS_URL: gone.url.replace('//', '//:canary-of-redis@') };
    const { code, stdout, stderr } = await runCli(['jobs', ...account], settings);
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toMatch(/Redis cannot be used \(.*ECONNREFUSED.*REDIS_URL/);
    expect(stderr).not.toContain('canary');
  });
});
