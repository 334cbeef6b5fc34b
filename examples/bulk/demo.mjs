import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/*
 * `npm run demo:bulk` starts a Redis (or uses that of REDIS_URL), a sandbox with 5,000 engagements in each account (or as many as its
 * argument says), and the server. It deletes all engagements of one account in the background, with undo files, and then restores them.
 * No real CRM is used.
 */

const count = Number(process.argv[2] ?? 5_000);
/** Pipedrive: its creates have no required fields. */
const account = '00000000-0000-4000-8000-000000000010';
const token = 'sandbox-token';
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'demo-bulk-'));

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const say = (line) => process.stdout.write(`${line}\n`);

const children = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

async function findRedis() {
  if (process.env.REDIS_URL) return process.env.REDIS_URL;
  const port = await freePort();
  const redis = spawn(
    'redis-server',
    ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes'],
    {
      stdio: 'ignore',
    },
  );
  children.push(redis);
  redis.once('error', () => {
    say('There is no redis-server here: install it (Debian: apt-get install redis-server), or set REDIS_URL.');
    process.exit(1);
  });
  return `redis://127.0.0.1:${port}`;
}

/** Starts a program that listens, and waits until it says where. */
async function start(file, env) {
  const child = spawn(process.execPath, [file], {
    ...{ cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
    env: { PATH: process.env.PATH, PORT: '0', ...env },
  });
  children.push(child);
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    const url = /(?:"url":"| on )(http:\/\/[^\s"]+)/m.exec(output)?.[1];
    if (url) {
      // From here on, it logs one line for each delete.
      child.stdout.resume();
      return url;
    }
  }
  throw new Error(`${file} did not start:\n${output}`);
}

let endpoint = '';

function post(query, variables, accept = 'application/json') {
  const headers = { 'content-type': 'application/json', accept, authorization: `Bearer ${token}` };
  return fetch(endpoint, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
}

async function ask(query, variables) {
  const { data, errors } = await (await post(query, variables)).json();
  if (errors) throw new Error(errors.map(({ message }) => message).join('\n'));
  return data;
}

async function listIds() {
  const query = `query($account: ID!, $after: String) {
    engagements(integratedAccountId: $account, first: 100, after: $after) { nodes { id } pageInfo { endCursor } }
  }`;
  const ids = [];
  let after = null;
  do {
    const { engagements } = await ask(query, { account, after });
    ids.push(...engagements.nodes.map(({ id }) => id));
    after = engagements.pageInfo.endCursor;
  } while (after);
  return ids;
}

/** The bulk delete after each progress: server-sent events, each with a GraphQL result. */
async function* follow(id) {
  const query = `subscription($id: ID!) { bulkDeleteProgress(id: $id) {
    state statusReason total ratePerSecond secondsLeft outcomes { deleted alreadyAbsent failed unknown remaining } } }`;
  const response = await post(query, { id }, 'text/event-stream');
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (text + chunk).split('\n\n');
    text = events.pop();
    for (const event of events) {
      const data = /^data: (.+)$/m.exec(event)?.[1];
      if (data) yield JSON.parse(data).data.bulkDeleteProgress;
    }
  }
}

function bar({ state, total, ratePerSecond, secondsLeft, outcomes }) {
  const done = total - outcomes.remaining;
  const width = 40;
  const filled = Math.round((done / total) * width);
  const left = secondsLeft === null ? '' : `, ${secondsLeft} s left`;
  return `${'#'.repeat(filled)}${'.'.repeat(width - filled)} ${done}/${total} ${state}, ${Math.round(ratePerSecond)}/s${left}`;
}

const sandboxUrl = await start('src/sandbox/main.ts', { SANDBOX_ENGAGEMENTS: `${count}` });
endpoint = await start('src/main.ts', {
  ...{ TRUTO_BASE_URL: sandboxUrl, AUTH_MODE: 'passthrough', BULK_TOKEN_SECRET: randomBytes(32).toString('hex') },
  ...{ REDIS_URL: await findRedis(), UNDO_STORE: join(folder, 'undo'), TRUTO_RATE_LIMITS: '0' },
});
say(`The server answers at ${endpoint}`);
const ids = await listIds();
say(`Deleting ${ids.length} engagements of the integrated account ${account}, each kept before it is deleted:\n`);
const { startBulkDelete } = await ask(
  'mutation($input: StartBulkDeleteInput!) { startBulkDelete(input: $input) { id undoFolder } }',
  { input: { integratedAccountId: account, ids, snapshot: true } },
);
let last;
for await (const progress of follow(startBulkDelete.id)) {
  process.stdout.write(process.stdout.isTTY ? `\r\x1b[2K${bar(progress)}` : `${bar(progress)}\n`);
  last = progress;
}
const undo = join(folder, 'undo', startBulkDelete.undoFolder);
const lines = readdirSync(undo).flatMap((file) => readFileSync(join(undo, file), 'utf8').trimEnd().split('\n'));
say(`\n\n${last.state}: ${JSON.stringify(last.outcomes)}`);
say(`${lines.length} records are in ${undo}`);
if (last.state !== 'COMPLETED' || last.outcomes.deleted !== ids.length || lines.length !== ids.length) process.exit(1);

say(`\nRestoring them: truto-engagements restore ${undo}\n`);
const restore = spawn(process.execPath, ['src/cli/main.ts', 'restore', undo], {
  ...{ cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  env: { PATH: process.env.PATH, TRUTO_BASE_URL: sandboxUrl, TRUTO_API_TOKEN: token, TRUTO_RATE_LIMITS: '0' },
});
children.push(restore);
const [results] = await Promise.all([readAll(restore.stdout), once(restore, 'close')]);
const restored = results.match(/"result":"Restored"/g)?.length;
const [, oldId, newId] = /"id":"(\w+)".*"newId":"(\w+)"/.exec(results) ?? [];
say(
  `\n${restored} engagements are restored under new ids: ${oldId} is ${newId} now. ${undo}restored.jsonl has all of them.`,
);
process.exit(restore.exitCode === 0 && restored === ids.length ? 0 : 1);
