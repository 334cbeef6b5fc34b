import type { GraphQLObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { wireFieldsOf } from '../src/engagement/record.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { remote, truto } from './support/outcome.ts';
import { schema } from './support/schema.ts';
import { type Answer, type FakeUpstream, json, startUpstream } from './support/upstream.ts';

const ids = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `${prefix}${index}` }));

/** Answers each related record with a name from its resource and id, and an engagement or page as given. */
function answerWith(engagement: object, page: readonly object[] = [], related?: Answer): Answer {
  return (request, response) => {
    const [, , , resource = '', id] = request.path.split('/');
    if (resource === 'engagements') json(200, id === undefined ? { result: page } : engagement)(request, response);
    else if (related) related(request, response);
    else
      json(200, { id, name: `${resource} ${id}`, title: `${resource} ${id}`, content: `${resource} ${id}` })(
        request,
        response,
      );
  };
}

const related = ({ seen }: FakeUpstream) =>
  seen.map(({ path }) => path).filter((path) => /^\/unified\/crm\/(?!engagements)/.test(path));
const engagementQuery = (selection: string) => `{ engagement(id: "e1", integratedAccountId: "a") { ${selection} } }`;

describe('related records', () => {
  const big = {
    id: 'e1',
    owner: { id: 'u1' },
    contact: [...ids('c', 20), ...ids('c', 10)],
    notes: ids('n', 5),
  };

  it('are read once each, and only when a field besides the id is selected', async () => {
    await using facade = await startFacadeOver(answerWith(big));
    const { body } = await facade.post(engagementQuery('owner { id name } contacts { id name } notes { id title }'));
    expect(body.errors).toBeUndefined();
    expect(body.data.engagement.contacts[29]).toEqual({ id: 'c9', name: 'contacts c9' });
    expect(body.data.engagement.owner).toEqual({ id: 'u1', name: 'users u1' });
    expect(related(facade.upstream)).toHaveLength(1 + 20 + 5);
    expect(new Set(related(facade.upstream)).size).toBe(1 + 20 + 5);
  });

  it('cost nothing when only their ids are selected', async () => {
    await using facade = await startFacadeOver(answerWith(big));
    const { body } = await facade.post(engagementQuery('owner { id __typename } contacts { id } notes { id }'));
    expect(body.data.engagement.contacts).toHaveLength(30);
    expect(related(facade.upstream)).toEqual([]);
  });

  it('of a page are read once for the whole page, at most 8 at a time', async () => {
    const page = Array.from({ length: 50 }, (_, index) => ({ id: `e${index}`, owner: { id: `u${index % 7}` } }));
    const latencyMs = 20;
    const late: Answer = (request, response) =>
      void setTimeout(() => answerWith({}, page)(request, response), latencyMs);
    await using facade = await startFacadeOver(late);
    const query = '{ engagements(integratedAccountId: "a", first: 50) { nodes { id owner { name } } } }';
    await facade.post(query);
    const beforeMs = performance.now();
    const { body } = await facade.post(query);
    const roundTrips = (performance.now() - beforeMs) / latencyMs;
    process.stdout.write(`a page of 50 with 7 owners took ${roundTrips.toFixed(1)} upstream round trips\n`);
    expect(body.data.engagements.nodes[49]).toEqual({ id: 'e49', owner: { name: 'users u0' } });
    expect(facade.upstream.seen).toHaveLength(2 * (1 + 7));
  });

  it('are never read more than 8 at a time in one integrated account, across all operations', async () => {
    let current = 0;
    let most = 0;
    const release: (() => void)[] = [];
    const counting: Answer = (request, response) => {
      current += 1;
      most = Math.max(most, current);
      release.push(() => {
        current -= 1;
        json(200, { name: 'x' })(request, response);
      });
      if (release.length >= 8) for (const answer of release.splice(0)) answer();
    };
    await using facade = await startFacadeOver(answerWith({ contact: ids('c', 20) }, [], counting));
    const query = engagementQuery('contacts { name }');
    await Promise.all([facade.post(query), facade.post(query)]);
    expect(related(facade.upstream)).toHaveLength(40);
    expect(most).toBe(8);
  });

  it('are read with only the selected fields, each set of fields separately', async () => {
    await using facade = await startFacadeOver(answerWith(big));
    await facade.post(engagementQuery('owner { name } again: owner { email name } third: owner { id email: name }'));
    const excluded = facade.upstream.seen
      .filter(({ path }) => path.endsWith('/users/u1'))
      .map(({ query }) => query.truto_exclude_fields as string[]);
    expect(excluded.map((fields) => fields.includes('email')).sort()).toEqual([false, true]);
    expect(excluded.every((fields) => !fields.includes('name') && fields.includes('urls'))).toBe(true);
  });

  it('have related records of their own', async () => {
    const nested: Answer = ({ path }, response) => {
      const record = path.includes('/contacts/')
        ? { account: { id: 'k1' }, owner: { id: 'u9' } }
        : { name: `name of ${path.split('/').at(-1)}` };
      json(200, record)({} as never, response);
    };
    await using facade = await startFacadeOver(answerWith({ contact: ids('c', 1) }, [], nested));
    const { body } = await facade.post(engagementQuery('contacts { account { id name } owner { id } }'));
    expect(body.data.engagement.contacts).toEqual([{ account: { id: 'k1', name: 'name of k1' }, owner: { id: 'u9' } }]);
    expect(related(facade.upstream)).toEqual(['/unified/crm/contacts/c0', '/unified/crm/accounts/k1']);
  });

  it.each([
    ['404', truto(404), 'NOT_FOUND', 1],
    ['403', remote(403), 'FORBIDDEN', 1],
    ['500', truto(500), 'UPSTREAM_UNAVAILABLE', 3],
    ['nothing', ((_request, response) => response.destroy()) as Answer, 'UPSTREAM_UNAVAILABLE', 3],
  ])('whose read answers %s are null, with an error at their path', async (_what, failing, code, attempts) => {
    const some: Answer = (request, response) =>
      (request.path.endsWith('c1') ? failing : json(200, { name: 'fine' }))(request, response);
    await using facade = await startFacadeOver(answerWith({ contact: ids('c', 3), subject: 'Hello' }, [], some));
    const { body } = await facade.post(engagementQuery('subject contacts { id name }'));
    expect(body.data.engagement).toEqual({
      subject: 'Hello',
      contacts: [
        { id: 'c0', name: 'fine' },
        { id: 'c1', name: null },
        { id: 'c2', name: 'fine' },
      ],
    });
    expect(body.errors).toMatchObject([{ path: ['engagement', 'contacts', 1, 'name'], extensions: { code } }]);
    expect(related(facade.upstream)).toHaveLength(2 + attempts);
  });

  it('of a delete are read after it, and their failure never affects its result', async () => {
    await using facade = await startFacadeOver(answerWith({ id: 'e1', owner: { id: 'u1' } }, [], truto(500)));
    const query = `mutation { deleteEngagement(id: "e1", integratedAccountId: "a") { ... on DeleteEngagementSuccess { outcome engagement { owner { id name } } } } }`;
    const { body } = await facade.post(query);
    expect(body.data.deleteEngagement).toEqual({ outcome: 'DELETED', engagement: { owner: { id: 'u1', name: null } } });
    const calls = facade.upstream.seen
      .map(({ method, path }) => `${method} ${path}`)
      .filter((call) => call.includes('/unified/'));
    const read = 'GET /unified/crm/users/u1';
    expect(calls).toEqual(['DELETE /unified/crm/engagements/e1', read, read, read]);
  });
});

describe('S19 loaders', () => {
  it('are never shared between callers, accounts or operations', async () => {
    const own: Answer = ({ headers, query }, response) =>
      json(200, { name: `${headers.authorization} in ${query.integrated_account_id}` })({} as never, response);
    await using upstream = await startUpstream(answerWith({ owner: { id: 'u1' } }, [], own));
    await using facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough' });
    const query = `{ one: engagement(id: 1, integratedAccountId: "a") { owner { name } } two: engagement(id: 1, integratedAccountId: "b") { owner { name } } }`;
    const callers = ['Bearer ann', 'Bearer bob'];
    const answers = await Promise.all(
      [...callers, ...callers].map((authorization) => facade.post(query, {}, { authorization })),
    );
    const names = answers.map(({ body }) => [body.data.one.owner.name, body.data.two.owner.name]);
    const expected = callers.map((caller) => [`${caller} in a`, `${caller} in b`]);
    expect(names).toEqual([...expected, ...expected]);
    expect(related(upstream)).toHaveLength(8);
  });

  it('do not cache a failure beyond the operation', async () => {
    let calls = 0;
    const once: Answer = (request, response) => {
      calls += 1;
      (calls === 1 ? truto(500) : json(200, { name: 'back' }))(request, response);
    };
    await using facade = await startFacadeOver(answerWith({ owner: { id: 'u1' } }, [], once));
    await facade.post(engagementQuery('owner { name }'));
    expect((await facade.post(engagementQuery('owner { name }'))).body.data.engagement.owner).toEqual({ name: 'back' });
  });
});

it.each([
  ['Owner', 'users'],
  ['Contact', 'contacts'],
  ['Account', 'accounts'],
  ['Opportunity', 'opportunities'],
  ['Lead', 'leads'],
  ['Project', 'projects'],
  ['Note', 'notes'],
  ['Engagement', 'engagements'],
] as const)('the type %s reads every documented field of %s, and no other', (typeName, resource) => {
  const fields = Object.values((schema.getType(typeName) as GraphQLObjectType).getFields());
  const read = fields
    // The first is in the request, the second is created by this server, the third has what is not documented.
    .filter(({ name }) => !['integratedAccountId', 'nodeId', 'additionalFields'].includes(name))
    .map(({ extensions }) => extensions.wireField ?? extensions.pothosExposedField);
  expect([...new Set(read)].sort()).toEqual([...wireFieldsOf(resource)].sort());
});
