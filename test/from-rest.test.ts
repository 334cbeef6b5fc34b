import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import contract from '../schema/upstream.json' with { type: 'json' };
import { sandboxAccount, sandboxAccounts, sandboxToken } from '../src/sandbox/accounts.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { documentText, fieldRows, parameterRows, type Sample, samplePairs } from './from-rest/document.ts';
import { mappedFields, toGraphQL } from './from-rest/mapping.ts';
import { callSandbox, engagementCall, seededEngagement } from './sandbox-call.ts';
import { startTestFacade } from './support/facade.ts';
import { installPackages } from './support/install-packages.ts';
import { pythonWith } from './support/python.ts';
import { runProgram } from './support/run-program.ts';
import { shared } from './support/shared.ts';

/**
 * Truto's own SDKs are on no registry that is reached from here: what stands in for them sends the same request. The
 * document says so.
 */
const standIns = fileURLToPath(new URL('from-rest/', import.meta.url));
const clients = fileURLToPath(new URL('../examples/clients/', import.meta.url));

installPackages(clients, '75 MB');
/** One that is called as REST always was, and one just like it behind the facade. */
const plain = await shared(startSandbox());
const fronted = await shared(startSandbox());
const facade = await shared(startTestFacade(fronted.url, { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: fronted.url }));
const folder = mkdtempSync(join(tmpdir(), 'from-rest-'));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'node_modules/@truto/truto-ts-sdk'), { recursive: true });
cpSync(join(standIns, 'truto-ts-sdk.mjs'), join(folder, 'node_modules/@truto/truto-ts-sdk/index.mjs'));
const manifest = { name: '@truto/truto-ts-sdk', exports: './index.mjs' };
writeFileSync(join(folder, 'node_modules/@truto/truto-ts-sdk/package.json'), JSON.stringify(manifest));
symlinkSync(join(clients, 'node_modules/graphql-request'), join(folder, 'node_modules/graphql-request'));

/** Runs a program of the document with the addresses of these servers, and reads the JSON that it prints. */
async function run({ language, code }: Sample) {
  const runners: Record<string, () => readonly string[]> = {
    bash: () => ['bash', 'sample'],
    javascript: () => [process.execPath, 'sample.mjs'],
    python: () => [pythonWith('requests', 'python3-requests'), 'sample'],
  };
  const command = runners[language]?.() ?? [];
  const text = code.replaceAll('http://127.0.0.1:4010', plain.url).replaceAll('http://127.0.0.1:4000', facade.url);
  writeFileSync(join(folder, command[1] ?? ''), text);
  const { code: exitCode, output } = await runProgram(command, folder, {
    PYTHONPATH: standIns,
    PYTHONDONTWRITEBYTECODE: '1',
  });
  expect({ exitCode, output }).toEqual({ exitCode: 0, output: expect.stringMatching(/^\{.*\}\n?$/s) });
  return JSON.parse(output);
}

const pairs = samplePairs();

describe('docs/from-rest.md: the samples', () => {
  const account = sandboxAccount('Planhat').id;

  it("are the five of Truto's page", () => {
    const names = ['curl', 'JavaScript', 'Python', 'Truto TS SDK', 'Truto Python SDK'];
    expect(pairs.map(({ name }) => name)).toEqual(names);
  });

  it.each(pairs)('$name deletes the same engagement on both sides, and says the same', async ({ rest, graphql }) => {
    const deletes = () =>
      [plain, fronted].map(({ requests }) => requests.filter(({ method }) => method === 'DELETE').length);
    const [restBefore = 0, graphqlBefore = 0] = deletes();
    const record = await run(rest);
    expect(plain.wasDeleted(account, record.id)).toBe(true);
    expect(fronted.wasDeleted(account, record.id)).toBe(false);

    const { data } = await run(graphql);
    const { engagement, ...result } = data.deleteEngagement;
    const success = { __typename: 'DeleteEngagementSuccess', deletedEngagementId: record.id, outcome: 'DELETED' };
    expect(result).toEqual(success);
    expect(fronted.wasDeleted(account, record.id)).toBe(true);
    expect(deletes()).toEqual([restBefore + 1, graphqlBefore + 1]);

    const names = Object.keys(engagement);
    expect(names.length).toBeGreaterThan(2);
    expect(engagement).toEqual(toGraphQL(record, names));
  });
});

const whole = mappedFields.map(({ selection }) => selection).join(' ');

async function deleteHere(id: string, account: string, args: string, selection = `engagement { ${whole} }`) {
  const query = `mutation { deleteEngagement(id: "${id}", integratedAccountId: "${account}" ${args}) {
    __typename ... on DeleteEngagementSuccess { ${selection} } ... on Error { message } } }`;
  const { body } = await facade.post(query, {}, { authorization: `Bearer ${sandboxToken}` });
  expect(body.errors).toBeUndefined();
  expect(body.data.deleteEngagement).toMatchObject({ __typename: 'DeleteEngagementSuccess' });
  return body.data.deleteEngagement;
}

/** The fields that had a value to compare, in one integration or another. */
const compared = new Set<string>();

const accounts = sandboxAccounts.filter(({ rule }) => rule);

describe.each(accounts.map((account) => [account.integration.label, account] as const))('in %s', (_label, account) => {
  const kindOf = (type?: string | null) =>
    account.rule?.requiresEngagementType ? `engagementType: ${String(type).toUpperCase()}` : '';
  // The first one has a value in every field that the integration supports; those after it are the samples'.
  const [second, first, third] = [0, 10, 11].map((place) => seededEngagement(account, place));
  if (!first || !second || !third) throw new RangeError('There are too few engagements');

  it("every field of REST's delete is where the document says", async () => {
    const { status, body = {} } = await callSandbox(plain, engagementCall('DELETE', account, first));
    expect([200, 204]).toContain(status);
    const { engagement } = await deleteHere(first.id, account.id, kindOf(first.engagement_type));
    expect(engagement).toEqual({ ...toGraphQL(body), id: first.id });
  });

  it("with a snapshot, every field of REST's read is there, too", async () => {
    const { status, body = {} } = await callSandbox(plain, engagementCall('GET', account, second));
    expect(status).toBe(200);
    const { engagement } = await deleteHere(second.id, account.id, `snapshot: true ${kindOf(second.engagement_type)}`);
    expect(engagement).toEqual(toGraphQL(body));
    for (const [name, value] of Object.entries(engagement)) if (value !== null) compared.add(name);
  });

  it('the raw format is the same body', async () => {
    const call = engagementCall('DELETE', account, third, { truto_response_format: 'raw' });
    const { body = null } = await callSandbox(plain, call);
    const { raw } = await deleteHere(third.id, account.id, `format: RAW ${kindOf(third.engagement_type)}`, 'raw');
    expect(raw).toEqual(body);
  });
});

describe('docs/from-rest.md: the seed', () => {
  it('has no field that was never compared', () => {
    expect([...compared].sort()).toEqual(mappedFields.map(({ graphql }) => graphql).sort());
  });

  const parameters = [...contract.pathParameters, ...contract.queryParameters];
  const lineOf = (rows: typeof parameterRows, name: string) => rows.find((row) => row.name === name);

  it.each(parameters)('maps the parameter $name', ({ name, ...parameter }) => {
    const row = lineOf(parameterRows, name);
    expect(row?.now).toEqual('argument' in parameter ? parameter.argument : expect.stringMatching(/^none: /));
    for (const value of 'allowed' in parameter ? (parameter.allowed ?? []) : []) {
      expect(row?.line).toContain(`\`${value}\``);
      expect(row?.line).toContain(`\`${value.toUpperCase()}\``);
    }
    if ('onlyWhen' in parameter) expect(row?.line).toContain('`EMAIL`');
  });

  const names = contract.responseFields
    // This field has two fields in GraphQL. The row of the first also names the second.
    .filter(({ graphql }) => graphql !== 'rawEngagementType')
    .flatMap(({ name, select, wire, fields = [] }) => {
      const inside = fields.map((field) => [`${name}${Array.isArray(wire) ? '[]' : ''}.${field}`, field] as const);
      return [
        [name, select] as const,
        ...inside.map(([path, field]) => [path, `${select.split(' ')[0]} { ${field} }`] as const),
      ];
    });

  it.each(names)('says that the field %s is now %s', (name, selection) => {
    expect(lineOf(fieldRows, name)?.now).toBe(selection);
  });

  it('has no row that the contract does not know', () => {
    expect(parameterRows.map(({ name }) => name)).toEqual(parameters.map(({ name }) => name));
    expect(fieldRows.map(({ name }) => name)).toEqual(names.map(([name]) => name));
    expect(fieldRows.length).toBe(33);
  });

  it('names the address, the second face of the type, and every integration', () => {
    for (const text of [`${contract.method} ${contract.path}`, '`rawEngagementType`', ...contract.integrations])
      expect(documentText).toContain(text);
  });
});
