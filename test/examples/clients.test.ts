import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NodeKey, writeNodeId } from '../../src/engagement/node-id.ts';
import { sandboxAccount, sandboxToken } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { started } from '../support/bulk.ts';
import { startSetting } from '../support/bulk-setting.ts';
import { installPackages } from '../support/install-packages.ts';
import { pythonWith } from '../support/python.ts';
import { runProgram } from '../support/run-program.ts';
import { startServerProcess } from '../support/server-process.ts';
import { shared } from '../support/shared.ts';
import { startWitness } from './witness.ts';

const folder = fileURLToPath(new URL('../../examples/clients/', import.meta.url));

const node = process.execPath;
const python = () => pythonWith('urllib.request', 'python3');

/** Each program, and an integrated account that a type need not be given for. Not Copper's: it keeps a stub of what is deleted. */
const programs = [
  { name: 'curl', command: () => ['bash', 'curl.sh'], integration: 'Capsule' },
  { name: 'fetch', command: () => [node, 'fetch.mjs'], integration: 'Capsule' },
  { name: 'graphql-request', command: () => [node, 'graphql-request.mjs'], integration: 'Freshsales' },
  { name: 'urql', command: () => [node, 'urql.mjs'], integration: 'Highlevel', forgets: 'the list' },
  {
    name: 'apollo-client',
    command: () => [node, 'apollo-client.mjs'],
    integration: 'Zendesk Sell',
    forgets: 'the cached list',
    namesakes: ['Account', 'Contact', 'Owner'],
  },
  {
    name: 'relay',
    command: () => [node, 'relay.mjs'],
    integration: 'Pipedrive',
    forgets: 'the list in the store',
    namesakes: ['Account', 'Contact', 'Owner'],
  },
  { name: 'typed', command: () => [node, 'typed.ts'], integration: 'Planhat' },
  { name: 'python', command: () => [python(), 'stdlib.py'], integration: 'Monday CRM' },
];

installPackages(folder, '75 MB');
const server = await shared(startServerProcess({}));
const witness = await shared(startWitness(server.endpoint));
const sandbox = await shared(startSandbox());
/** One that wants a token. */
const guarded = await shared(startServerProcess({ AUTH_MODE: 'passthrough', TRUTO_BASE_URL: sandbox.url }));

async function ask(query: string) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(server.endpoint, { method: 'POST', headers, body: JSON.stringify({ query }) });
  const { data, errors } = await response.json();
  expect(errors).toBeUndefined();
  return data;
}

async function listIds(account: string): Promise<readonly string[]> {
  const { engagements } = await ask(`{ engagements(integratedAccountId: "${account}", first: 100) { nodes { id } } }`);
  return engagements.nodes.map(({ id }: { id: string }) => id);
}

describe.each(programs)('$name', ({ name, command, integration, forgets, namesakes }) => {
  const account = sandboxAccount(integration).id;
  /** What the server calls the records of those types with that id. */
  async function nameAll(types: readonly string[], id: string): Promise<readonly string[]> {
    const resources: Record<string, NodeKey['resource']> = { Account: 'accounts', Contact: 'contacts', Owner: 'users' };
    const names = types.map(async (type) => {
      const nodeId = writeNodeId({
        resource: resources[type] ?? 'notes',
        integratedAccountId: account,
        kind: null,
        id,
      });
      const { node } = await ask(`{ node(nodeId: "${nodeId}") { ... on ${type} { name } } }`);
      return `${type} ${node.name}`;
    });
    return Promise.all(names);
  }
  const run = (env: Record<string, string>, ...args: string[]) =>
    runProgram([...command(), ...args], folder, { ACCOUNT: account, ...env });

  it('lists engagements, deletes the first under a key of its own, and says so', async () => {
    const before = await listIds(account);
    const seenBefore = witness.seen.length;
    const { code, output } = await run({ ENDPOINT: witness.endpoint });
    const [, id = '', rest] = new RegExp(`^${name}: deleted (\\S+), DELETED\n([^]*)$`).exec(output) ?? [output];
    const kept = namesakes ? await nameAll(namesakes, id) : [];
    const lines = [
      ...(forgets ? [`${name}: ${forgets} no longer has it\n`] : []),
      ...(namesakes ? [`${name}: still there with the same id: ${kept.join(', ')}\n`] : []),
    ];
    expect({ code, rest }).toEqual({ code: 0, rest: lines.join('') });

    expect(before[0]).toBe(id);
    expect(await listIds(account)).toEqual(before.slice(1));
    const gone = await ask(`{ engagement(id: "${id}", integratedAccountId: "${account}") { id } }`);
    // Pipedrive keeps deleted ones readable for 30 days.
    expect(gone).toEqual({ engagement: integration === 'Pipedrive' ? { id } : null });

    const seen = witness.seen.slice(seenBefore);
    const keys = seen.map(({ query, headers }) => [/^\s*mutation/.test(query), headers['idempotency-key']]);
    const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
    expect(keys.filter(([isDelete]) => isDelete)).toEqual([[true, expect.stringMatching(uuid)]]);
    expect(keys.filter(([isDelete, key]) => !isDelete && key !== undefined)).toEqual([]);
  });

  it('deletes the engagement that its argument names', async () => {
    const before = await listIds(account);
    const id = before[3] ?? '';
    const { code, output } = await run({}, server.endpoint, id);
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining(`${name}: deleted ${id}`) });
    expect(await listIds(account)).toEqual(before.filter((other) => other !== id));
  });

  it('distinguishes a refusal from an unknown outcome', async () => {
    const refused = await run({}, server.endpoint, 'fault-422');
    expect(refused.code).toBe(1);
    expect(refused.output).toMatch(new RegExp(`^${name}: not deleted, RemoteApiError\\. .*status 422.*\n$`));
    const unknown = await run({}, server.endpoint, 'fault-504');
    expect(unknown.code).toBe(1);
    expect(unknown.output).toMatch(new RegExp(`^${name}: perhaps deleted.*status 504.*\n$`));
  });

  it('sends a token if one is needed, and reports a missing one', async () => {
    const without = await run({}, guarded.endpoint);
    expect(without.code).toBe(1);
    expect(without.output).toMatch(new RegExp(`^${name}: failed\\. .*token.*\n$`, 'i'));
    const { code, output } = await run({ TOKEN: sandboxToken }, guarded.endpoint);
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining(`${name}: deleted`) });
    const [, id = ''] = /deleted ([^\s,]+),/.exec(output) ?? [];
    expect(sandbox.wasDeleted(account, id)).toBe(true);
  });
});

/** Sends a hash first, as Apollo's links for persisted queries do; then follows a bulk delete. */
const apolloProgram = `
  import { createHash } from 'node:crypto';
  import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
  import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
  const [, uri, id] = process.argv;
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  const link = new PersistedQueryLink({ sha256 }).concat(new HttpLink({ uri }));
  const client = new ApolloClient({ cache: new InMemoryCache(), link });
  const { data } = await client.query({ query: gql\`{ integrations { name } }\` });
  console.log(data.integrations.length);
  const query = gql\`subscription ($id: ID!) { bulkDeleteProgress(id: $id) { state outcomes { deleted } } }\`;
  client.subscribe({ query, variables: { id } }).subscribe({
    next: ({ data, error }) => console.log(JSON.stringify(data?.bulkDeleteProgress ?? String(error))),
    complete: () => console.log('complete'),
  });
`;

it('Apollo Client over HTTP falls back from a hash to its query, and follows a bulk delete to its end', async () => {
  await using setting = await startSetting({ engagementsPerAccount: 200, latencyMs: 250 });
  const account = sandboxAccount('Capsule');
  const ids = seedEngagements(account, 200).map(({ id }) => id);
  const { id } = await started(setting.facade.post, { integratedAccountId: account.id, ids });
  const program = ['--input-type=module', '--eval', apolloProgram, '--', `${setting.facade.url}/graphql`, id];
  const { code, output } = await runProgram([node, ...program], folder);
  const [count, ...lines] = output.trimEnd().split('\n');
  expect([code, count, lines.pop()]).toEqual([0, '14', 'complete']);
  expect(lines.length).toBeGreaterThan(1);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ state: 'COMPLETED', outcomes: { deleted: 200 } });
});

describe('the files generated for them', () => {
  // Not followed by Git, and below the packages: what runs there finds them.
  const scratch = join(folder, 'reports/');
  beforeAll(() => mkdirSync(scratch, { recursive: true }));
  afterAll(() => rmSync(scratch, { recursive: true }));
  const tsc = [node, join(folder, 'node_modules/typescript/bin/tsc')];

  it("has the types of the published schema, for gql.tada's documents", async () => {
    const cli = [node, join(folder, 'node_modules/gql.tada/bin/cli.js'), 'generate-output'];
    const output = join(scratch, 'graphql-env.d.ts');
    expect(await runProgram([...cli, '--output', output], folder)).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, 'graphql-env.d.ts'), 'utf8')).toBe(readFileSync(output, 'utf8'));
  });

  it("has what Relay's compiler makes of its documents", async () => {
    const compiler = fileURLToPath(import.meta.resolve('relay-compiler/cli.js'));
    const { code, output } = await runProgram([node, compiler, '--validate', 'relay.config.json'], folder);
    expect({ code, output }).toMatchObject({ code: 0 });
  });

  it('compiles, and no longer does when a member of the result is forgotten', async () => {
    expect(await runProgram([...tsc, '-p', '.'], folder)).toEqual({ code: 0, output: '' });
    const typed = readFileSync(join(folder, 'typed.ts'), 'utf8').replaceAll("'./", "'../");
    writeFileSync(join(scratch, 'forgetful.ts'), typed.replace("case 'AccountBlockedError':", ''));
    const config = { extends: '../tsconfig.json', include: ['forgetful.ts'] };
    writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify(config));
    const { code, output } = await runProgram([...tsc, '-p', scratch], folder);
    expect(code).not.toBe(0);
    expect(output).toMatch(/^reports\/forgetful\.ts.*AccountBlockedError.*never[^\n]*\n$/s);
  });
});
