import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findCredential } from '../../src/cli/session.ts';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { spawnCli } from '../support/cli-process.ts';
import { createFolder } from '../support/folder.ts';
import { remote, truto } from '../support/outcome.ts';
import { runCli } from '../support/run-cli.ts';
import { shared } from '../support/shared.ts';
import { type Answer, json, startUpstream } from '../support/upstream.ts';

const token = 'canary-"token"/of+the=terminal';
const capsule = sandboxAccount('Capsule');
const zoho = sandboxAccount('Zoho CRM');
const ids = seedEngagements(capsule).map(({ id }) => id);
const account = ['--account', capsule.id];

const sandbox = await shared(startSandbox({ token }));
const env = { TRUTO_BASE_URL: sandbox.url, TRUTO_API_TOKEN: token };
/** The same over another upstream. */
const envOf = ({ url }: { readonly url: string }) => ({ ...env, TRUTO_BASE_URL: url });

const accountThatIs = (status: string) => json(200, { status, integration: { name: 'capsule' } });
const run = (...args: string[]) => runCli(['delete', ...args], env);

describe('truto-engagements delete', () => {
  it('deletes an engagement, says so in one line of JSON, and ends with 0', async () => {
    const [id = ''] = ids;
    const { code, lines, stderr } = await spawnCli(['delete', id, ...account], env);
    expect(lines()).toEqual([
      expect.objectContaining({
        id,
        integratedAccountId: capsule.id,
        result: 'DeleteEngagementSuccess',
        outcome: 'DELETED',
      }),
    ]);
    expect([code, stderr]).toEqual([0, '']);
    expect(sandbox.wasDeleted(capsule.id, id)).toBe(true);
  });

  it('S22 escapes characters that change how other text looks', async () => {
    const id = 'abc\u202edef\u0085\u2066';
    const { stdout, lines } = await run(id, ...account);
    expect(lines()).toMatchObject([{ id, result: 'InvalidInputError' }]);
    expect(stdout).toContain(String.raw`"id":"abc\u202edef\u0085\u2066"`);
  });

  it('with --dry-run prints the request, without the token, and deletes nothing', async () => {
    const [, id = ''] = ids;
    const { code, lines } = await run(id, ...account, '--dry-run');
    expect(code).toBe(0);
    const [{ result, request }] = lines();
    expect(result).toBe('DeleteEngagementPlan');
    expect(request).toEqual({
      method: 'DELETE',
      url: expect.stringContaining(`${sandbox.url}/unified/crm/engagements/${id}?`),
    });
    expect(sandbox.wasDeleted(capsule.id, id)).toBe(false);
  });

  it('with --dry-run ends with 3 when the delete would be refused', async () => {
    const { code, lines } = await run('any', '--account', zoho.id, '--dry-run');
    expect(lines()[0].findings).toMatchObject([{ severity: 'REFUSAL', path: ['engagementType'] }]);
    expect(code).toBe(3);
  });

  it.each<[string, Answer, Answer, number, object[]]>([
    ['nothing is in the way', accountThatIs('active'), json(200, { id: 'e1' }), 0, []],
    ['the token is refused', truto(401), remote(404), 3, [{ result: 'UNAUTHENTICATED' }]],
    ['the account does not exist', truto(404), remote(404), 3, [{ result: 'IntegratedAccountNotFoundError' }]],
    [
      'it must be connected again',
      accountThatIs('needs_reauth'),
      remote(404),
      3,
      [{ result: 'AccountNeedsReauthError' }],
    ],
    ['the account is blocked', truto(503), remote(404), 3, [{ result: 'AccountBlockedError' }]],
    ['the account could not be checked', truto(403), json(200, { id: 'e1' }), 0, [{ severity: 'WARNING' }]],
    [
      'the engagement is not there',
      accountThatIs('active'),
      remote(404),
      3,
      [{ path: ['id'], result: 'NotFoundError' }],
    ],
    ['it cannot be read for now', accountThatIs('active'), truto(502), 4, [{ result: 'UpstreamUnavailableError' }]],
  ])('with --dry-run --snapshot says that %s; ends with its code', async (_what, lookUp, read, expected, findings) => {
    await using upstream = await startUpstream(read, lookUp);
    const { code, lines } = await runCli(['delete', 'e1', ...account, '--dry-run', '--snapshot'], envOf(upstream));
    expect(lines()).toMatchObject([{ result: 'DeleteEngagementPlan', findings }]);
    expect(lines()[0].findings).toHaveLength(findings.length);
    expect(code).toBe(expected);
    expect(upstream.deletes()).toEqual([]);
  });

  it('ends with 3 for an integrated account that does not exist, and sends no delete', async () => {
    const before = sandbox.requests.length;
    const { code, lines } = await run('e1', '--account', 'mistyped');
    expect([code, lines()[0].result]).toEqual([3, 'IntegratedAccountNotFoundError']);
    expect(sandbox.requests.slice(before).map(({ method }) => method)).toEqual(['GET']);
  });

  it('with --snapshot prints the whole engagement, although its provider returns only the id', async () => {
    const [, , id = ''] = ids;
    const { code, lines } = await run(id, ...account, '--snapshot');
    expect(code).toBe(0);
    const seeded = seedEngagements(capsule).find((engagement) => engagement.id === id);
    expect(lines()[0].engagement).toMatchObject({ id, content: seeded?.content, remote_data: expect.anything() });
  });

  it('takes --type in any case, for the integrations that need it', async () => {
    const engagement = seedEngagements(zoho).find(({ engagement_type }) => engagement_type === 'call');
    const id = engagement?.id ?? '';
    const without = await run(id, '--account', zoho.id);
    expect([without.code, without.lines()[0].result]).toEqual([3, 'InvalidInputError']);
    const withType = await run(id, '--account', zoho.id, '--type', 'CALL');
    expect([withType.code, withType.lines()[0].outcome]).toEqual([0, 'DELETED']);
  });

  it.each([
    ['an engagement that is not there', 'no-such-id', 3, 'NotFoundError'],
    ['an account that has to be connected again', 'fault-401', 3, 'AccountNeedsReauthError'],
    ['a permission that is missing', 'fault-403', 3, 'ForbiddenError'],
    ['a blocked account', 'fault-503', 3, 'AccountBlockedError'],
    ['a conflict', 'fault-409', 3, 'RemoteApiError'],
    ['a limit', 'fault-429-truto', 4, 'RateLimitedError'],
    ['an unknown outcome', 'fault-504', 5, 'OutcomeUnknownError'],
  ])('reports %s, and ends with its code', async (_what, id, expected, result) => {
    const { code, lines } = await run(id, ...account, '--patience', '0');
    expect([code, lines()[0].result]).toEqual([expected, result]);
  });

  it('ends with 4 when upstream is unreachable', async () => {
    const gone = await startSandbox();
    await gone.close();
    const { code, lines } = await runCli(['delete', 'x', ...account, '--patience', '0'], envOf(gone));
    expect([code, lines()[0].result]).toEqual([4, 'UpstreamUnavailableError']);
  });

  it('ends with 3 when upstream does not accept the token, and does not print it', async () => {
    const { code, lines } = await runCli(['delete', 'x', ...account], {
      ...env,
      TRUTO_API_TOKEN: 'canary-wrong-token',
    });
    expect([code, lines()[0].result]).toEqual([3, 'Unauthenticated']);
  });

  it('retries within --patience, with a new key after each answer, and reports a record that is gone then as deleted', async () => {
    let deletes = 0;
    await using upstream = await startUpstream((request, response) => {
      deletes += 1;
      // The first two attempts, which are those of one try, have no clear answer.
      if (deletes <= 2) json(502, { message: 'canary' })(request, response);
      else json(404, { statusCode: 404, error: 'Not Found', message: '' })(request, response);
    }, 'capsule');
    const { code, lines, stderr } = await runCli(['delete', 'e1', ...account], envOf(upstream));
    expect([code, lines()[0].outcome]).toEqual([0, 'ALREADY_ABSENT']);
    // It may take a minute, so a person must see why.
    expect(stderr.match(/^OutcomeUnknownError: .*--patience/gm)).toHaveLength(1);
    expect(new Set(upstream.deletes().map(({ headers }) => headers['idempotency-key'])).size).toBe(3);
  });

  it('sends the same Idempotency-Key upstream for the same --idempotency-key, in any process', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'capsule');
    const again = ['delete', 'e1', ...account, '--idempotency-key'];
    for (const [run, key] of [
      [spawnCli, 'k1'],
      [runCli, 'k1'],
      [runCli, 'k2'],
    ] as const)
      expect((await run([...again, key], envOf(upstream))).code).toBe(0);
    const [first, second, third] = upstream.deletes().map(({ headers }) => headers['idempotency-key']);
    expect(first).toBe(second);
    expect(first).not.toBe(third);
  });

  it('says to use another --idempotency-key after an answer without proof, since upstream may repeat it', async () => {
    const stored = new Map<unknown, Answer>();
    await using upstream = await startUpstream((request, response) => {
      const key = request.headers['idempotency-key'];
      // The first two attempts, which are those of one run, delete the record and fail to say so.
      const answer = stored.get(key) ?? (stored.size < 2 ? truto(500) : truto(404));
      stored.set(key, answer);
      answer(request, response);
    }, 'capsule');
    const again = (...key: string[]) =>
      runCli(['delete', 'e1', ...account, '--patience', '0', ...key], envOf(upstream));
    for (const _run of [1, 2]) {
      const { code, lines } = await again('--idempotency-key', 'k1');
      expect([code, lines()[0].message]).toEqual([5, expect.stringContaining('--idempotency-key')]);
    }
    for (const key of [[], ['--idempotency-key', 'k2']])
      expect((await again(...key)).lines()).toMatchObject([{ result: 'NotFoundError', accountFound: true }]);
  });

  it('does not say so without that option, or when there was no answer', async () => {
    await using upstream = await startUpstream(truto(500), 'capsule');
    await using silent = await startUpstream((_request, response) => void response.destroy(), 'capsule');
    for (const [url, ...key] of [[upstream.url], [silent.url, '--idempotency-key', 'k1']]) {
      const settings = { ...env, TRUTO_BASE_URL: String(url) };
      const { code, lines } = await runCli(['delete', 'e1', ...account, '--patience', '0', ...key], settings);
      expect([code, lines()[0].message]).toEqual([5, expect.not.stringContaining('--idempotency-key')]);
    }
  });

  it.each([
    ['--idempotency-key', '--dry-run'],
    ['--account', '--dry-run'],
    ['--token-file', '--snapshot'],
  ])('sends nothing when %s lacks its value, so that the next option would be taken for it', async (option, next) => {
    const [id = ''] = ids.slice(-1);
    const before = sandbox.requests.length;
    const { code, stdout, stderr } = await run(id, ...account, option, next);
    expect([code, stdout, sandbox.requests.length]).toEqual([2, '', before]);
    expect(stderr).toContain(option);
  });

  it('redacts the token in what upstream returns', async () => {
    const header = `Bearer ${token}`;
    const spellings = [header, encodeURIComponent(header), Buffer.from(header).toString('base64')];
    await using upstream = await startUpstream(remote(400, { raw_response: spellings }), 'capsule');
    const { lines } = await runCli(['delete', 'e1', ...account], envOf(upstream));
    expect(lines()[0].rawResponse).toEqual(spellings.map(() => expect.stringContaining('[redacted]')));
  });
});

describe('a record that contains the token', () => {
  const record = (content: string) => json(200, { id: 'e1', content });
  const deletingAfterRead =
    (content: string): Answer =>
    (request, response) =>
      (request.method === 'GET' ? record(content) : json(204, undefined))(request, response);

  it.each([
    ['delete', ['delete', 'e1', '--snapshot']],
    ['bulk', ['bulk', '--snapshot']],
    ['get', ['get', 'e1']],
  ])('is redacted by %s, and its line and standard error warn that it is no exact copy', async (_command, args) => {
    await using upstream = await startUpstream(deletingAfterRead(`curl -u ${token}`), 'capsule');
    const { code, lines, stderr } = await runCli([...args, ...account], envOf(upstream), 'e1\n');
    const [{ engagement, warnings }] = lines();
    expect([code, engagement.content]).toEqual([0, 'curl -u [redacted]']);
    const warning = expect.stringContaining('[redacted]');
    expect([warnings.at(-1), stderr.trimEnd().split('\n').at(-1)]).toEqual([warning, warning]);
  });

  it('is the only one that is warned about', async () => {
    await using upstream = await startUpstream(deletingAfterRead('[redacted]'), 'capsule');
    const { lines, stderr } = await runCli(['delete', 'e1', '--snapshot', ...account], envOf(upstream));
    expect(JSON.stringify(lines()[0].warnings) + stderr).not.toContain('redacted');
  });
});

describe('the token of the terminal', async () => {
  const { path: folder } = await shared(createFolder());

  it('comes from --token-file before TRUTO_API_TOKEN', async () => {
    const file = join(folder, 'token');
    writeFileSync(file, `${token}\n`);
    const args = ['delete', ids[3] ?? '', ...account, '--token-file', file];
    const { code } = await runCli(args, { ...env, TRUTO_API_TOKEN: 'canary-wrong-token' });
    expect(code).toBe(0);
  });

  it('is not printed when it is given in place of the path of its file', async () => {
    const { code, stderr } = await runCli(['check', '--token-file', 'canary-token-as-a-path'], {});
    expect(code).toBe(2);
    expect(stderr).toMatch(/--token-file .*ENOENT/);
    expect(stderr).not.toContain('canary');
  });

  it("is the server's own with AUTH_MODE=service", async () => {
    const service = {
      ...{ AUTH_MODE: 'service', TRUTO_API_TOKEN: token, JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' },
      ...{ JWT_SECRET: 'a shared secret of more than 32 characters', TRUTO_BASE_URL: sandbox.url },
    };
    const { code } = await runCli(['delete', ids[4] ?? '', ...account], service);
    expect(code).toBe(0);
  });

  it('is that of an embedded sandbox when nothing is set, and both streams say so', async () => {
    const { code, lines, stderr } = await runCli(['delete', ids[5] ?? '', ...account]);
    expect([code, lines()[0].sandbox]).toEqual([0, true]);
    expect(stderr).toContain('nothing real');
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['when a real upstream is configured and there is none', { AUTH_MODE: 'passthrough' }, /TRUTO_API_TOKEN/],
    [
      'when its name is another, and a real upstream is configured',
      { AUTH_MODE: 'passthrough', TRUTO_TOKEN: token },
      /TRUTO_API_TOKEN/,
    ],
    ['when it is blank', { TRUTO_API_TOKEN: ' ' }, /TRUTO_API_TOKEN must hold/],
    ['when a setting is wrong', { TRUTO_API_TOKEN: token, REQUEST_TIMEOUT_MS: 'canary' }, /REQUEST_TIMEOUT_MS must be/],
  ])('ends the command with 2 %s', async (_when, settings, message) => {
    const { code, stdout, stderr } = await runCli(['delete', 'x', ...account], settings);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });

  it('is not used with SANDBOX=1, which refuses --token-file', async () => {
    const exported = { SANDBOX: '1', TRUTO_API_TOKEN: 'canary-of-the-real-truto' };
    const { code, lines, stderr } = await runCli(['delete', ids[6] ?? '', ...account], exported);
    expect([code, lines()[0].sandbox]).toEqual([0, true]);
    expect(stderr).toContain('nothing real');
    const file = join(folder, 'token-for-the-sandbox');
    writeFileSync(file, `${token}\n`);
    expect((await runCli(['check', '--token-file', file], { SANDBOX: '1' })).code).toBe(2);
  });

  it('is read from TRUTO_API_TOKEN only; standard error warns about a similar name', async () => {
    const { code, lines, stderr } = await runCli(['delete', ids[7] ?? '', ...account], { TRUTO_TOKEN: 'canary-other' });
    expect([code, lines()[0].sandbox]).toEqual([0, true]);
    expect(stderr).toMatch(/ignored.*TRUTO_TOKEN/i);
  });

  it('goes to the real Truto when nothing else is set', async () => {
    const { config, source } = await findCredential({ TRUTO_API_TOKEN: token }, undefined);
    expect([String(config.upstream), config.auth.mode, source]).toEqual([
      'https://api.truto.one/',
      'passthrough',
      'TRUTO_API_TOKEN',
    ]);
  });
});
