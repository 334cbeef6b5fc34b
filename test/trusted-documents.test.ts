import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { createFolder } from './support/folder.ts';
import { startNode } from './support/server-process.ts';
import { shared } from './support/shared.ts';
import { json } from './support/upstream.ts';

const { path: folder } = await shared(createFolder());

const text = 'mutation Delete($id: ID!) { deleteEngagement(id: $id, integratedAccountId: "a") { __typename } }';
const id = createHash('sha256').update(text).digest('hex');
const success = { data: { deleteEngagement: { __typename: 'DeleteEngagementSuccess' } } };

function written(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const manifest = written('manifest.json', JSON.stringify({ [id]: text }));
const only = { TRUSTED_DOCUMENTS: manifest, TRUSTED_DOCUMENTS_ONLY: '1', EXPOSE_SCHEMA: '0' };

async function post({ url }: TestFacade, body: object) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

describe('trusted documents', () => {
  it.each([
    ['documentId', { documentId: id }],
    ["documentId, with a parameter of the client's own", { documentId: id, id }],
    ["Apollo's persistedQuery", { extensions: { persistedQuery: { version: 1, sha256Hash: id } } }],
  ])('are executed by %s, the first time and prepared', async (_how, naming) => {
    await using facade = await startFacadeOver(json(204, undefined), only);
    for (const engagement of ['1', '2', '3'])
      expect(await post(facade, { ...naming, variables: { id: engagement } })).toEqual({ status: 200, body: success });
    expect(facade.upstream.deletes().map(({ path }) => path.split('/').at(-1))).toEqual(['1', '2', '3']);
  });

  it('are all that is executed where only they may be', async () => {
    await using facade = await startFacadeOver(json(204, undefined), only);
    // Known to the server as a prepared operation by now.
    await post(facade, { documentId: id, variables: { id: '1' } });
    const refused = [
      { query: text, variables: { id: '2' } },
      { query: '{ __typename }' },
      { documentId: id, query: text, variables: { id: '2' } },
      { documentId: 'unheard-of' },
      { documentId: 7, variables: { id: '2' } },
      {},
    ];
    for (const body of refused) {
      const answer = await post(facade, body);
      expect(answer).toMatchObject({ status: 400, body: { errors: [{ extensions: { code: 'UNTRUSTED_DOCUMENT' } }] } });
    }
    expect(facade.upstream.deletes()).toHaveLength(1);
  });

  it('may be sent together with others by default', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { TRUSTED_DOCUMENTS: manifest });
    expect((await post(facade, { documentId: id, variables: { id: '1' } })).body).toEqual(success);
    expect((await post(facade, { query: text, variables: { id: '2' } })).body).toEqual(success);
    expect((await post(facade, { query: '{ __typename }' })).body).toEqual({ data: { __typename: 'Query' } });
    for (const [body, code] of [
      [{ documentId: 'unheard-of' }, 'PERSISTED_QUERY_NOT_FOUND'],
      [{ extensions: { persistedQuery: { version: 1, sha256Hash: 'unheard-of' } } }, 'PERSISTED_QUERY_NOT_FOUND'],
      [{ documentId: 7 }, 'BAD_REQUEST'],
      [{}, 'BAD_REQUEST'],
    ] as const)
      expect(await post(facade, body)).toMatchObject({ status: 200, body: { errors: [{ extensions: { code } }] } });
  });

  it('mean nothing to a server that has none', async () => {
    await using facade = await startFacadeOver(json(204, undefined));
    expect((await post(facade, { documentId: id, variables: { id: '1' } })).status).toBe(400);
    expect(facade.upstream.deletes()).toEqual([]);
  });

  it.each([
    ['is not there', join(folder, 'nowhere.json'), /TRUSTED_DOCUMENTS: \/.*\/nowhere\.json .*\(ENOENT\)/],
    ['is no JSON', written('broken.json', '{'), /TRUSTED_DOCUMENTS: \/.*\/broken\.json .*JSON/],
    ['is a list', written('list.json', '["{ __typename }"]'), /TRUSTED_DOCUMENTS: \/.*\/list\.json .*object/],
    [
      'has documents that the schema does not allow',
      written('old.json', '{"a":"{ gone }","b":"{"}'),
      /a: Cannot query field "gone".*\n.*b: Syntax/,
    ],
  ])('R18 keep the server from starting when the manifest %s', async (_what, path, message) => {
    await expect(startTestFacade('http://127.0.0.1:1', { TRUSTED_DOCUMENTS: path })).rejects.toThrow(message);
  });

  it('R18 that the schema does not allow end the program with 1, and it prints why', async () => {
    const { exited, output } = startNode(['src/main.ts'], {
      PORT: '0',
      TRUSTED_DOCUMENTS: written('gone.json', '{"a":"{ gone }"}'),
    });
    expect(await exited).toBe(1);
    expect(output()).toMatch(/TRUSTED_DOCUMENTS: .*a: Cannot query field "gone"/s);
  });

  it('of schema/operations are in a manifest by the SHA-256 of their text', () => {
    const path = fileURLToPath(new URL('../schema/trusted-documents.json', import.meta.url));
    const entries = Object.entries<string>(JSON.parse(readFileSync(path, 'utf8')));
    expect(entries.length).toBeGreaterThan(5);
    for (const [key, document] of entries) expect(createHash('sha256').update(document).digest('hex')).toBe(key);
  });
});
