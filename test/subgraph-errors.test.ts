import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { bearer } from './support/service.ts';
import { json, startUpstream } from './support/upstream.ts';

describe.each(['federation', 'stitching'])('the answer to a gateway for %s', (dialect) => {
  const reading =
    'query ($at: DateTime, $first: Int) { engagements(integratedAccountId: "a", first: $first, filter: { createdAt: { gt: $at } }) { nodes { id } } }';
  const unauthorised = { query: '{ engagement(id: 1, integratedAccountId: "a") { id } }' };
  const somebody = bearer('canary-of-a-caller');
  const cases: readonly (readonly [what: string, code: string, body: object, headers: Record<string, string>])[] = [
    ['a bad date', 'BAD_USER_INPUT', { query: reading, variables: { at: 'yesterday' } }, somebody],
    ['an oversized number', 'BAD_USER_INPUT', { query: reading, variables: { first: 3_000_000_000 } }, somebody],
    ['a number beyond 2^53', 'BAD_USER_INPUT', { query: reading, variables: { first: 2 ** 60 } }, {}],
    ['a bad idempotency key', 'BAD_USER_INPUT', { query: reading }, { ...somebody, 'idempotency-key': 'a b' }],
    ['no token', 'UNAUTHENTICATED', unauthorised, {}],
    ['a token of another kind', 'UNAUTHENTICATED', unauthorised, { authorization: 'Basic eDp5' }],
    ['a field that is not there', 'GRAPHQL_VALIDATION_FAILED', { query: '{ nothing }' }, somebody],
    ['a document that is none', 'GRAPHQL_PARSE_FAILED', { query: '{' }, {}],
    ['a missing operation', 'OPERATION_RESOLUTION_FAILURE', { query: '{ __typename }', operationName: 'X' }, {}],
    ['no operation at all', 'BAD_REQUEST', {}, {}],
  ];

  it.each(cases)('for %s is 200 with the code %s', async (_what, code, body, more) => {
    await using upstream = await startUpstream(json(204, undefined), 'capsule');
    await using facade = await startTestFacade(upstream.url, { SUBGRAPH: dialect, AUTH_MODE: 'passthrough' });
    for (const accept of ['application/json', 'application/graphql-response+json, application/json', '*/*']) {
      const headers = { 'content-type': 'application/json', accept, ...more };
      const response = await fetch(`${facade.url}/graphql`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ errors: [{ message: expect.any(String), extensions: { code } }] });
    }
    expect(upstream.seen).toEqual([]);
  });

  it('has its own status for an invalid GraphQL request', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'capsule');
    await using facade = await startTestFacade(upstream.url, { SUBGRAPH: dialect, AUTH_MODE: 'passthrough' });
    const send = async (init: RequestInit) => (await fetch(`${facade.url}/graphql`, init)).status;
    const headers = { 'content-type': 'application/json' };
    const statuses = [
      await send({ method: 'GET' }),
      await send({ method: 'POST', body: '{}' }),
      await send({ method: 'POST', body: 'x'.repeat(300_000), headers }),
      await send({ method: 'POST', body: new Uint8Array([0xff]), headers }),
    ];
    expect(statuses).toEqual([405, 415, 413, 400]);
  });
});
