import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { sandboxAccount, sandboxToken } from '../src/sandbox/accounts.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { blocks } from './docs/markdown.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const commands = blocks.filter(({ file, language }) => file === 'docs/troubleshooting.md' && language === 'sh');
const account = sandboxAccount('Capsule').id;

/** The addresses of the page, and where a test has them. */
const addresses = new Map<string, string>();
const resources = new AsyncDisposableStack();
let folder = '';

/** A server over the sandbox, whose output is in `server.log`, after a delete of each kind that the page looks for. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'troubleshooting-'));
  resources.defer(() => rm(folder, { recursive: true }));
  const upstream = await startSandbox({});
  resources.defer(() => upstream.close());
  const log = await open(join(folder, 'server.log'), 'w');
  const child = spawn(process.execPath, ['src/main.ts'], {
    cwd: root,
    env: {
      ...{ PORT: '0', METRICS_PORT: '0', TRUTO_BASE_URL: upstream.url },
      ...{ REDIS_URL: 'redis://127.0.0.1:1', BULK_TOKEN_SECRET: 'a secret of more than thirty-two characters' },
    },
    stdio: ['ignore', log.fd, log.fd],
  });
  resources.defer(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
    await log.close();
  });
  const readLog = () => readFile(join(folder, 'server.log'), 'utf8');
  const logged = (text: string) =>
    vi.waitFor(async () => expect(await readLog()).toContain(text), { timeout: 10_000, interval: 20 });
  await logged('"msg":"listening"');
  const [, url = '', metricsUrl = ''] =
    /"url":"(.+?)\/graphql","metricsUrl":"(.+?)\/metrics"/.exec(await readLog()) ?? [];
  addresses.set('http://127.0.0.1:4000', url).set('http://127.0.0.1:9464', metricsUrl);
  addresses.set('https://api.truto.one', upstream.url);
  // A 429 pauses its account, so it is in another one than that of the commands.
  for (const [id, accountId] of [
    ['fault-504', account],
    ['fault-429-truto', sandboxAccount('Copper').id],
  ]) {
    const query = `mutation { deleteEngagement(id: "${id}", integratedAccountId: "${accountId}") { __typename } }`;
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${sandboxToken}` };
    await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
  }
  await logged('"result":"RateLimitedError"');
});
afterAll(() => resources.disposeAsync());

async function run(text: string) {
  let script = text.replace('npx truto-engagements', `"${process.execPath}" ${root}src/cli/main.ts`);
  for (const [shown, real] of addresses) script = script.replaceAll(shown, real);
  const { stdout } = await promisify(execFile)('bash', ['-o', 'pipefail', '-c', script], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      TOKEN: sandboxToken,
      ACCOUNT: account,
      TRUTO_BASE_URL: addresses.get('https://api.truto.one'),
    },
  });
  return stdout;
}

/** What each command must show, in the order of the page. */
const shown = [
  /"result":"\w+","detail":".+","attempts":\d,.*"durationMs":\d+/,
  /attempt_duration_seconds_count\{method="DELETE".*\} \d[\s\S]*held_back_total\{reason="paused"\}/,
  /"detail":".+","integration":"Copper","attempts":1/,
  /^HTTP\/1\.1 200[\s\S]*"nodes":\[\{/,
  /^HTTP\/1\.1 200[\s\S]*"status":"active"/,
  /ok +account +Capsule/,
  /"detail":".+","integration":"Capsule","attempts":2,/,
  /"kind":"connection",.*Redis/,
];

it('has an expectation for each command of the page', () => {
  expect(commands).toHaveLength(shown.length);
});

it.each(commands.map(({ text }, index) => [text.trim(), shown[index] ?? /^$/] as const))(
  'shows what the page says: %s',
  async (text, expected) => {
    expect(await run(text)).toMatch(expected);
  },
);
