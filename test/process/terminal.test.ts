import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { expectNoSecrets } from '../support/canary.ts';
import { keepCaptured, keepSecrets } from '../support/captured.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from '../support/service.ts';
import { json, startUpstream } from '../support/upstream.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Starts the server in a pseudo-terminal. What is written to its input are keys that somebody presses. */
function startInTerminal(env: Record<string, string>) {
  const child = spawn(
    'script',
    ['--quiet', '--return', '--command', `exec '${process.execPath}' src/main.ts`, '/dev/null'],
    {
      cwd: root,
      env: { PATH: process.env.PATH, TERM: 'xterm', PORT: '0', ...env },
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return {
    output: () => output,
    exited,
    press: (keys: string) => void child.stdin.write(keys),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** What a person sees: no colours, and lines that end as elsewhere. */
const seen = (output: string) => output.replaceAll(/\p{Cc}\[[\d;]*m/gu, '').replaceAll('\r\n', '\n');

const remove = (id: string) =>
  JSON.stringify({
    query: 'mutation($id: ID!) { deleteEngagement(id: $id, integratedAccountId: "a") { __typename } }',
    variables: { id },
  });

describe('the server at a terminal', () => {
  it('S01 S22 prints lines for people: no JSON, no secret, and nothing that a terminal takes for a command', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'capsule');
    const env = { ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_BASE_URL: upstream.url };
    await using server = startInTerminal(env);
    const listening = /INFO: listening\n {4}url: "([^"]+)"/;
    await expect.poll(() => seen(server.output()), { timeout: 25_000 }).toMatch(listening);
    const endpoint = listening.exec(seen(server.output()))?.[1] ?? '';

    // Who calls is in the delete's line: here that holds the server's own token.
    const token = await signToken({ integrated_accounts: ['*'], sub: `caller ${env.TRUTO_API_TOKEN}` });
    const headers = { 'content-type': 'application/json', ...bearer(token) };
    for (const id of ['e1', '\u{1b}]0;owned\u{7}\u{9b}2J', 'abc\u202edef\u2066\u{e0041}'])
      await fetch(endpoint, { method: 'POST', headers, body: remove(id) });
    await expect.poll(() => seen(server.output()).match(/INFO: delete\n/g)?.length).toBe(3);
    server.press('\u{3}');
    expect(await server.exited).toBe(0);

    const text = seen(server.output());
    expect(text).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: delete\n {4}callerId: "caller \[redacted\]"\n/m);
    expect(text).toMatch(/^ {4}engagementId: "e1"\n {4}result: "DeleteEngagementSuccess"\n/m);
    expect(text).toMatch(/INFO: draining\n {4}signal: "SIGINT"\n/);
    expect(text).not.toMatch(/^\{|"msg"|"level"/m);
    expect(text).not.toMatch(/[^\P{C}\n]/u);
    expect(text).toContain(String.raw`engagementId: "abc\u202edef\u2066\udb40\udc41"`);
    const secrets = [env.TRUTO_API_TOKEN, jwtSecret, token];
    expectNoSecrets(server.output(), secrets);
    keepCaptured(server.output());
    keepSecrets(secrets);
  });

  it('loads what makes it so there only: elsewhere it would slow the start', () => {
    const files = readdirSync(`${root}/src`, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const naming = (text: string) => files.filter((file) => readFileSync(`${root}/src/${file}`, 'utf8').includes(text));
    expect(naming("'pino-pretty'")).toEqual(['log/terminal-log.ts']);
    expect(naming("/terminal-log.ts'")).toEqual(['serve.ts']);
    expect(naming("from '../../src/log/terminal-log.ts'")).toEqual([]);
  });
});
