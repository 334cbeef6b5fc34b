import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { listen } from './support/listen.ts';
import { noContent, type RawRequest, startRawUpstream } from './support/raw-upstream.ts';
import { runs } from './support/runs.ts';
import { shared } from './support/shared.ts';

const stranger = await shared(listen(createServer((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'))));
const upstream = await shared(startRawUpstream([noContent]));
const facade = await shared(startTestFacade(upstream.url));

const documents = {
  remove: `mutation ($id: ID! = "e1", $account: ID! = "a", $parameters: DeleteEngagementParameters, $remoteQuery: JSONObject) {
    deleteEngagement(id: $id, integratedAccountId: $account, engagementType: EMAIL, parameters: $parameters, remoteQuery: $remoteQuery) {
      __typename } }`,
  read: `query ($id: ID! = "e1", $account: ID! = "a") { engagement(id: $id, integratedAccountId: $account) { subject } }`,
  list: `query ($account: ID! = "a", $after: String, $filter: EngagementFilter) {
    engagements(integratedAccountId: $account, after: $after, filter: $filter) { nodes { subject } } }`,
};
type Kind = keyof typeof documents;

/** Posts on a connection of its own, with headers that `fetch` would not let through, and waits for the answer's end. */
async function post(
  kind: Kind,
  variables: object,
  headers: Record<string, string> = {},
  extensions?: object,
): Promise<void> {
  const outgoing = request(`${facade.url}/graphql`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', ...headers },
  });
  outgoing.end(JSON.stringify({ query: documents[kind], variables, extensions }));
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  expect(response.statusCode).toBeLessThan(500);
}

/** The bytes of a request without the two parts that may differ: its target, and the random key of each delete. */
const form = ({ head }: RawRequest) =>
  head.replace(/^(\w+) \S+ HTTP/, '$1 * HTTP').replace(/(?<=\r\nidempotency-key: )[\x21-\x7e]+(?=\r\n)/, '*');

const targets: Readonly<Record<Kind, RegExp>> = {
  remove: /^DELETE \/unified\/crm\/engagements\/[^/?#\s]+\?integrated_account_id=[\x21-\x7e]+ HTTP\/1\.1\r\n/,
  read: /^GET \/unified\/crm\/engagements\/[^/?#\s]+\?integrated_account_id=[\x21-\x7e]+ HTTP\/1\.1\r\n/,
  list: /^GET \/unified\/crm\/engagements\?integrated_account_id=[\x21-\x7e]+ HTTP\/1\.1\r\n/,
};
const lookup = /^GET \/integrated-account\/[^/?#\s]+ HTTP\/1\.1\r\n/;

/** The form of ordinary requests, to compare with. */
const usual = new Set<string>();
beforeEach(async () => {
  if (usual.size > 0) return;
  await post('remove', {});
  await post('list', {});
  for (const seen of upstream.requests) usual.add(form(seen));
  expect([...usual]).toEqual([
    expect.stringMatching(`^GET \\* HTTP/1.1\r\nhost: 127.0.0.1:${upstream.port}\r\n`),
    expect.stringMatching(`^DELETE \\* HTTP/1.1\r\nhost: 127.0.0.1:${upstream.port}\r\n`),
  ]);
});

/** Sends it, and fails unless upstream saw nothing, or one request (and one look-up) in its usual form. */
async function expectHarmless(
  kind: Kind,
  ...rest: [variables: object, headers?: Record<string, string>, extensions?: object]
) {
  const before = upstream.requests.length;
  await post(kind, ...rest);
  const seen = upstream.requests.slice(before);
  for (const one of seen) expect(usual).toContain(form(one));
  const others = seen.filter(({ head }) => !lookup.test(head));
  expect(seen.length - others.length).toBeLessThanOrEqual(1);
  expect(others.length).toBeLessThanOrEqual(1);
  for (const { head } of others) expect(head).toMatch(targets[kind]);
  expect(stranger.connectionCount()).toBe(0);
}

/** Fails unless text in that place goes upstream: one that no request has would be harmless for ever. */
async function expectToArrive(kind: Kind, make: (text: string) => object) {
  const before = upstream.requests.length;
  await post(kind, make('honestly'));
  const others = upstream.requests.slice(before).filter(({ head }) => !lookup.test(head));
  expect(others.map(({ head }) => head)).toEqual([expect.stringMatching(/^\w+ \S*honestly\S* HTTP/)]);
}

const places: readonly (readonly [place: string, kind: Kind, make: (text: string) => object])[] = [
  ['id of an engagement to delete', 'remove', (id) => ({ id })],
  ['integratedAccountId of a delete', 'remove', (account) => ({ account })],
  ...['content', 'subject', 'direction', 'status'].map(
    (name) => [`parameter ${name}`, 'remove', (text: string) => ({ parameters: { [name]: text } })] as const,
  ),
  ['parameter account', 'remove', (id) => ({ parameters: { account: { id } } })],
  ['parameter contacts', 'remove', (id) => ({ parameters: { contacts: [{ id: 'c' }, { id }] } })],
  ['value in a remoteQuery', 'remove', (text) => ({ remoteQuery: { a: text, b: [text], c: [{ d: text }] } })],
  ['name in a remoteQuery', 'remove', (text) => ({ remoteQuery: { [text]: 1, a: { [text]: { [text]: 'b' } } } })],
  ['id of an engagement to read', 'read', (id) => ({ id })],
  ['integratedAccountId of a read', 'read', (account) => ({ account })],
  ['integratedAccountId of a list', 'list', (account) => ({ account })],
  ['cursor', 'list', (after) => ({ after })],
  ...['owner', 'contact', 'account', 'opportunity', 'lead', 'subject', 'content', 'status'].map(
    (name) => [`filter ${name}`, 'list', (text: string) => ({ filter: { [name]: text } })] as const,
  ),
];

/** A server or proxy may read these as the end of a line or of a request. The last bytes of U+560D and U+560A are CR and LF. */
const lineBreaks = [
  '\r\nx-evil: 1',
  'a\nx-evil: 1',
  'a\rb',
  '\u0000',
  ' HTTP/1.1\r\nhost: evil\r\n\r\nDELETE /unified/crm/engagements/e2?integrated_account_id=a HTTP/1.1\r\nhost: evil\r\n\r\n',
  '\u560d\u560ax-evil: 1',
  '%0d%0ax-evil: 1',
  '%250d%250a',
  '\u0085\u2028\u2029\u000b\u000c',
  'x HTTP/1.1',
];

describe('S06 a line break or NUL in', () => {
  it.each(places)('the %s changes no method, header or count of requests', async (_place, kind, make) => {
    await expectToArrive(kind, make);
    for (const text of lineBreaks) await expectHarmless(kind, make(text));
  });

  it('the idempotency key is refused', async () => {
    const before = upstream.requests.length;
    for (const idempotencyKey of lineBreaks.filter((text) => /[^\x21-\x7e]/.test(text)))
      await post('remove', {}, {}, { idempotencyKey });
    expect(upstream.requests).toHaveLength(before);
  });
});

describe('S16 nothing in a request changes where it goes:', () => {
  const hosts = (host: string) => [
    `http://${host}/`,
    `//${host}/`,
    `\\\\${host}\\`,
    `/\\${host}`,
    `@${host}/`,
    `:80@${host}`,
    `../../..//${host}/`,
    `..;/..;/${host}`,
    `?host=${host}`,
    `#@${host}`,
    `%2f%2f${host}`,
    `http:%2f%2f${host}`,
    host,
    `.${host}`,
  ];

  it.each(places)('no host in the %s', async (_place, kind, make) => {
    await expectToArrive(kind, make);
    for (const text of hosts(stranger.host)) await expectHarmless(kind, make(text));
  });

  it.each([
    ['host', (host: string) => host],
    ['x-forwarded-host', (host: string) => host],
    ['x-forwarded-server', (host: string) => host],
    ['x-host', (host: string) => host],
    ['forwarded', (host: string) => `for=1.2.3.4;host=${host};proto=http`],
    ['x-forwarded-for', (host: string) => host],
    ['x-forwarded-proto', () => 'gopher'],
    ['x-forwarded-port', (host: string) => host.split(':')[1] ?? ''],
    ['x-forwarded-prefix', (host: string) => `//${host}`],
    ['x-original-url', (host: string) => `http://${host}/admin`],
    ['x-rewrite-url', () => '/unified/crm/contacts/1'],
    ['x-http-method-override', () => 'DELETE'],
    ['x-method-override', () => 'GET'],
    ['origin', (host: string) => `http://${host}`],
    ['referer', (host: string) => `http://${host}/`],
    ['base-url', (host: string) => `http://${host}`],
    ['x-truto-base-url', (host: string) => `http://${host}`],
    ['proxy', (host: string) => `http://${host}`],
    ['via', (host: string) => `1.1 ${host}`],
    ['cookie', (host: string) => `host=${host}`],
    ['user-agent', (host: string) => host],
    ['accept-encoding', () => 'gzip'],
    ['te', () => 'trailers'],
    // A well-formed one does, by its own rules: see tracing.test.ts.
    ['traceparent', (host: string) => `00-${host}`],
    ['baggage', (host: string) => `host=${host}`],
  ])('not the header %s, nor does it go upstream', async (name, make) => {
    for (const kind of ['remove', 'read', 'list'] as const)
      await expectHarmless(kind, {}, { [name]: make(stranger.host) });
  });

  it('not any text anywhere', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.webUrl(),
      fc.string({
        unit: fc.constantFrom('/', '\\', '.', '..', '@', ':', '?', '#', '%2f', '%', '\r\n', 'http', '127.0.0.1', ' '),
        maxLength: 12,
      }),
      fc.constantFrom(...hosts('127.0.0.1:9')),
    );
    const header = fc.stringMatching(/^[\x21-\x7e]{1,20}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...places),
        text,
        header,
        fc.domain(),
        async ([, kind, make], input, value, host) => {
          await expectHarmless(kind, make(input), { 'x-forwarded-host': value, referer: value, host });
        },
      ),
      { numRuns: runs(300) },
    );
  });
});
