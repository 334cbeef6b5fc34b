import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { spawnCli, startCli } from '../support/cli-process.ts';
import { runInTerminal } from '../support/cli-terminal.ts';
import { createFolder } from '../support/folder.ts';
import { remote, truto } from '../support/outcome.ts';
import { runCli } from '../support/run-cli.ts';
import { shared } from '../support/shared.ts';
import { json, startUpstream } from '../support/upstream.ts';

const token = 'canary-token-of-the-terminal';
const capsule = sandboxAccount('Capsule');
const copper = sandboxAccount('Copper');
const ids = seedEngagements(capsule).map(({ id }) => id);

const sandbox = await shared(startSandbox({ token }));
const env = { TRUTO_BASE_URL: sandbox.url, TRUTO_API_TOKEN: token };
/** The same over another upstream. */
const envOf = ({ url }: { readonly url: string }) => ({ ...env, TRUTO_BASE_URL: url });

const bulk = (account: string, ...rest: string[]) => ['bulk', '--account', account, ...rest];

function tally(lines: readonly { readonly result: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { result } of lines) counts[result] = (counts[result] ?? 0) + 1;
  return counts;
}

describe('truto-engagements bulk', () => {
  it('deletes every id of standard input, prints a line for each, and draws no bar without a terminal', async () => {
    const { code, lines, stderr } = await spawnCli(bulk(capsule.id), env, `\n${ids.join('\r\n')}\n\n`);
    expect(
      lines()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([...ids].sort());
    expect(tally(lines())).toEqual({ DeleteEngagementSuccess: 30 });
    expect(ids.every((id) => sandbox.wasDeleted(capsule.id, id))).toBe(true);
    expect(stderr).toBe('30 of 30 ids: DeleteEngagementSuccess 30\n');
    expect(code).toBe(0);
  });

  it('refuses invalid UTF-8 with its line number, before anything is sent', async () => {
    const before = sandbox.requests.length;
    const { code, stdout, stderr } = await runCli(
      bulk(capsule.id),
      env,
      Buffer.from('fine\r\n\ncaf\xe9-1\nlast', 'latin1'),
    );
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/line 3\b.*UTF-8/i);
    expect(sandbox.requests).toHaveLength(before);
  });

  it('refuses a folder as standard input, before anything is sent', async () => {
    const before = sandbox.requests.length;
    const { code, shown } = await runInTerminal(bulk(capsule.id), env, { inputFrom: '/' });
    expect([code, shown]).toEqual([2, expect.stringContaining('Nothing was sent')]);
    expect(sandbox.requests).toHaveLength(before);
  });

  it('ends a line only at LF or CRLF, and keeps every other character of an id', async () => {
    const odd = ['a\u2028b', 'c\u2029d', '\u2028', 'f\u00a0', 'é🦊'];
    const { lines } = await runCli(bulk(capsule.id, '--dry-run'), env, `\ufeff ${odd.join('\r\n')}\t\n e\u0085f\ng\rh`);
    // The last two have control characters, and are refused as what they are.
    const told = lines().map(({ id, result }) => [id, result]);
    const refused = ['e\u0085f', 'g\rh'].map((id) => [id, 'InvalidInputError']);
    const expected = [...odd.map((id) => [id, 'DeleteEngagementPlan']), ...refused];
    expect(told).toEqual(expect.arrayContaining(expected));
    expect(told).toHaveLength(expected.length);
  });

  it('sends one delete for a repeated id, counts one, and prints two lines', async () => {
    const [id = ''] = seedEngagements(copper).map((engagement) => engagement.id);
    const { code, lines, stderr } = await runCli(bulk(copper.id), env, `${id}\n${id}\n`);
    expect(lines().map(({ outcome }) => outcome)).toEqual(['DELETED', 'DELETED']);
    expect(sandbox.requests.filter(({ method, url }) => method === 'DELETE' && url.includes(id))).toHaveLength(1);
    expect([code, stderr]).toEqual([0, '1 of 1 ids: DeleteEngagementSuccess 1\n']);
  });

  it('deletes other ids while many copies of one id wait for its delete', async () => {
    const others = Promise.withResolvers<void>();
    let otherCount = 0;
    await using upstream = await startUpstream(async (request, response) => {
      if (request.path.endsWith('/slow')) await others.promise;
      else if (++otherCount === 3) others.resolve();
      json(204, undefined)(request, response);
    }, 'capsule');
    const input = [...Array(20).fill('slow'), 'e1', 'e2', 'e3'].join('\n');
    const { code, lines } = await runCli(bulk(capsule.id), envOf(upstream), input);
    expect([code, tally(lines())]).toEqual([0, { DeleteEngagementSuccess: 23 }]);
    expect(upstream.deletes().filter(({ path }) => path.endsWith('/slow'))).toHaveLength(1);
  });

  it('continues after a refusal, and ends with the highest code', async () => {
    const [, good = ''] = seedEngagements(copper).map((engagement) => engagement.id);
    const input = `fault-504\nno-such-id\n${good}\n`;
    const { code, lines } = await runCli(bulk(copper.id, '--patience', '0'), env, input);
    expect(tally(lines())).toEqual({ OutcomeUnknownError: 1, NotFoundError: 1, DeleteEngagementSuccess: 1 });
    expect(code).toBe(5);
  });

  it('deletes nothing with --dry-run, and nothing when there are no ids', async () => {
    const left = seedEngagements(copper)
      .map(({ id }) => id)
      .slice(2, 5);
    const planned = await runCli(bulk(copper.id, '--dry-run'), env, left.join('\n'));
    expect([planned.code, tally(planned.lines())]).toEqual([0, { DeleteEngagementPlan: 3 }]);
    expect(left.some((id) => sandbox.wasDeleted(copper.id, id))).toBe(false);
    const none = await runCli(bulk(copper.id), env, '');
    expect([none.code, none.stdout, none.stderr]).toEqual([0, '', '0 of 0 ids\n']);
  });

  it('waits as upstream asks, and says so', async () => {
    let isLimited = true;
    await using upstream = await startUpstream((request, response) => {
      if (!isLimited) return json(204, undefined)(request, response);
      isLimited = false;
      // More than an operation may take: the delete itself ends as RateLimitedError.
      truto(429, {}, { 'retry-after': '2' })(request, response);
    }, 'capsule');
    const settings = { ...envOf(upstream), REQUEST_TIMEOUT_MS: '1500' };
    const { code, lines, stderr } = await runCli(bulk(capsule.id), settings, 'e1\ne2\ne3\n');
    expect([code, tally(lines())]).toEqual([0, { DeleteEngagementSuccess: 3 }]);
    expect(stderr.match(/Waiting for Truto's limit, about 2 s/g)).toHaveLength(1);
  });

  it("keeps Truto's limits, so that an upstream with these limits never refuses", async () => {
    const limited = await startSandbox({ token, keepsLimits: true });
    const many = Array.from({ length: 55 }, (_, index) => `id-${index}`);
    const settings = { ...envOf(limited), REQUEST_TIMEOUT_MS: '2000' };
    const { code, lines, stderr } = await runCli(bulk(copper.id, '--patience', '0'), settings, many.join('\n'));
    await limited.close();
    expect(stderr).toMatch(/^55 ids will take about 11 s/);
    const { NotFoundError: sent = 0, RateLimitedError: held = 0 } = tally(lines());
    expect([code, sent + held]).toEqual([4, 55]);
    expect(held).toBeGreaterThan(0);
    // Each was looked for once or not at all: no 429 is among the answers.
    expect(limited.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(sent);
  });

  it('sends nothing further once upstream refuses the token or the account, and reports the rest', async () => {
    const many = Array.from({ length: 200 }, (_, index) => `id-${index}`).join('\n');
    for (const [answer, result, lookUp] of [
      [truto(401), 'Unauthenticated', 'capsule'],
      [remote(401), 'AccountNeedsReauthError', 'capsule'],
      [truto(404), 'IntegratedAccountNotFoundError', truto(404)],
    ] as const) {
      await using upstream = await startUpstream(answer, lookUp);
      const { code, lines } = await runCli(bulk(capsule.id), envOf(upstream), many);
      expect([code, tally(lines())]).toEqual([3, { [result]: 200 }]);
      expect(upstream.deletes().length).toBeLessThanOrEqual(16);
    }
  });

  it('looks the account up a few times, not for every id, in a dry run', async () => {
    await using upstream = await startUpstream(json(204, undefined), truto(404));
    const many = Array.from({ length: 500 }, (_, index) => `id-${index}`).join('\n');
    const { code, lines } = await runCli(bulk(capsule.id, '--dry-run'), envOf(upstream), many);
    expect([code, tally(lines())]).toEqual([3, { DeleteEngagementPlan: 500 }]);
    expect(upstream.seen.length).toBeLessThan(50);
  });

  it('on SIGINT finishes deletes in flight, prints NotSent for the rest, and ends with 4', async () => {
    const held: (() => void)[] = [];
    const first = Promise.withResolvers<void>();
    await using upstream = await startUpstream((request, response) => {
      held.push(() => json(204, undefined)(request, response));
      if (held.length === 16) first.resolve();
    }, 'capsule');
    const { child, end } = startCli(bulk(capsule.id), envOf(upstream));
    child.stdin.end(Array.from({ length: 100 }, (_, index) => `id-${index}`).join('\n'));
    await first.promise;
    child.kill('SIGINT');
    // The signal is sent before the answers. A delete after them is either stopped, or sent and answered.
    const answering = setInterval(() => {
      for (const answer of held.splice(0)) answer();
    }, 20);
    const { code, lines } = await end;
    clearInterval(answering);
    const { DeleteEngagementSuccess: deleted = 0, NotSent: notSent = 0 } = tally(lines());
    expect(deleted + notSent).toBe(100);
    expect(deleted).toBe(upstream.deletes().length);
    expect(notSent).toBeGreaterThan(0);
    expect(code).toBe(4);
  });

  it('on a signal while it reads ids sends none of them, and ends with 4', async () => {
    const { child, end } = startCli(bulk(capsule.id));
    child.stdin.write('id-1\nid-2\nid-');
    // It says which upstream it has when it takes signals, and begins to read.
    child.stderr.once('data', () => child.kill('SIGHUP'));
    const { code, lines } = await end;
    expect(code).toBe(4);
    expect(lines().filter(({ result, sandbox }) => result !== 'NotSent' || !sandbox)).toEqual([]);
  });

  it('obeys a signal also while results need no request', async () => {
    const { child, end } = startCli(bulk(copper.id, '--dry-run'), env);
    child.stdout.once('data', () => child.kill('SIGINT'));
    child.stdin.end(Array.from({ length: 10_000 }, (_, index) => `id-${index}`).join('\n'));
    const { code, lines } = await end;
    const { DeleteEngagementPlan: planned = 0, NotSent: notSent = 0 } = tally(lines());
    expect(planned + notSent).toBe(10_000);
    expect(notSent).toBeGreaterThan(0);
    expect(code).toBe(4);
  });

  it('ends at once on any second signal', async () => {
    const hanging = Promise.withResolvers<void>();
    await using upstream = await startUpstream(() => hanging.resolve(), 'capsule');
    const { child, end } = startCli(bulk(capsule.id), envOf(upstream));
    child.stdin.end('id-1\nid-2\n');
    await hanging.promise;
    child.kill('SIGINT');
    child.kill('SIGTERM');
    const { code, stdout } = await end;
    expect([code, stdout]).toEqual([null, '']);
  });

  it('continues when standard error is closed', async () => {
    const [, , , , , one = '', other = ''] = seedEngagements(copper).map(({ id }) => id);
    const { child, end } = startCli(bulk(copper.id), env);
    child.stderr.destroy();
    child.stdin.end(`${one}\n${other}\n`);
    const { code, lines } = await end;
    expect([code, tally(lines())]).toEqual([0, { DeleteEngagementSuccess: 2 }]);
  });

  it('sends nothing further once standard output is closed, and ends with 1', async () => {
    const { child, end } = startCli(bulk(capsule.id, '--patience', '0'), env);
    child.stdout.destroy();
    child.stdin.end(Array.from({ length: 2_000 }, (_, index) => `unread-${index}`).join('\n'));
    const { code } = await end;
    expect(code).toBe(1);
    expect(sandbox.requests.filter(({ url }) => url.includes('unread-')).length).toBeLessThan(1_000);
  });

  it('draws a bar only on standard error', async () => {
    using folder = createFolder();
    const inputFrom = join(folder.path, 'ids.txt');
    writeFileSync(inputFrom, 'a1\na2\na3\n');
    const { code, shown } = await runInTerminal(bulk(copper.id), env, { inputFrom, pipeTo: 'cat > /dev/null' });
    expect(shown).toMatch(/\[-{30}\] 0\/3/);
    expect(shown).toMatch(/\[#{30}\] 3\/3, [\d.]+ a second, 3 not deleted/);
    expect(shown).toContain('3 of 3 ids: NotFoundError 3');
    expect(shown).not.toContain('"result"');
    expect(code).toBe(3);
  });

  it('shows a line for each id to a person, above the bar', async () => {
    const [, , , , , , , one = ''] = seedEngagements(copper).map(({ id }) => id);
    const { code, shown } = await runInTerminal(bulk(copper.id), env, { typed: [['Ctrl-D', `${one}\na1\n\x04`]] });
    expect(shown).toMatch(new RegExp(`${one} +deleted\r\n`));
    expect(shown).toMatch(/a1 +NotFoundError: /);
    expect(code).toBe(3);
  });
});
