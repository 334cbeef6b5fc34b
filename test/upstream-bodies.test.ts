import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { GraphQLError } from 'graphql';
import { describe, expect, it, vi } from 'vitest';
import { createUpstreamClient } from '../src/upstream/client.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { hugeBodies } from './support/huge-bodies.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const remove = (argument = '') => `mutation { deleteEngagement(id: "e1", integratedAccountId: "a" ${argument}) {
  __typename ... on Error { message } ... on DeleteEngagementSuccess { outcome raw engagement { subject } warnings }
  ... on RemoteApiError { statusCode rawResponse } ... on OutcomeUnknownError { lastStatusCode rawResponse } } }`;

const read = '{ engagement(id: "e1", integratedAccountId: "a") { subject } }';

/** Posts one document to a facade with an upstream that answers like this, to all requests or only to the look-up of the account. */
async function answerTo(query: string, answer: Answer, isLookup = false, env: Record<string, string> = {}) {
  await using upstream = isLookup ? await startUpstream(json(204, undefined), answer) : await startUpstream(answer);
  await using facade = await startTestFacade(upstream.url, env);
  const { body } = await facade.post(query);
  return { ...body, requestCount: upstream.seen.filter(({ path }) => path.startsWith('/unified')).length };
}

describe.each(hugeBodies)('S14 an upstream body $way', ({ attempts, answer }) => {
  it.each(['', 'format: RAW'])('leaves the outcome of a delete unknown: %s', async (argument) => {
    const { data, errors, requestCount } = await answerTo(remove(argument), answer());
    expect(data.deleteEngagement).toMatchObject({
      __typename: 'OutcomeUnknownError',
      lastStatusCode: 200,
      rawResponse: null,
    });
    expect([errors, requestCount]).toEqual([undefined, attempts]);
  });

  it.each([400, 403, 404, 409])('makes a %i no refusal: the outcome is unknown', async (statusCode) => {
    const { data } = await answerTo(remove(), answer(statusCode));
    expect(data.deleteEngagement).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: statusCode });
  });

  it('does not matter for a rate limit', async () => {
    const { data } = await answerTo(remove(), answer(429));
    expect(data.deleteEngagement.__typename).toBe('RateLimitedError');
  });

  it('leaves the outcome of a failure unknown', async () => {
    const { data } = await answerTo(remove('remoteQuery: { a: 1 }'), answer(500));
    const unknown = { __typename: 'OutcomeUnknownError', lastStatusCode: 500, rawResponse: null };
    expect(data.deleteEngagement).toMatchObject(unknown);
  });

  it.each([
    ['a read', read],
    ['a list', '{ engagements(integratedAccountId: "a") { nodes { subject } } }'],
  ])('is an error of %s', async (_what, query) => {
    const { errors, requestCount } = await answerTo(query, answer());
    expect(errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
    expect(requestCount).toBe(1);
  });

  it('stops a delete with a snapshot', async () => {
    const { data, requestCount } = await answerTo(remove('snapshot: true'), answer());
    expect(data.deleteEngagement.__typename).toBe('UpstreamUnavailableError');
    expect(requestCount).toBe(1);
  });

  it('leaves the integration of the account unknown, and the delete is sent', async () => {
    const { data } = await answerTo(remove(), answer(), true);
    expect(data.deleteEngagement).toMatchObject({ __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' });
  });
});

const maxBytes = 2_000;

/** A record with exactly that many bytes as JSON, most of them in two-byte characters. */
function bodyOf(byteLength: number): Buffer {
  const rest = byteLength - Buffer.byteLength('{"id":"e1","subject":""}');
  return Buffer.from(JSON.stringify({ id: 'e1', subject: 'é'.repeat(Math.floor(rest / 2)) + 'x'.repeat(rest % 2) }));
}

const ways: readonly (readonly [way: string, answerWith: (body: Buffer) => Answer])[] = [
  [
    'with a Content-Length',
    (body) => (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
    },
  ],
  [
    'in chunks',
    (body) => async (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      for (const chunk of [body.subarray(0, 700), body.subarray(700, -1), body.subarray(-1)])
        await new Promise((resolve) => response.write(chunk, resolve));
      response.end();
    },
  ],
  [
    'until the connection ends',
    (body) => (_request, response) => {
      response.removeHeader('transfer-encoding');
      response.writeHead(200, { 'content-type': 'application/json', connection: 'close' }).end(body);
    },
  ],
];

it.each(['', 'format: RAW', 'snapshot: true'])(
  'S14 requests ask upstream not to compress, so that each body can be read: %s',
  async (argument) => {
    const compressing: Answer = ({ headers }, response) => {
      const body = Buffer.from(JSON.stringify({ id: 'e1', subject: 'Hello', integration: { name: 'capsule' } }));
      const type = { 'content-type': 'application/json' };
      if (headers['accept-encoding'] === 'identity') response.writeHead(200, type).end(body);
      else response.writeHead(200, { ...type, 'content-encoding': 'gzip' }).end(gzipSync(body));
    };
    await using facade = await startFacadeOver(compressing, {}, compressing);
    const { data } = (await facade.post(remove(argument))).body;
    expect(data.deleteEngagement).toMatchObject({ __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' });
    expect((await facade.post(read)).body).toEqual({ data: { engagement: { subject: 'Hello' } } });
  },
);

describe.each(ways)('S14 an upstream body %s', (_way, answerWith) => {
  const env = { MAX_UPSTREAM_BYTES: String(maxBytes) };
  const subject = JSON.parse(bodyOf(maxBytes).toString()).subject;

  it('is read up to the last of MAX_UPSTREAM_BYTES', async () => {
    const body = bodyOf(maxBytes);
    expect(body).toHaveLength(maxBytes);
    const unified = await answerTo(remove(), answerWith(body), false, env);
    expect(unified.data.deleteEngagement).toMatchObject({ engagement: { subject }, warnings: [] });
    const raw = await answerTo(remove('format: RAW'), answerWith(body), false, env);
    expect(raw.data.deleteEngagement.raw).toEqual({ id: 'e1', subject });
    const { data, errors } = await answerTo(read, answerWith(body), false, env);
    expect([data, errors]).toEqual([{ engagement: { subject } }, undefined]);
  });

  it('of one byte more is refused', async () => {
    const body = bodyOf(maxBytes + 1);
    expect(body).toHaveLength(maxBytes + 1);
    for (const argument of ['', 'format: RAW']) {
      const { data, requestCount } = await answerTo(remove(argument), answerWith(body), false, env);
      expect(data.deleteEngagement).toMatchObject({ __typename: 'OutcomeUnknownError', rawResponse: null });
      expect(requestCount).toBe(2);
    }
    const { data, errors, requestCount } = await answerTo(read, answerWith(body), false, env);
    expect(data).toEqual({ engagement: null });
    expect(errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
    expect(requestCount).toBe(1);
  });
});

describe('S24 an answer', () => {
  // Room for 16,000 characters.
  const env = { MAX_UPSTREAM_BYTES: String(maxBytes) };
  const large = 'x'.repeat(1_900);
  const codesIn = (errors: readonly { extensions: { code: string } }[]) => [
    ...new Set(errors.map(({ extensions }) => extensions.code)),
  ];

  it('leaves out values of a body with many aliases that do not fit, and still has the outcome', async () => {
    await using facade = await startFacadeOver(json(200, { id: 'e1', large }), env, 'capsule');
    const names = Array.from({ length: 10 }, (_, index) => `a${index}: raw`).join(' ');
    const query = `mutation { deleteEngagement(id: "e1", integratedAccountId: "a", format: RAW) {
      ... on DeleteEngagementSuccess { outcome deletedEngagementId ${names} } } }`;
    // The second request runs as a prepared operation.
    for (let round = 0; round < 2; round += 1) {
      const { data, errors } = (await facade.post(query)).body;
      const { outcome, deletedEngagementId, ...raws } = data.deleteEngagement;
      expect({ outcome, deletedEngagementId }).toEqual({ outcome: 'DELETED', deletedEngagementId: 'e1' });
      expect(Object.values(raws).filter((raw) => raw !== null)).toHaveLength(8);
      expect(codesIn(errors)).toEqual(['RESPONSE_TOO_LARGE']);
      expect(errors).toHaveLength(2);
    }
    expect(facade.upstream.deletes()).toHaveLength(2);
  });

  it('has room for all lists of deletes together', async () => {
    await using facade = await startFacadeOver(json(200, { large }), env);
    const list = (name: string) => `${name}: deleteEngagements(integratedAccountId: "a", format: RAW, items: [
      ${Array.from({ length: 6 }, (_, index) => `{ id: "${name}${index}" }`)}]) { results { ... on DeleteEngagementSuccess { outcome raw warnings } } }`;
    const { data, errors } = (await facade.post(`mutation { ${list('a')} ${list('b')} }`)).body;
    expect(errors).toBeUndefined();
    const results: { outcome: string; raw: unknown; warnings: string[] }[] = [...data.a.results, ...data.b.results];
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(12).fill('DELETED'));
    expect(results.filter(({ raw }) => raw !== null)).toHaveLength(7);
    for (const { raw, warnings } of results) expect(warnings.length).toBe(raw === null ? 1 : 0);
  });

  const ownerOf = { one: () => 'u', many: (index: number) => `u${index}` };
  it.each([
    ['one record that many refer to', 'one', 1],
    ['many records', 'many', 12],
  ] as const)('leaves out values that do not fit, of %s', async (_what, which, readCount) => {
    const page = Array.from({ length: 12 }, (_, index) => ({ id: `e${index}`, owner: { id: ownerOf[which](index) } }));
    await using upstream = await startUpstream((request, response) => {
      const isList = request.path.endsWith('/engagements');
      json(200, isList ? { result: page } : { id: request.path.split('/').at(-1), name: large })(request, response);
    });
    await using facade = await startTestFacade(upstream.url, env);
    const query = '{ engagements(integratedAccountId: "a") { nodes { id owner { name } } } }';
    const { data, errors } = (await facade.post(query)).body;
    const nodes: { id: string; owner: { name: string | null } | null }[] = data.engagements.nodes;
    expect(nodes.map(({ id }) => id)).toEqual(page.map(({ id }) => id));
    expect(nodes.filter(({ owner }) => owner?.name)).toHaveLength(8);
    expect(codesIn(errors)).toEqual(['RESPONSE_TOO_LARGE']);
    expect(upstream.seen.filter(({ path }) => path.includes('/users/'))).toHaveLength(readCount);
  });
});

describe("S24 lists of Truto's", () => {
  const listOf = (count: number) => Array.from({ length: count }, (_, index) => ({ id: `c${index}` }));

  it('with more than 10,000 items in an answer are left out, each with one error, and the outcome is not', async () => {
    const record = { id: 'e1', contact: listOf(6_000), phone_numbers: listOf(4_000) };
    await using upstream = await startUpstream(json(200, record), 'capsule');
    await using facade = await startTestFacade(upstream.url);
    const query = `mutation { deleteEngagement(id: "e1", integratedAccountId: "a") { ... on DeleteEngagementSuccess {
      outcome engagement { contacts { id } phoneNumbers { id } again: contacts { id } } } } }`;
    // The second request runs as a prepared operation.
    for (let round = 0; round < 2; round += 1) {
      const { data, errors } = (await facade.post(query)).body;
      const { outcome, engagement } = data.deleteEngagement;
      expect([outcome, engagement.contacts.length, engagement.phoneNumbers.length]).toEqual(['DELETED', 6_000, 4_000]);
      expect([engagement.again, errors.length]).toEqual([null, 1]);
      const path = ['deleteEngagement', 'engagement', 'again'];
      expect(errors[0]).toMatchObject({ path, extensions: { code: 'RESPONSE_TOO_LARGE' } });
    }
  });

  it('have at most 1,000 engagements in a page', async () => {
    let result = listOf(1_000);
    await using upstream = await startUpstream((...args) => json(200, { result, next_cursor: null })(...args));
    await using facade = await startTestFacade(upstream.url);
    const query = '{ engagements(integratedAccountId: "a") { nodes { id } } }';
    expect((await facade.post(query)).body.data.engagements.nodes).toEqual(result);
    result = listOf(1_001);
    expect((await facade.post(query)).body.errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
  });

  it('have at most 10,000 notes that are read before a delete', async () => {
    await using upstream = await startUpstream(json(200, { id: 'e1', notes: listOf(10_001) }));
    await using facade = await startTestFacade(upstream.url);
    const query = `mutation { deleteEngagement(id: "e1", integratedAccountId: "a", snapshot: true) {
      __typename ... on DeleteEngagementSuccess { engagement { notes { content } } } } }`;
    const { data } = (await facade.post(query)).body;
    expect(data.deleteEngagement.__typename).toBe('UpstreamUnavailableError');
    expect(upstream.seen.filter(({ path }) => path.includes('/notes/'))).toEqual([]);
  });

  it('of which no record can be read make as many errors as an answer shows', async ({ onTestFinished }) => {
    await using upstream = await startUpstream((request, response) => {
      const isEngagement = request.path.endsWith('/engagements/e1');
      json(isEngagement ? 200 : 403, isEngagement ? { id: 'e1', contact: listOf(300) } : {})(request, response);
    });
    await using facade = await startTestFacade(upstream.url);
    const made = vi.spyOn(Error, 'captureStackTrace');
    onTestFinished(() => made.mockRestore());
    const query = '{ engagement(id: "e1", integratedAccountId: "a") { contacts { id name title firstName } } }';
    const { data, errors } = (await facade.post(query)).body;
    const contact = { name: null, title: null, firstName: null };
    expect(data.engagement.contacts).toEqual(listOf(300).map(({ id }) => ({ id, ...contact })));
    expect(new Set(errors.map(({ path }: { path: unknown }) => JSON.stringify(path))).size).toBe(101);
    expect(errors[100].message).toMatch(/^800 more errors are not shown/);
    expect(made.mock.calls.filter(([error]) => error instanceof GraphQLError).length).toBeLessThan(250);
  });
});

it('S24 a large body with many values for its size is not parsed, and one of records is', async () => {
  const raw = (item: unknown, count: number) => json(200, Array(count).fill(item));
  const dense = (await answerTo(remove('format: RAW'), raw([], 100_000))).data.deleteEngagement;
  expect([dense.__typename, dense.lastStatusCode]).toEqual(['OutcomeUnknownError', 200]);
  const records = raw({ id: 'e1', status: 'open', tags: [1, 2] }, 20_000);
  expect((await answerTo(remove('format: RAW'), records)).data.deleteEngagement.outcome).toBe('DELETED');
});

it('S24 large bodies that arrive at once are parsed one per turn of the event loop', async () => {
  const count = 30;
  const waiting: ServerResponse[] = [];
  await using upstream = await startUpstream((_request, response) => {
    waiting.push(response);
    if (waiting.length === count) for (const each of waiting) each.end('x'.repeat(40_000));
  });
  const client = createUpstreamClient({
    baseUrl: new URL(upstream.url),
    ...{ maxUpstreamBytes: 50_000, requestTimeoutMs: 10_0000 },
  });
  let turn = 0;
  let isOver = false;
  const countTurns = () => {
    turn += 1;
    if (!isOver) setImmediate(countTurns);
  };
  countTurns();
  const deadlineAt = performance.now() + 60_000;
  const turns = Array.from({ length: count }, async () => {
    const request = { method: 'GET', path: '/unified', headers: {} } as const;
    const attempt = await client.attempt(request, { answerBy: deadlineAt, deadlineAt, streams: false, onDone() {} });
    expect(attempt).toMatchObject({ kind: 'answer', body: { kind: 'complete' } });
    return turn;
  });
  expect(new Set(await Promise.all(turns)).size).toBe(count);
  isOver = true;
  await client.close(0);
});
