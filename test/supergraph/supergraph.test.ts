import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSchema } from '../../src/graphql/schema.ts';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { fetchGraphQL } from '../support/fetch-graphql.ts';
import { freePort } from '../support/free-port.ts';
import { installPackages } from '../support/install-packages.ts';
import { shared } from '../support/shared.ts';
import { gateways, serve } from './gateways.ts';
import { memberCases } from './members.ts';
import { type PostAnswer, post } from './post.ts';
import { folder, type RunningProcess, startProgram } from './processes.ts';
import recorded from './recorded.json' with { type: 'json' };
import { type Compositions, callerHeaders, compose, startSurroundings } from './supergraph.ts';

const startTimeoutMs = 120_000;

const account = sandboxAccount('Planhat');
const engagements = seedEngagements(account);
const accountId = account.id;

installPackages(folder);
const surroundings = await shared(startSurroundings());

const removal = `mutation Delete(
  $id: ID!, $account: ID!, $dryRun: Boolean! = false, $snapshot: Boolean! = false, $parameters: DeleteEngagementParameters,
  $withSubject: Boolean! = true
) {
  deleteEngagement(
    id: $id, integratedAccountId: $account, dryRun: $dryRun, snapshot: $snapshot, parameters: $parameters
  ) { ...Result }
}
fragment Result on DeleteEngagementResult {
  __typename
  ... on DeleteEngagementSuccess { deletedEngagementId outcome engagement { id subject @include(if: $withSubject) } warnings }
  ... on DeleteEngagementPlan { method wouldBeSent }
  ... on InvalidInputError { issues { path } }
  ... on RateLimitedError { retryAfterMs }
  ... on RemoteApiError { statusCode }
  ... on OutcomeUnknownError { retrySafe }
  ... on Error { message }
}`;

describe('a supergraph that was there before', () => {
  const errorsOf = (compositions: Compositions) => Object.values(compositions).map(({ errors }) => errors);
  const none = [[], [], [], []];

  it('is composed with the facade by every library, without loss', () => {
    const { before, after } = surroundings.compositions;
    expect(errorsOf(before)).toEqual(none);
    expect(errorsOf(after)).toEqual(none);
    for (const { sdl = '' } of Object.values(after)) {
      expect(sdl).toContain('deleteEngagement');
      expect(sdl).toContain('salesStage');
    }
  });

  it('that has types of the same names is composed once ours have a prefix', async () => {
    const link = '@link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
    const sdl = `extend schema ${link} type Query { people: [Contact!]! } type Contact { id: Int! name: String! } type NotFoundError { code: Int! }`;
    const theirs = { name: 'people', url: 'http://people', sdl };
    const oursWith = (typePrefix: string) => {
      const { extensions } = createSchema({ dialect: 'federation', typePrefix, provesCallers: true });
      return { name: 'engagements', url: 'http://engagements', sdl: String(extensions.sdl) };
    };
    const clashing = await compose([theirs, oursWith('')]);
    for (const errors of errorsOf(clashing)) expect(errors.join()).toContain('Contact');
    expect(errorsOf(await compose([theirs, oursWith('Crm')]))).toEqual(none);
  });
});

describe.each(gateways)('$name', (gateway) => {
  let before: RunningProcess;
  let after: RunningProcess;

  beforeAll(async () => {
    const { foreign, ours, compositions } = surroundings;
    [before, after] = await Promise.all([
      serve(gateway, foreign, compositions.before.apollo.sdl ?? ''),
      serve(gateway, [...foreign, ours[gateway.dialect]], compositions.after.apollo.sdl ?? ''),
    ]);
  }, startTimeoutMs);
  afterAll(async () => {
    await before?.[Symbol.asyncDispose]();
    await after?.[Symbol.asyncDispose]();
  });

  const ask = (query: string, variables: object = {}, headers: Readonly<Record<string, string>> = {}) =>
    post(after.url, query, variables, { ...callerHeaders, ...headers });
  const deletesOf = (id: string) =>
    surroundings.sandbox.requests.filter(({ method, url }) => method === 'DELETE' && url.includes(`/${id}?`));
  const place = gateways.indexOf(gateway) * 6;
  const ownId = (index: number) => engagements[place + index]?.id ?? '';

  it.each(recorded)('still answers $query as before, to the byte', async ({ query, variables, answer }) => {
    const old = await post(before.url, query, variables);
    const now = await post(after.url, query, variables);
    expect(now.text).toBe(old.text);
    expect(now.body).toEqual(answer);
  });

  it('joins both ways', async () => {
    const { body } = await ask(
      `query ($account: ID!) {
        team(id: "north") { contacts { id name salesStage } }
        engagements(integratedAccountId: $account, first: 2) { nodes { subject contacts { id name salesStage } account { territory balanceCents } } }
      }`,
      { account: accountId },
    );
    expect(body.errors).toBeUndefined();
    const [first] = body.data.team.contacts;
    expect(first).toEqual({ id: '6a4ae56c524efcf3426bffee', name: expect.any(String), salesStage: 'PROPOSAL' });
    expect(surroundings.foreign.map((subgraph) => subgraph.wasGivenCredential())).toEqual([false, false]);
    const [node] = body.data.engagements.nodes;
    expect(node.contacts[0]).toEqual(first);
    expect(node.account.territory).toMatch(/^territory of ./);
  });

  it('deletes, once, and reads no more than was selected', async () => {
    const id = ownId(0);
    const { body } = await ask(removal, { id, account: accountId });
    expect(body.errors).toBeUndefined();
    expect(body.data.deleteEngagement).toMatchObject({
      __typename: 'DeleteEngagementSuccess',
      deletedEngagementId: id,
      outcome: 'DELETED',
      engagement: { id, subject: expect.any(String) },
    });
    expect(deletesOf(id)).toHaveLength(1);
    const url = decodeURIComponent(deletesOf(id)[0]?.url ?? '');
    expect(url).not.toMatch(/truto_exclude_fields\[\d*\]=(subject|id)\b/);
    expect(url).toMatch(/truto_exclude_fields\[\d*\]=content\b/);
    expect(url).toContain('truto_ignore_remote_data=true');
    expect(surroundings.sandbox.wasDeleted(accountId, id)).toBe(true);
  });

  it('leaves out what a variable excludes', async () => {
    const id = ownId(1);
    const { body } = await ask(removal, { id, account: accountId, withSubject: false });
    expect(body.data.deleteEngagement.engagement).toEqual({ id });
    expect(decodeURIComponent(deletesOf(id)[0]?.url ?? '')).toMatch(/truto_exclude_fields\[\d*\]=subject\b/);
  });

  it.each(memberCases(gateways.indexOf(gateway)))('passes $member on', async ({ member, variables, deleteCount }) => {
    const before = surroundings.sandbox.requests.filter(({ method }) => method === 'DELETE').length;
    const { body } = await ask(removal, variables);
    expect(body.errors).toBeUndefined();
    expect(body.data.deleteEngagement.__typename).toBe(member);
    const sent = surroundings.sandbox.requests.filter(({ method }) => method === 'DELETE').length - before;
    expect(sent).toBe(deleteCount);
  });

  it('does two aliased deletes in order', async () => {
    const id = ownId(2);
    const { body } = await ask(
      `mutation ($id: ID!, $account: ID!) {
        first: deleteEngagement(id: $id, integratedAccountId: $account) { __typename }
        second: deleteEngagement(id: $id, integratedAccountId: $account) { __typename ... on Error { message } }
      }`,
      { id, account: accountId },
    );
    expect(body.data).toMatchObject({
      first: { __typename: 'DeleteEngagementSuccess' },
      second: { __typename: 'NotFoundError' },
    });
  });

  it("forwards the caller's token", async () => {
    const headers = { authorization: 'Bearer of-another-caller' };
    const { body } = await ask(removal, { id: ownId(3), account: accountId }, headers);
    expect(body.data?.deleteEngagement ?? null).toBeNull();
    expect(body.errors).toHaveLength(1);
    expect(deletesOf(ownId(3)).map((request) => request.headers.authorization)).toEqual([headers.authorization]);
    expect(surroundings.sandbox.wasDeleted(accountId, ownId(3))).toBe(false);
  });

  it('executes a delete with a lost answer once, for any number of repetitions', async () => {
    const id = ownId(4);
    const headers = { 'idempotency-key': `delete-${id}` };
    surroundings.ours[gateway.dialect].link.loseAnswers(gateway.repeats ? 2 : 1);
    const first: PostAnswer | undefined = await ask(removal, { id, account: accountId }, headers).catch(
      () => undefined,
    );
    if (gateway.repeats) expect(first?.body.data.deleteEngagement.outcome).toBe('DELETED');
    else expect(first?.body.data?.deleteEngagement ?? null).toBeNull();
    const { body } = await ask(removal, { id, account: accountId }, headers);
    expect(body.data.deleteEngagement).toMatchObject({ __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' });
    expect(deletesOf(id)).toHaveLength(1);
  });

  const reading = `query ($account: ID!, $at: DateTime, $first: Int) {
    engagements(integratedAccountId: $account, first: $first, filter: { createdAt: { gt: $at } }) { nodes { id } }
  }`;
  it.each([
    ['a bad date', { at: 'yesterday' }, {}, /date/i, ['BAD_USER_INPUT']],
    // Gateways that know GraphQL's own scalars refuse it by themselves: Hive's without a code, Grafbase with its own.
    [
      'an oversized number',
      { first: 3_000_000_000 },
      {},
      /32-bit|Int scalar/,
      ['BAD_USER_INPUT', 'VARIABLE_ERROR', undefined],
    ],
    ['no token', {}, { authorization: '' }, /token/i, ['UNAUTHENTICATED']],
  ] as const)(
    'gives its client our message and code for %s, and never our address',
    async (_what, variables, headers, message, codes) => {
      const { body, text } = await ask(reading, { account: accountId, ...variables }, headers);
      expect(body.errors).toHaveLength(1);
      expect(body.errors[0].message).toMatch(message);
      expect(codes).toContain(body.errors[0].extensions?.code);
      const { url, server } = surroundings.ours[gateway.dialect];
      for (const address of [url, server.endpoint]) expect(text).not.toContain(new URL(address).host);
    },
  );

  it(`${gateway.subscribes ? 'passes on' : 'refuses'} a subscription`, async () => {
    const start = 'mutation ($input: StartBulkDeleteInput!) { startBulkDelete(input: $input) { id } }';
    const { body } = await ask(start, { input: { integratedAccountId: accountId, ids: [ownId(5)] } });
    const { id } = body.data.startBulkDelete;
    const query = 'subscription ($id: ID!) { bulkDeleteProgress(id: $id) { id state outcomes { deleted } } }';
    const response = await fetchGraphQL(after.url, query, {
      variables: { id },
      headers: { ...callerHeaders, accept: 'text/event-stream' },
    });
    expect(response.status).toBe(gateway.subscribes ? 200 : 406);
    const events = [...(await response.text()).matchAll(/^data: ?({.*)$/gm)].map(([, event = '']) => JSON.parse(event));
    const ended = { data: { bulkDeleteProgress: { id, state: 'COMPLETED', outcomes: { deleted: 1 } } } };
    expect(events.at(-1)).toEqual(gateway.subscribes ? ended : undefined);
  });

  it('gets null for an engagement that is gone', async () => {
    const query = `query ($id: ID!, $account: ID!) { engagement(id: $id, integratedAccountId: $account) { subject } }`;
    const { body } = await ask(query, { id: ownId(0), account: accountId });
    expect(body).toEqual({ data: { engagement: null } });
  });
});

it(
  'npm run example:supergraph serves by one command what it says that can be tried',
  async () => {
    const env = { PORT: String(await freePort()) };
    const options = { listening: /explorer +(\S+)/, endBy: 'SIGTERM' } as const;
    await using example = await startProgram(['start.mjs'], env, options);
    const [query = '', mutation = ''] =
      example
        .output()
        .split('Try, in the explorer:')[1]
        ?.split(/(?=^ {2}mutation)/m) ?? [];
    const read = await post(example.url, query);
    expect(read.body.errors).toBeUndefined();
    expect(read.body.data.engagements.nodes[0].contacts[0].salesStage).toBe('PROPOSAL');
    const deleted = await post(example.url, mutation);
    expect(deleted.body.data.deleteEngagement).toMatchObject({
      outcome: 'DELETED',
      engagement: { contacts: [{ salesStage: 'PROPOSAL' }, {}] },
    });
  },
  startTimeoutMs,
);
