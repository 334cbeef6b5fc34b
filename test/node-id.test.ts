import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findIntegration, integrations } from '../src/engagement/integrations.ts';
import { type NodeKey, nodeKind, readNodeId, writeNodeId } from '../src/engagement/node-id.ts';
import { checkId } from '../src/engagement/rules.ts';
import { sandboxAccount, sandboxAccounts } from '../src/sandbox/accounts.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { seededEngagement } from './sandbox-call.ts';
import { closing } from './support/closing.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, type FakeUpstream, json, startUpstream } from './support/upstream.ts';

const key: NodeKey = { resource: 'engagements', integratedAccountId: 'a', kind: 'call', id: '5' };

describe('a node id', () => {
  it('is read back as it was written', () => {
    // Any valid id. No record has another, and node ids with others are not read.
    const id = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((text) => checkId(text, []).length === 0);
    const related = fc.constantFrom<NodeKey['resource']>('users', 'contacts', 'accounts', 'notes');
    const ids = { integratedAccountId: id, id };
    const any = fc.oneof(
      fc.record({ resource: fc.constant<NodeKey['resource']>('engagements'), kind: fc.option(id), ...ids }),
      fc.record({ resource: related, kind: fc.constant(null), ...ids }),
    );
    fc.assert(
      fc.property(any, (each) => {
        expect(readNodeId(writeNodeId(each))).toEqual(each);
      }),
    );
  });

  it('differs with the resource, the integrated account, the type and the id', () => {
    const keys: NodeKey[] = [
      key,
      { ...key, resource: 'contacts', kind: null },
      { ...key, resource: 'accounts', kind: null },
      { ...key, integratedAccountId: 'b' },
      { ...key, kind: 'meeting' },
      { ...key, kind: null },
      { ...key, id: '6' },
    ];
    expect(new Set(keys.map(writeNodeId)).size).toBe(keys.length);
  });

  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  it.each([
    ['empty', ''],
    ['no base64url', '%%%'],
    ['base64 with padding', Buffer.from('["contacts","a",null,"5"]').toString('base64')],
    ['no JSON', Buffer.from('["contacts"').toString('base64url')],
    ['JSON with spaces', Buffer.from('["contacts", "a", null, "5"]').toString('base64url')],
    ['no list', encoded({ resource: 'contacts' })],
    ['a list that is too long', encoded(['contacts', 'a', null, '5', '6'])],
    ['of an unknown resource', encoded(['constructor', 'a', null, '5'])],
    ['of a number', encoded(['contacts', 'a', null, 5])],
    ['of a dot segment', encoded(['contacts', 'a', null, '..'])],
    ['of an account that cannot be', encoded(['contacts', '', null, '5'])],
    ['of a contact with a kind', encoded(['contacts', 'a', 'call', '5'])],
    ['of an engagement with an empty kind', encoded(['engagements', 'a', '', '5'])],
    ['with bytes that are no UTF-8', Buffer.from('["contacts","a",null,"\xff"]', 'latin1').toString('base64url')],
  ])('is refused when it is %s', (_what, text) => {
    expect(readNodeId(text)).toBeUndefined();
  });
});

describe('the type in a node id', () => {
  it.each(integrations.map((each) => [each.name, each] as const))('exists in %s if a type is required', (_, each) => {
    expect(nodeKind(each, 'CALL')).toBe(each.requiresEngagementType ? 'call' : null);
    expect(nodeKind(each, null)).toBeNull();
  });

  it.each(['brandnewcrm', 'hubspot'])('exists in %s, where it is unknown whether an id is enough', (name) => {
    const support = findIntegration(name);
    expect(nodeKind(support.kind === 'supported' ? support.integration : null, 'Call')).toBe('call');
  });

  it("keeps a provider's own type as it is: a read sends it", () => {
    expect(nodeKind(null, ' Task')).toBe('Task');
    expect(nodeKind(null, ' ')).toBeNull();
  });
});

async function ask(facade: TestFacade, query: string, variables: object = {}) {
  const { body } = await facade.post(query, variables);
  expect(body.errors).toBeUndefined();
  return body.data;
}

const listQuery = `query ($account: ID!) {
  engagements(integratedAccountId: $account, first: 100) { nodes { id nodeId } } }`;
const readQuery = `query ($id: ID!, $account: ID!, $type: EngagementType) {
  engagement(id: $id, integratedAccountId: $account, engagementType: $type) { nodeId } }`;
const nodeQuery = `query ($nodeId: ID!) {
  node(nodeId: $nodeId) { __typename nodeId ... on Engagement { id integratedAccountId subject } ... on Owner { id name } ... on Contact { id name } } }`;
const deleteQuery = `mutation ($id: ID!, $account: ID!, $type: EngagementType, $snapshot: Boolean! = false) {
  deleteEngagement(id: $id, integratedAccountId: $account, engagementType: $type, snapshot: $snapshot) {
    ... on DeleteEngagementSuccess { deletedNodeId engagement { nodeId } warnings } } }`;

describe.each(sandboxAccounts.filter(({ rule }) => rule).map((each) => [each.integration.label, each] as const))(
  'of an engagement in %s, the node id',
  (_label, account) => {
    it('is the same in a list, a read, by itself and after its delete, with and without a snapshot', async () => {
      await using sandbox = closing(await startSandbox());
      await using facade = await startTestFacade(sandbox.url);
      for (const [index, snapshot] of [false, true].entries()) {
        const { id, engagement_type: ownType } = seededEngagement(account, index);
        const type = account.rule?.requiresEngagementType ? ownType?.toUpperCase() : null;
        const variables = { id, account: account.id, type, snapshot };
        const { engagements } = await ask(facade, listQuery, variables);
        const listed = engagements.nodes.find((each: { id: string }) => each.id === id).nodeId;
        const { engagement } = await ask(facade, readQuery, variables);
        expect(engagement.nodeId).toBe(listed);
        const { node } = await ask(facade, nodeQuery, { nodeId: listed });
        expect(node).toMatchObject({ __typename: 'Engagement', nodeId: listed, id, integratedAccountId: account.id });
        // The second request runs as a prepared operation.
        const deleted = { deletedNodeId: listed, engagement: { nodeId: listed }, warnings: [] };
        expect(await ask(facade, deleteQuery, variables)).toEqual({ deleteEngagement: deleted });
        // Some providers still return a part of it.
        if (!account.rule?.softDeletes)
          expect(await ask(facade, nodeQuery, { nodeId: listed })).toEqual({ node: null });
      }
    });
  },
);

/** A call 5 and a meeting 5, and a user, a contact and an account with the same id. */
const numbered: Answer = ({ path, query }, response) => {
  const [, , , resource = '', id] = path.split('/');
  const engagement = (type: unknown) => ({
    ...{ id: '5', engagement_type: type, subject: `${type} 5` },
    ...{ owner: { id: '5' }, contact: [{ id: '5' }], account: { id: '5' } },
  });
  if (resource !== 'engagements') json(200, { id, name: `${resource} ${id}` })({} as never, response);
  else if (id !== undefined) json(200, engagement(query.engagement_type))({} as never, response);
  else json(200, { result: [engagement('call'), engagement('meeting')], next_cursor: null })({} as never, response);
};

const reads = ({ seen }: FakeUpstream) => seen.filter(({ path }) => path.startsWith('/unified/crm/'));

describe('node ids', () => {
  const subject = `nodes { nodeId subject owner { id nodeId } contacts { id nodeId } account { id nodeId } }`;

  it('distinguish records with the same id, and cost no read', async () => {
    await using facade = await startFacadeOver(numbered, {}, 'Close');
    const { engagements } = await ask(facade, `{ engagements(integratedAccountId: "a") { ${subject} } }`);
    const [call, meeting] = engagements.nodes;
    const ids = [call.nodeId, meeting.nodeId, call.owner.nodeId, call.contacts[0].nodeId, call.account.nodeId];
    expect(new Set(ids).size).toBe(5);
    expect(meeting.owner.nodeId).toBe(call.owner.nodeId);
    expect(reads(facade.upstream)).toHaveLength(1);
    // Without it, a call and a meeting could not be distinguished.
    expect(reads(facade.upstream)[0]?.query.truto_exclude_fields).not.toContain('engagement_type');

    const { node } = await ask(facade, nodeQuery, { nodeId: meeting.nodeId });
    expect(node).toMatchObject({ nodeId: meeting.nodeId, subject: 'meeting 5' });
    const owner = await ask(facade, nodeQuery, { nodeId: call.owner.nodeId });
    expect(owner.node).toEqual({ __typename: 'Owner', nodeId: call.owner.nodeId, id: '5', name: 'users 5' });
    const contact = await ask(facade, nodeQuery, { nodeId: call.contacts[0].nodeId });
    expect(contact.node).toMatchObject({ __typename: 'Contact', name: 'contacts 5' });
  });

  it.each([undefined, 'brandnewcrm'])('distinguish a call from a meeting also in the integration %s', async (name) => {
    await using facade = await startFacadeOver(numbered, {}, name);
    const { engagements } = await ask(facade, listQuery, { account: 'a' });
    const [call, meeting] = engagements.nodes;
    expect(call.nodeId).not.toBe(meeting.nodeId);
    const variables = { id: '5', account: 'a', type: 'CALL' };
    expect((await ask(facade, readQuery, variables)).engagement.nodeId).toBe(call.nodeId);
    expect((await ask(facade, deleteQuery, variables)).deleteEngagement.deletedNodeId).toBe(call.nodeId);
  });

  it('have the requested type if the record has none', async () => {
    await using facade = await startFacadeOver(json(200, { id: '5' }), {}, 'Close');
    const variables = { id: '5', account: 'a', type: 'CALL' };
    const { engagement } = await ask(facade, readQuery, variables);
    expect(engagement.nodeId).toBe(writeNodeId(key));
    expect((await ask(facade, deleteQuery, variables)).deleteEngagement.deletedNodeId).toBe(engagement.nodeId);
  });

  it.each([
    ['engagementType: CALL', 'call'],
    ['filter: { engagementType: CALL }', 'call'],
    ['rawEngagementType: "task"', 'task'],
  ])('have the requested type in a list with %s if the records have none', async (argument, kind) => {
    await using upstream = await startUpstream(json(200, { result: [{ id: '5' }], next_cursor: null }), 'Close');
    await using facade = await startTestFacade(upstream.url);
    const { engagements } = await ask(
      facade,
      `{ engagements(integratedAccountId: "a", ${argument}) { nodes { nodeId } edges { node { nodeId } } } }`,
    );
    const nodeId = writeNodeId({ ...key, kind });
    expect(engagements).toEqual({ nodes: [{ nodeId }], edges: [{ node: { nodeId } }] });
  });

  it('have the requested type after a create if the record has none', async () => {
    await using upstream = await startUpstream(json(201, { id: '5' }), 'Close');
    await using facade = await startTestFacade(upstream.url);
    const { createEngagement } = await ask(
      facade,
      `mutation { createEngagement(integratedAccountId: "a", input: { engagementType: CALL, subject: "x" }) {
        ... on CreateEngagementSuccess { engagement { nodeId } } } }`,
    );
    expect(createEngagement).toEqual({ engagement: { nodeId: writeNodeId(key) } });
  });

  it('have the requested type in a snapshot after an unknown outcome if the record has none', async () => {
    const lost: Answer = (request, response) =>
      json(request.method === 'DELETE' ? 500 : 200, { id: '5' })(request, response);
    await using upstream = await startUpstream(lost, 'Close');
    await using facade = await startTestFacade(upstream.url);
    const { deleteEngagement } = await ask(
      facade,
      `mutation { deleteEngagement(id: "5", integratedAccountId: "a", engagementType: CALL, snapshot: true) {
        ... on OutcomeUnknownError { engagement { nodeId } } } }`,
    );
    expect(deleteEngagement).toEqual({ engagement: { nodeId: writeNodeId(key) } });
  });

  it('of a delete need only its arguments', async () => {
    await using facade = await startFacadeOver(json(200, { id: '5' }), {}, 'Pipedrive');
    const { deleteEngagement } = await ask(facade, deleteQuery, { id: '5', account: 'a' });
    expect(deleteEngagement.warnings).toEqual([]);
    expect(facade.upstream.deletes()[0]?.query.truto_exclude_fields).toContain('engagement_type');
  });
});

describe('Query.node', () => {
  it('refuses an invalid node id, with its path, and sends nothing', async () => {
    await using facade = await startFacadeOver(numbered, {}, 'Close');
    const { body } = await facade.post(nodeQuery, { nodeId: 'nonsense' });
    expect(body.data).toEqual({ node: null });
    expect(body.errors).toMatchObject([
      { path: ['node'], extensions: { code: 'INVALID_INPUT', issues: [{ path: ['nodeId'] }] } },
    ]);
    expect(facade.upstream.seen).toEqual([]);
  });

  it('reads nothing of an integrated account without access', async () => {
    await using upstream = await startUpstream(numbered, 'Close');
    const env = { ...serviceEnv, TRUTO_BASE_URL: upstream.url, JWT_SECRET: jwtSecret };
    await using facade = await startTestFacade(upstream.url, env);
    const token = await signToken({ integrated_accounts: ['b'] });
    const { body } = await facade.post(nodeQuery, { nodeId: writeNodeId(key) }, bearer(token));
    expect(body.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
    const unproven = await facade.post(nodeQuery, { nodeId: writeNodeId(key) });
    expect(unproven.body.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    expect(upstream.seen).toEqual([]);
  });

  it('is null for a record that upstream does not find', async () => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url);
    const integratedAccountId = sandboxAccount('Capsule').id;
    const nodeId = writeNodeId({ resource: 'contacts', integratedAccountId, kind: null, id: 'nobody' });
    expect(await ask(facade, nodeQuery, { nodeId })).toEqual({ node: null });
  });
});

it('an entity with a node id is read by it, and an engagement by the type in it', async () => {
  await using facade = await startFacadeOver(numbered, { SUBGRAPH: 'federation' }, 'Close');
  const askFor = (of: readonly object[], selection: string) =>
    facade.post(`query ($of: [_Any!]!) { _entities(representations: $of) { ${selection} } }`, { of });
  const node = (resource: NodeKey['resource'], kind: string | null, __typename: string) => ({
    ...{ __typename, nodeId: writeNodeId({ resource, integratedAccountId: 'a', kind, id: '5' }) },
  });
  const of = [
    ...[node('engagements', 'call', 'Engagement'), node('engagements', 'meeting', 'Engagement')],
    ...[node('users', null, 'Owner'), node('accounts', null, 'Account')],
  ];
  const selection = '__typename ... on Engagement { nodeId } ... on Owner { nodeId } ... on Account { nodeId }';
  const { body } = await askFor(of, selection);
  expect(body.data._entities).toEqual(of);
  const seen = reads(facade.upstream).map(({ path, query }) => [path, query.engagement_type]);
  expect(seen).toEqual([
    ['/unified/crm/engagements/5', 'call'],
    ['/unified/crm/engagements/5', 'meeting'],
    ['/unified/crm/users/5', undefined],
    ['/unified/crm/accounts/5', undefined],
  ]);

  const other = await askFor([{ ...of[2], __typename: 'Account' }], '__typename');
  expect(other.body.errors).toMatchObject([{ path: ['_entities', 0], extensions: { code: 'BAD_USER_INPUT' } }]);
});
