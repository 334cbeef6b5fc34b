import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { spawnCli } from '../support/cli-process.ts';
import { remote, truto } from '../support/outcome.ts';
import { runCli } from '../support/run-cli.ts';
import { shared } from '../support/shared.ts';
import { type Answer, json, startUpstream } from '../support/upstream.ts';

const token = 'canary-token-of-the-terminal';
const sandbox = await shared(startSandbox({ token }));
const env = { TRUTO_BASE_URL: sandbox.url, TRUTO_API_TOKEN: token };

const check = (settings: Record<string, string>, ...args: string[]) => runCli(['check', ...args], settings);
const account = (label: string) => ['--account', sandboxAccount(label).id];

describe('truto-engagements check', () => {
  it('says that configuration, token and upstream are fine, and ends with 0', async () => {
    const { code, stdout, stderr } = await spawnCli(['check'], env);
    expect(stdout.match(/^ok +(\w+)/gm)?.map((line) => line.replace(/^ok +/, ''))).toEqual([
      'configuration',
      'upstream',
      'token',
    ]);
    expect(stdout).toContain(sandbox.url);
    expect([code, stderr]).toEqual([0, '']);
  });

  it('says what an account can do and whether it is connected, and does not print the token', async () => {
    const { code, stdout } = await check(env, ...account('Zoho CRM'));
    expect(stdout).toMatch(/^ok +account +Zoho CRM: deletes engagements; needs --type call\|meeting$/m);
    expect(stdout).toMatch(/^ok +connection /m);
    expect(code).toBe(0);
  });

  it('changes nothing: it sends only GET', async () => {
    const before = sandbox.requests.length;
    await check(env, ...account('Planhat'));
    const sent = sandbox.requests.slice(before).map(({ method }) => method);
    expect(sent.length).toBeGreaterThan(1);
    expect(new Set(sent)).toEqual(new Set(['GET']));
  });

  it.each<[string, Record<string, string>, readonly string[], number, RegExp]>([
    [
      'a token that upstream does not take',
      { TRUTO_API_TOKEN: 'canary-wrong-token' },
      [],
      3,
      /^FAULT token.*\n +-> make a new/m,
    ],
    ['an integration that cannot delete', {}, account('HubSpot'), 3, /^FAULT account +HubSpot cannot delete.*\n +-> /m],
    ['an account that is not there', {}, ['--account', 'no-such-account'], 3, /^FAULT account.*\n +-> look the id up/m],
  ])('says what is wrong with %s, and how to fix it', async (_what, settings, args, expected, said) => {
    const { code, stdout } = await check({ ...env, ...settings }, ...args);
    expect(stdout).toMatch(said);
    expect(code).toBe(expected);
  });

  it.each<[string, string, Answer, object]>([
    ['must be connected again', 'connection', remote(401), {}],
    ['has the status needs_reauth', 'account', json(200, { result: [] }), { status: 'needs_reauth' }],
  ])('says how to fix an account that %s', async (_what, where, answer, status) => {
    const shown = json(200, { ...status, integration: { name: 'capsule' } });
    const isNobodys = ({ path }: { path: string }) => path.endsWith('/00000000-0000-0000-0000-000000000000');
    await using upstream = await startUpstream(answer, (request, response) =>
      (isNobodys(request) ? truto(404) : shown)(request, response),
    );
    const { code, stdout } = await check({ ...env, TRUTO_BASE_URL: upstream.url }, ...account('Capsule'));
    expect(stdout).toMatch(new RegExp(`^FAULT ${where}.*\\n +-> have the account connected again`, 'm'));
    expect(code).toBe(3);
  });

  it('says what to do when upstream is unreachable, and ends with 4', async () => {
    const gone = await startSandbox();
    await gone.close();
    const { code, stdout } = await check({ ...env, TRUTO_BASE_URL: gone.url });
    expect(stdout).toMatch(/^FAULT upstream.*refused the connection.*\n +-> check TRUTO_BASE_URL/m);
    expect(code).toBe(4);
  });

  it('says what to do when another server answers', async () => {
    await using upstream = await startUpstream(remote(404), (_request, response) => {
      response.writeHead(404, { 'content-type': 'text/html' });
      response.end('<h1>Not here</h1>');
    });
    const { code, stdout } = await check({ ...env, TRUTO_BASE_URL: upstream.url });
    expect(stdout).toMatch(/^FAULT upstream.*\n +-> check TRUTO_BASE_URL/m);
    expect(code).toBe(4);
  });

  it.each<[string, Answer]>([
    ['a proxy that refuses all requests', json(403, { error: 'denied' })],
    ['a page to log in at', json(401, undefined)],
    ['an API of another kind', json(200, { status: 'ok' })],
  ])('concludes nothing about the token from an answer of %s', async (_what, answer) => {
    await using upstream = await startUpstream(answer, answer);
    const { code, stdout } = await check({ ...env, TRUTO_BASE_URL: `${upstream.url}/base` });
    expect(stdout).toMatch(/^ok +configuration .*\/base$/m);
    expect(stdout).toMatch(/^FAULT upstream.*, but not like Truto\n +-> check TRUTO_BASE_URL/m);
    expect(stdout).not.toMatch(/^(ok +|FAULT )token/m);
    expect(code).toBe(4);
  });

  it.each(['', '..'])('refuses the account "%s", which would be another address', async (id) => {
    const { code, stdout, stderr } = await check(env, '--account', id);
    expect(stderr).toMatch(/^--account: It must not /);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('lists every mistake of the configuration at once, and ends with 2', async () => {
    const { code, stdout, stderr } = await check({ ...env, PORT: 'canary-port', REQUEST_TIMEOUT_MS: '1' });
    expect(stderr).toMatch(/2 mistakes:\n {2}PORT must be .*\n {2}REQUEST_TIMEOUT_MS must be /);
    expect(stderr).not.toContain('canary');
    expect([code, stdout]).toEqual([2, '']);
  });

  it('checks the embedded sandbox without configuration, and says so', async () => {
    const { code, stdout } = await check({});
    expect(stdout).toContain('no AUTH_MODE, upstream the embedded sandbox');
    expect(code).toBe(0);
  });
});
