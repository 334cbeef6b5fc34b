import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { expectNoSecrets } from '../support/canary.ts';
import { keepCaptured, keepSecrets } from '../support/captured.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from '../support/service.ts';
import { startInTerminal } from '../support/terminal.ts';
import { json, startUpstream } from '../support/upstream.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const remove = (id: string) =>
  JSON.stringify({
    query: 'mutation($id: ID!) { deleteEngagement(id: $id, integratedAccountId: "a") { __typename } }',
    variables: { id },
  });

describe('the server at a terminal', () => {
  it('S01 S22 prints one line for each delete, without JSON, secrets or control characters', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'capsule');
    const env = { ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_BASE_URL: upstream.url };
    await using server = startInTerminal(`'${process.execPath}' src/main.ts`, env);
    const listening = /INFO: listening\n {4}url: "([^"]+)"/;
    await expect.poll(server.seen, { timeout: 25_000 }).toMatch(listening);
    const endpoint = listening.exec(server.seen())?.[1] ?? '';

    // Who calls is in the delete's line: here that holds the server's own token.
    const token = await signToken({ integrated_accounts: ['*'], sub: `caller ${env.TRUTO_API_TOKEN}` });
    const headers = { 'content-type': 'application/json', ...bearer(token) };
    for (const id of ['e1', '\u{1b}]0;owned\u{7}\u{9b}2J', 'abc\u202edef\u2066\u{e0041}'])
      await fetch(endpoint, { method: 'POST', headers, body: remove(id) });
    await expect.poll(() => server.seen().match(/INFO: delete /g)?.length).toBe(3);
    server.press('\u{3}');
    expect(await server.exited).toBe(0);

    const text = server.seen().replace(/^.*?(?=\[.*INFO: listening)/s, '');
    const [first, second, third] = text.match(/^.*INFO: delete .*$/gm) ?? [];
    expect(first).toMatch(
      /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: delete e1: DELETED \(.* a, caller caller \[redacted\], \d+ ms\)$/,
    );
    expect(second).toMatch(/: InvalidInputError: .+ \(account a, caller/);
    expect(text).toMatch(/INFO: draining\n {4}signal: "SIGINT"\n/);
    expect(text).not.toMatch(/^\{|"msg"|"level"/m);
    expect(text).not.toMatch(/[^\P{C}\n]/u);
    expect(third).toContain(String.raw`abc\u202edef\u2066\udb40\udc41`);
    const secrets = [env.TRUTO_API_TOKEN, jwtSecret, token];
    expectNoSecrets(server.output(), secrets);
    keepCaptured(server.output());
    keepSecrets(secrets);
  });

  it('loads the formatter only there, since it would slow the start', () => {
    const files = readdirSync(`${root}/src`, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const naming = (text: string) => files.filter((file) => readFileSync(`${root}/src/${file}`, 'utf8').includes(text));
    expect(naming("'pino-pretty'")).toEqual(['log/terminal-log.ts']);
    expect(naming("/terminal-log.ts'")).toEqual(['serve.ts']);
    expect(naming("from '../../src/log/terminal-log.ts'")).toEqual([]);
  });
});
