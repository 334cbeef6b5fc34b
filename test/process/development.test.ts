import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { shared } from '../support/shared.ts';

/** Requests whose responses could show more in development: errors of every kind, the schema, pages. */
const requests: readonly (readonly [what: string, path: string, init: RequestInit])[] = [
  ...[
    ['a syntax error', 'mutation {'],
    ['an unknown field', '{ integration { name } }'],
    ['a variable of another type', 'query ($x: Int!) { __typename }'],
    ['a refused delete', 'mutation { deleteEngagement(id: "..", integratedAccountId: "a") { __typename } }'],
    ['a delete without a response', 'mutation { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }'],
    ['a read without a response', '{ engagement(id: 1, integratedAccountId: "a") { subject } }'],
    ['introspection', '{ __schema { types { name } } }'],
    ['the type of a name', '{ __type(name: "Query") { name } }'],
  ].map(([what, query]) => [what, '/graphql', { method: 'POST', body: JSON.stringify({ query }) }] as never),
  ['a body that is no JSON', '/graphql', { method: 'POST', body: '{"query": canary' }],
  ['a body that is no object', '/graphql', { method: 'POST', body: '7' }],
  ['a page for people', '/graphql', { headers: { accept: 'text/html' } }],
  ['the root', '/', { headers: { accept: 'text/html' } }],
  ['a wrong address', '/nowhere', {}],
];

describe('S11 NODE_ENV=development', async () => {
  const env = { TRUTO_BASE_URL: 'http://127.0.0.1:1', AUTH_MODE: 'passthrough' };
  const servers = [
    await shared(startServerProcess(env)),
    await shared(startServerProcess({ ...env, NODE_ENV: 'development', DEBUG: '1' })),
  ];

  async function answerOf({ endpoint }: ServerProcess, path: string, init: RequestInit) {
    const headers = { 'content-type': 'application/json', authorization: 'Bearer canary-of-a-caller', ...init.headers };
    for (;;) {
      const response = await fetch(new URL(path, endpoint), { ...init, headers });
      const text = await response.text();
      if (response.status !== 503) return { status: response.status, type: response.headers.get('content-type'), text };
      // On a busy machine it takes itself for overloaded. Nothing was executed then.
      await sleep(100);
    }
  }

  it.each(requests)('does not change the response to %s, which has no stack', async (_what, path, init) => {
    const [usual, developing] = await Promise.all(servers.map((server) => answerOf(server, path, init)));
    expect(developing).toEqual(usual);
    expect(developing?.text).not.toMatch(/stack|originalError|node_modules|\.ts:\d|"types"|<script|Did you mean/);
  });
});
