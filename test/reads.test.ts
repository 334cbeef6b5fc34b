import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { remote, truto } from './support/outcome.ts';
import { shared } from './support/shared.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

let answer: Answer;
const upstream = await shared(startUpstream((request, response) => answer(request, response), 'capsule'));
const facade = await shared(startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '1000' }));

const one = (args: string, selection = 'id subject') => facade.post(`{ engagement(${args}) { ${selection} } }`);
const page = (args: string, selection = 'nodes { id }') =>
  facade.post(`{ engagements(integratedAccountId: "a" ${args}) { ${selection} } }`);
const lastSeen = () => upstream.seen.at(-1);

describe('Query.engagement', () => {
  it('reads one record, and only its selected fields', async () => {
    answer = json(200, { id: 'e 1', subject: 'Hello', content: 'unasked' });
    const { body } = await one('id: "e 1", integratedAccountId: "a", engagementType: CALL', 'subject owner { id }');
    expect(body).toEqual({ data: { engagement: { subject: 'Hello', owner: null } } });
    expect(lastSeen()).toMatchObject({ method: 'GET', path: '/unified/crm/engagements/e%201' });
    expect(lastSeen()?.query).toMatchObject({
      integrated_account_id: 'a',
      engagement_type: 'call',
      truto_ignore_remote_data: 'true',
    });
    expect(lastSeen()?.query.truto_exclude_fields).toHaveLength(18);
    expect(lastSeen()?.query.truto_exclude_fields).not.toContain('owner');
  });

  it('is a record with its own status that is no failure', async () => {
    answer = json(200, { id: '1', subject: 'Hello', statusCode: 399, truto_is_remote_error: false });
    const { body } = await one('id: 1, integratedAccountId: "a"');
    expect(body).toEqual({ data: { engagement: { id: '1', subject: 'Hello' } } });
  });

  it.each([404, 410])('is null when upstream answers %i', async (statusCode) => {
    answer = truto(statusCode);
    expect((await one('id: 1, integratedAccountId: "a"')).body).toEqual({ data: { engagement: null } });
  });

  const broken: [string, Answer, object][] = [
    ['INVALID_INPUT', truto(400), { issues: [] }],
    ['FORBIDDEN', remote(403), { missingScopes: [] }],
    ['ACCOUNT_NEEDS_REAUTH', remote(401), {}],
    ['ACCOUNT_BLOCKED', truto(503), {}],
    ['RATE_LIMITED', truto(429, {}, { 'retry-after': '3' }), { retryAfterMs: 3000 }],
    ['REMOTE_API_ERROR', remote(409), { statusCode: 409 }],
    ['UPSTREAM_UNAVAILABLE', truto(500), {}],
    ['UPSTREAM_UNAVAILABLE', json(200, undefined), {}],
    ['UPSTREAM_UNAVAILABLE', json(200, [1]), {}],
    ['UPSTREAM_UNAVAILABLE', json(200, { id: '1', statusCode: 400 }), {}],
    ['UPSTREAM_UNAVAILABLE', json(200, { id: '1', truto_is_remote_error: true }), {}],
    ['UPSTREAM_UNAVAILABLE', json(200, { error: 'no field that was asked for' }), {}],
    ['UPSTREAM_UNAVAILABLE', (_request, response) => response.destroy(), {}],
    ['UPSTREAM_UNAVAILABLE', () => {}, {}],
  ];
  it.each(broken)('is null with the code %s for an error that a reader can act on', async (code, failing, details) => {
    answer = failing;
    // Its own account, because a rate limit pauses it.
    const { status, body } = await one(`id: 1, integratedAccountId: "${code}"`);
    expect(status).toBe(200);
    expect(body.data).toEqual({ engagement: null });
    expect(body.errors).toMatchObject([{ path: ['engagement'] }]);
    expect(body.errors[0].extensions).toEqual({ code, ...details });
    expect(JSON.stringify(body)).not.toMatch(/canary|deleted/);
  });

  it.each(['""', '"."', '".."'])('refuses the id %s before anything is sent', async (id) => {
    const before = upstream.seen.length;
    const { body } = await one(`id: ${id}, integratedAccountId: "a"`);
    expect(body.errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT', issues: [{ path: ['id'] }] } }]);
    expect(upstream.seen).toHaveLength(before);
  });
});

describe('Query.engagements', () => {
  it.each([
    ['created_at', ['filter', 'createdAt']],
    ['limit', ['first']],
    ['next_cursor', ['after']],
    ['engagement_type', ['engagementType']],
  ])('names the argument of %s, which Truto refuses', async (name, path) => {
    answer = truto(400, { message: `${name} is invalid` });
    const { body } = await page('');
    expect(body.errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT', issues: [{ path }] } }]);
  });

  it('is a page with its cursors', async () => {
    answer = json(200, { result: [{ id: '1' }, { id: 2 }, { name: 'no id' }, null], next_cursor: 'n=2&x' });
    const selection =
      'nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
    const { body } = await page('first: 3, after: "n=1"', selection);
    expect(body.data.engagements).toEqual({
      nodes: [{ id: '1' }, { id: '2' }],
      edges: [
        { cursor: null, node: { id: '1' } },
        { cursor: 'n=2&x', node: { id: '2' } },
      ],
      pageInfo: { hasNextPage: true, hasPreviousPage: true, startCursor: 'n=1', endCursor: 'n=2&x' },
    });
    expect(lastSeen()?.query).toMatchObject({ limit: '3', next_cursor: 'n=1' });
  });

  it('is the first one with an empty cursor, and none is sent', async () => {
    answer = json(200, { result: [], next_cursor: null });
    const { body } = await page('after: ""', 'pageInfo { hasPreviousPage startCursor }');
    expect(body.data.engagements.pageInfo).toEqual({ hasPreviousPage: false, startCursor: null });
    expect(lastSeen()?.query).not.toHaveProperty('next_cursor');
  });

  it('ends when upstream has no further cursor', async () => {
    answer = json(200, { result: [], next_cursor: null });
    const { body } = await page('', 'edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor }');
    expect(body.data.engagements).toEqual({
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, endCursor: null },
    });
    expect(lastSeen()?.query).toMatchObject({ limit: '25' });
    expect(lastSeen()?.query).not.toHaveProperty('next_cursor');
  });

  it("sends every filter with Truto's operators", async () => {
    answer = json(200, { result: [] });
    const filter = `{ owner: 1, contact: 2, account: 3, opportunity: 4, lead: 5, subject: "s&", content: "c", status: "done",
      createdAt: { gt: "2026-01-01T00:00:00Z", lt: "2026-02-01T00:00:00Z" }, updatedAt: { gt: "2026-01-02T00:00:00Z" },
      startTime: { lt: "2026-01-03T00:00:00Z" }, endTime: { lt: "2026-01-04T00:00:00Z" } }`;
    await page(`engagementType: MEETING, sortBy: UPDATED_AT, sortDirection: ASC, filter: ${filter}`);
    expect(lastSeen()?.query).toMatchObject({
      engagement_type: 'meeting',
      owner: { id: '1' },
      contact: [{ id: '2' }],
      account: { id: '3' },
      opportunity: [{ id: '4' }],
      lead: [{ id: '5' }],
      subject: 's&',
      content: 'c',
      status: 'done',
      created_at: { gt: '2026-01-01T00:00:00.000Z', lt: '2026-02-01T00:00:00.000Z' },
      updated_at: { gt: '2026-01-02T00:00:00.000Z' },
      start_time: { lt: '2026-01-03T00:00:00.000Z' },
      end_time: { lt: '2026-01-04T00:00:00.000Z' },
      sort_by: { updated_at: 'asc' },
    });
  });

  it('requests the fields that nodes and edges select together', async () => {
    answer = json(200, { result: [] });
    await page(
      '',
      'edges { node { subject } } ...F } } fragment F on EngagementConnection { nodes { remoteData contacts { id } ',
    );
    const excluded = lastSeen()?.query.truto_exclude_fields;
    expect(excluded).toHaveLength(18);
    expect(excluded).not.toContain('subject');
    expect(excluded).not.toContain('contact');
    expect(lastSeen()?.query).not.toHaveProperty('truto_ignore_remote_data');
  });

  it.each([
    ['first: 0', ['first']],
    ['first: 101', ['first']],
    ['filter: { owner: "" }', ['filter', 'owner']],
    ['filter: { contact: ".." }', ['filter', 'contact']],
  ])('refuses %s before anything is sent', async (args, path) => {
    const before = upstream.seen.length;
    const { body } = await page(args);
    expect(body.data).toEqual({ engagements: null });
    expect(body.errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT', issues: [{ path }] } }]);
    expect(upstream.seen).toHaveLength(before);
  });

  it('refuses two engagement types that contradict each other', async () => {
    const { body } = await page('engagementType: CALL, filter: { engagementType: NOTE }');
    expect(body.errors).toMatchObject([
      { extensions: { code: 'INVALID_INPUT', issues: [{ path: ['engagementType'] }] } },
    ]);
  });

  it.each([
    ['7', '7'],
    ['0', '0'],
    ['3652397000000512019', '3652397000000512019'],
    ['""', null],
    ['null', null],
  ])('continues after the cursor %s as the text %j', async (written, endCursor) => {
    answer = (_request, response) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(`{"result":[],"next_cursor":${written}}`);
    const { body } = await page('', 'pageInfo { hasNextPage endCursor }');
    expect(body.data.engagements.pageInfo).toEqual({ hasNextPage: endCursor !== null, endCursor });
  });

  it.each([
    [json(200, { result: 'none' })],
    [json(200, [])],
    [json(200, undefined)],
    [json(200, { result: [], next_cursor: { after: '1' } })],
    [json(200, { result: [], next_cursor: ['1'] })],
    [json(200, { result: [], next_cursor: false })],
  ])('reports an answer that is no page', async (odd) => {
    answer = odd;
    expect((await page('')).body.errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
  });
});

it('S02 reads of an account without access are FORBIDDEN, and nothing is sent', async () => {
  const { SignJWT } = await import('jose');
  const secret = 'a shared secret of more than 32 characters';
  const env = { AUTH_MODE: 'service', TRUTO_API_TOKEN: 't', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a', JWT_SECRET: secret };
  await using strict = await startTestFacade(upstream.url, env);
  const claims = new SignJWT({ integrated_accounts: ['b'] }).setProtectedHeader({ alg: 'HS256' });
  const token = await claims
    .setIssuer('i')
    .setAudience('a')
    .setSubject('s')
    .setExpirationTime('1m')
    .sign(new TextEncoder().encode(secret));
  const before = upstream.seen.length;
  const query =
    '{ engagement(id: 1, integratedAccountId: "a") { id } engagements(integratedAccountId: "a") { nodes { id } } }';
  const { body } = await strict.post(query, {}, { authorization: `Bearer ${token}` });
  expect(body.data).toEqual({ engagement: null, engagements: null });
  expect(body.errors.map(({ extensions }: { extensions: { code: string } }) => extensions.code)).toEqual([
    'FORBIDDEN',
    'FORBIDDEN',
  ]);
  expect(upstream.seen).toHaveLength(before);
});
