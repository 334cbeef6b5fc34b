import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { startFacadeOver } from './support/facade-over.ts';
import { listen } from './support/listen.ts';
import { json } from './support/upstream.ts';

/** Ways to point at a host, some of which clients follow without being asked. */
const pointers: readonly (readonly [what: string, headers: (host: string) => Record<string, string>])[] = [
  ['an address', (host) => ({ location: `http://${host}/unified/crm/engagements/e1` })],
  ['an address without a scheme', (host) => ({ location: `//${host}/` })],
  ['an address with a user', (host) => ({ location: `http://user:pass@${host}/` })],
  ['a path of its own', () => ({ location: '/unified/crm/engagements/e2' })],
  ['nothing', () => ({})],
  [
    'a refresh, a link and another service',
    (host) => ({
      refresh: `0; url=http://${host}/`,
      link: `<http://${host}/>; rel=preload`,
      'alt-svc': `h2="${host}"`,
    }),
  ],
];
const statuses = [300, 301, 302, 303, 304, 305, 307, 308, 399];
const cases = [
  ...statuses.map((status) => [status, ...(pointers[0] ?? [])] as const),
  ...pointers.slice(1).map((pointer) => [307, ...pointer] as const),
] as readonly (readonly [number, ...(typeof pointers)[number]])[];

const record = '{"id":"e1","subject":"of a stranger"}';
const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${record.length}\r\n\r\n`;
const remove =
  'mutation { deleteEngagement(id: "e1", integratedAccountId: "a") { __typename ... on OutcomeUnknownError { lastStatusCode } } }';

it.each(cases)(
  'S15 a redirect by %i to %s is not followed: no other server gets the request',
  async (status, _to, headers) => {
    await using stranger = await listen(createServer((socket) => socket.end(head + record)));
    const redirect = json(status, undefined, headers(stranger.host));
    await using facade = await startFacadeOver(redirect, { AUTH_MODE: 'passthrough' }, redirect);
    const authorization = { authorization: 'Bearer canary-of-a-caller' };

    const deleted = await facade.post(remove, {}, authorization);
    expect(deleted.body.data.deleteEngagement).toEqual({ __typename: 'OutcomeUnknownError', lastStatusCode: status });
    for (const query of [
      '{ engagement(id: "e1", integratedAccountId: "a") { subject } }',
      '{ engagements(integratedAccountId: "a") { nodes { subject } } }',
    ]) {
      const { body } = await facade.post(query, {}, authorization);
      expect(body.errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
      expect(JSON.stringify(body)).not.toContain(stranger.host);
    }

    expect(stranger.connectionCount()).toBe(0);
    // The look-up of the account, the delete, two reads: each once, and with the token that is upstream's to see.
    expect(facade.upstream.seen.map(({ method }) => method)).toEqual(['GET', 'DELETE', 'GET', 'GET']);
    expect(new Set(facade.upstream.seen.map((request) => request.headers.authorization))).toEqual(
      new Set([authorization.authorization]),
    );
  },
);
