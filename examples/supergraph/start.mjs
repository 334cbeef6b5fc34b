import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * A supergraph to try: two teams' subgraphs, this project's over its sandbox, and Hive Gateway in front, with its explorer.
 * Run `npm run example:supergraph` in the project's folder. PORT is the gateway's port, by default 4100.
 */

const here = fileURLToPath(new URL('.', import.meta.url));
const port = process.env.PORT ?? '4100';
const children = [];

// Every program that this one started ends with it.
process.on('exit', () => {
  for (const child of children) child.kill();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(0));

/** Starts a program, and waits until it prints its address. If it ends, everything ends. */
function start(name, args, cwd, env, listening) {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
        const [, url] = listening.exec(output) ?? [];
        if (url) resolve(url);
      });
    }
    child.on('close', (code) => {
      process.stderr.write(`${name} ended with ${code}:\n${output}\n`);
      process.exit(1);
    });
  });
}

async function ask(url, query) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return (await response.json()).data;
}

if (!existsSync(join(here, 'node_modules/.package-lock.json'))) {
  process.stdout.write('Installing gateways into examples/supergraph/node_modules, about 800 MB …\n');
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: here, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

// Each subgraph and its address. This project's runs over its sandbox, so it needs no token.
const ours = { SUBGRAPH: 'federation', SANDBOX: '1', PORT: '0' };
const [salesUrl, billingUrl, engagementsUrl] = await Promise.all([
  start('sales', ['sales.mjs'], here, { PORT: '0' }, /listening on (\S+)/),
  start('billing', ['billing.mjs'], here, { PORT: '0' }, /listening on (\S+)/),
  start('engagements', ['src/main.ts'], join(here, '../..'), ours, /"url":"([^"]+)".*"msg":"listening"/),
]);
const urls = { sales: salesUrl, billing: billingUrl, engagements: engagementsUrl };

const subgraphs = await Promise.all(
  Object.entries(urls).map(async ([name, url]) => ({
    name,
    url,
    sdl: (await ask(url, '{ _service { sdl } }'))._service.sdl,
  })),
);
const composed = spawnSync(process.execPath, ['compose.mjs'], { cwd: here, input: JSON.stringify(subgraphs) });
const { errors, sdl } = JSON.parse(composed.stdout.toString()).apollo;
if (errors.length > 0) {
  process.stderr.write(`${errors.join('\n')}\n`);
  process.exit(1);
}
const supergraph = join(mkdtempSync(join(tmpdir(), 'supergraph-')), 'supergraph.graphql');
writeFileSync(supergraph, sdl);

const hive = 'node_modules/@graphql-hive/gateway/dist/bin.js';
const options = ['--host', '127.0.0.1', '--port', port, '--config-path', 'gateway.config.mjs'];
await start('the gateway', [hive, 'supergraph', supergraph, ...options], here, {}, /[Ll]istening on (\S+)/);

process.stdout.write(`
  The supergraph, and its explorer   http://127.0.0.1:${port}/graphql
  Its subgraphs                      ${Object.entries(urls)
    .map((entry) => entry.join(' '))
    .join('\n                                     ')}

  Try, in the explorer:

  {
    team(id: "north") { name contacts { name salesStage } }
    engagements(integratedAccountId: "00000000-0000-4000-8000-000000000012", first: 2) {
      nodes { id subject contacts { name salesStage } account { name territory balanceCents } }
    }
  }

  mutation {
    deleteEngagement(id: "6e66c87e5cd13c3c79a3ae09", integratedAccountId: "00000000-0000-4000-8000-000000000012") {
      __typename ... on DeleteEngagementSuccess { outcome engagement { subject contacts { name salesStage } } } ... on Error { message }
    }
  }

`);
