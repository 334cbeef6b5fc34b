import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const read = '{ it: engagement(id: "e1", integratedAccountId: "a") { subject } }';
const remove = 'mutation { it: deleteEngagement(id: "e1", integratedAccountId: "a") { __typename } }';

/** A request, a body that belongs to another request, and whether the look-up of the account gets that body. */
const answers: readonly (readonly [what: string, query: string, body: object, isOfAccount: boolean])[] = [
  ['a read', read, { id: 'e2', subject: 'secret' }, false],
  ['a delete', remove, { id: 'e2', subject: 'secret' }, false],
  ['the look-up of an account', remove, { id: 'b', integration: { name: 'capsule' } }, true],
];

/** Requests to this machine bypass the proxy. */
const ways: readonly (readonly [string, Record<string, string>])[] = [
  ['directly', {}],
  ['where a proxy is set', { HTTPS_PROXY: 'http://127.0.0.1:1' }],
];

describe.each(ways)('the answer to another request, %s,', (_way, env) => {
  it.each(answers)('to %s closes its connection: later answers on it may be of other requests too', async (...row) => {
    const [, query, body, isOfAccount] = row;
    const connections: Socket[] = [];
    const ofAnother: Answer = (request, response) => {
      if (response.socket) connections.push(response.socket);
      json(200, body)(request, response);
    };
    await using upstream = await startUpstream(
      isOfAccount ? json(204, undefined) : ofAnother,
      isOfAccount ? ofAnother : 'capsule',
    );
    await using facade = await startTestFacade(upstream.url, env);
    const answer = await facade.post(query);
    expect(JSON.stringify(answer.body)).not.toContain('secret');
    expect(connections).toHaveLength(1);
    await expect.poll(() => connections[0]?.destroyed).toBe(true);
  });
});
