import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * `npm run demo:bulk` starts a Redis (or uses that of REDIS_URL) and the server on an embedded sandbox with 5,000 engagements in each
 * account. Then it deletes all engagements of one account in the background, with undo files. No real CRM is used.
 */

const count = 5_000;
const account = '00000000-0000-4000-8000-000000000002';
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

/** Starts the server, and waits until it says where it listens. */
async function startServer(redisUrl) {
  const env = {
    ...{ PATH: process.env.PATH, PORT: '0', SANDBOX: '1', SANDBOX_ENGAGEMENTS: `${count}` },
    ...{ REDIS_URL: redisUrl, UNDO_STORE: join(folder, 'undo') },
  };
  const server = spawn(process.execPath, ['src/main.ts'], { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(server);
  let output = '';
  for await (const chunk of server.stdout) {
    output += chunk;
    const url = /"url":"([^"]+)"/.exec(output)?.[1];
    if (url) {
      // From here on, it logs one line for each delete.
      server.stdout.resume();
      return url;
    }
  }
  throw new Error(`The server did not start:\n${output}`);
}

let endpoint = '';

function post(query, variables, accept = 'application/json') {
  const headers = { 'content-type': 'application/json', accept };
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

endpoint = await startServer(await findRedis());
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
process.exit(last.state === 'COMPLETED' && last.outcomes.deleted === ids.length && lines.length === ids.length ? 0 : 1);
