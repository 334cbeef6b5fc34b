import { describe, expect, it } from 'vitest';
import { sandboxAccount, sandboxAccounts } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { truto } from './support/outcome.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { json, startUpstream } from './support/upstream.ts';

const mutation = `mutation Delete($id: ID!, $account: ID!, $type: EngagementType, $format: ResponseFormat! = UNIFIED, $dryRun: Boolean! = false) {
  deleteEngagement(id: $id, integratedAccountId: $account, engagementType: $type, format: $format, dryRun: $dryRun) {
    __typename
    ... on Error { message }
    ... on UnsupportedIntegrationError { integrationName supportedIntegrations }
    ... on DeleteEngagementPlan { wouldBeSent findings { severity path message } url headers { name value } }
    ... on DeleteEngagementSuccess {
      deletedEngagementId outcome raw warnings
      engagement { id }
      stream { contentType contentLength chunks }
      integration { name }
      rateLimit { limit windowMs remaining resetMs }
    }
  }
}`;

const deletable = sandboxAccounts.filter(({ rule }) => rule !== undefined);
const formats = ['UNIFIED', 'NORMALIZED', 'RAW', 'STREAM'];

describe('deleteEngagement against the sandbox', () => {
  it.each(
    deletable.flatMap((account) =>
      formats.map((format, index) => ({ label: account.integration.label, account, format, index })),
    ),
  )('deletes from $label in the format $format, once', async ({ account, format, index }) => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url);
    const engagement = seedEngagements(account)[index];
    const type = account.rule?.requiresEngagementType ? engagement?.engagement_type?.toUpperCase() : null;
    const variables = { id: engagement?.id, account: account.id, type, format };

    const first = await facade.post(mutation, variables);
    expect(first.body.errors).toBeUndefined();
    expect(first.body.data.deleteEngagement).toMatchObject({
      __typename: 'DeleteEngagementSuccess',
      deletedEngagementId: engagement?.id,
      outcome: 'DELETED',
      warnings: [],
      integration: { name: account.integration.label },
      engagement: format === 'UNIFIED' || format === 'NORMALIZED' ? { id: engagement?.id } : null,
      stream: format === 'STREAM' ? { chunks: expect.any(Array) } : null,
    });

    const second = await facade.post(mutation, variables);
    expect(second.body.data.deleteEngagement.__typename).toBe('NotFoundError');
    expect(sandbox.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(2);
  });

  it('returns the same body raw and streamed', async () => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url);
    const account = sandboxAccount('Planhat').id;
    const [one, two] = seedEngagements(sandboxAccount('Planhat'));
    const raw = await facade.post(mutation, { id: one?.id, account, format: 'RAW' });
    const streamed = await facade.post(mutation, { id: two?.id, account, format: 'STREAM' });
    const { contentType, chunks } = streamed.body.data.deleteEngagement.stream;
    const body = JSON.parse(chunks.map((chunk: string) => Buffer.from(chunk, 'base64').toString()).join(''));
    expect(contentType).toContain('application/json');
    expect(raw.body.data.deleteEngagement.raw).toMatchObject({ _id: one?.id });
    expect(Object.keys(body)).toEqual(Object.keys(raw.body.data.deleteEngagement.raw));
    expect(body._id).toBe(two?.id);
  });

  it('sends parameters of emails without a type, and warns; with another type it refuses them', async () => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url);
    const planhat = sandboxAccount('Planhat');
    const deleteWith = async (type: string) => {
      const { body } = await facade.post(
        `mutation ($id: ID!, $account: ID!) { deleteEngagement(
          id: $id, integratedAccountId: $account, ${type} parameters: { subject: "Hello" }
        ) { __typename ... on DeleteEngagementSuccess { warnings } ... on InvalidInputError { issues { path } } } }`,
        { id: seedEngagements(planhat)[0]?.id, account: planhat.id },
      );
      return body.data.deleteEngagement;
    };
    const issues = [{ path: ['parameters', 'subject'] }];
    expect(await deleteWith('engagementType: CALL,')).toEqual({ __typename: 'InvalidInputError', issues });
    expect(sandbox.requests.filter(({ method }) => method === 'DELETE')).toEqual([]);
    const warnings = [expect.stringMatching(/^parameters\.subject: .*EMAIL/)];
    expect(await deleteWith('')).toEqual({ __typename: 'DeleteEngagementSuccess', warnings });
  });

  it('refuses an integration that cannot delete, names those that can, and sends no delete', async () => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url);
    const { body } = await facade.post(mutation, { id: '1', account: sandboxAccount('HubSpot').id });
    expect(body.data.deleteEngagement).toMatchObject({
      __typename: 'UnsupportedIntegrationError',
      integrationName: 'HubSpot',
      supportedIntegrations: deletable.map(({ integration }) => integration.label),
    });
    // The account, and whether its capabilities say the same.
    expect(sandbox.requests.map(({ method }) => method)).toEqual(['GET', 'GET']);
  });

  it('runs aliased deletes in order, and a failed one does not affect the others', async () => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url);
    const account = sandboxAccount('Pipedrive').id;
    const [one, two] = seedEngagements(sandboxAccount('Pipedrive'));
    const alias = (name: string, id: string | undefined) =>
      `${name}: deleteEngagement(id: "${id}", integratedAccountId: "${account}") { __typename }`;
    const { body } = await facade.post(`mutation { ${alias('a', one?.id)} ${alias('b', '.')} ${alias('c', two?.id)} }`);
    expect(body.data).toEqual({
      a: { __typename: 'DeleteEngagementSuccess' },
      b: { __typename: 'InvalidInputError' },
      c: { __typename: 'DeleteEngagementSuccess' },
    });
    const deleted = sandbox.requests
      .filter(({ method }) => method === 'DELETE')
      .map(({ url }) => url.split(/[/?]/).at(4));
    expect(deleted).toEqual([one?.id, two?.id]);
  });
});

it('the deadline of an operation holds for all its look-ups together', async () => {
  await using facade = await startFacadeOver(json(204, undefined), { REQUEST_TIMEOUT_MS: '1000' }, () => {});
  const aliases = Array.from(
    { length: 10 },
    (_, index) => `a${index}: deleteEngagement(id: 1, integratedAccountId: "${index}") { __typename }`,
  );
  const { body } = await facade.post(`mutation { ${aliases.join(' ')} }`);
  const names = Object.values(body.data).map((result) => (result as { __typename: string }).__typename);
  // Four look-ups of a quarter each use up the time, so the deletes after that are not started.
  const sent = names.filter((name) => name !== 'UpstreamUnavailableError');
  expect(facade.upstream.deletes().length).toBeLessThanOrEqual(sent.length);
  expect(names.filter((name) => name === 'UpstreamUnavailableError').length).toBeGreaterThan(4);
});

it('R11 a client that disconnects stops further requests, and the request in flight is finished and logged', async () => {
  const { promise: secondDelete, resolve: answerSecond } = Promise.withResolvers<void>();
  await using facade = await startFacadeOver(async (request, response) => {
    if (request.path.endsWith('/2')) await secondDelete;
    json(204, undefined)(request, response);
  });
  const aliases = [1, 2, 3, 4, 5].map(
    (id) => `a${id}: deleteEngagement(id: ${id}, integratedAccountId: "a") { __typename }`,
  );
  const client = new AbortController();
  const gone = fetchGraphQL(`${facade.url}/graphql`, `mutation { ${aliases.join(' ')} }`, {
    signal: client.signal,
  }).catch(() => 'gone');
  await expect.poll(() => facade.upstream.deletes().length).toBe(2);
  client.abort();
  expect(await gone).toBe('gone');
  await fetch(`${facade.url}/health`);
  answerSecond();
  await expect
    .poll(
      () =>
        facade
          .logged()
          .split('\n')
          .filter((line) => line.includes('"msg":"delete"')).length,
    )
    .toBe(5);
  expect(facade.upstream.deletes()).toHaveLength(2);
  expect(facade.logged().match(/"detail":"DELETED"/g)).toHaveLength(2);
  expect(facade.logged().match(/client disconnected before/g)).toHaveLength(3);
});

describe('a dry run', () => {
  it('shows the request with the credentials redacted, and sends only the look-up', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'capsule');
    await using facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough' });
    const { body } = await facade.post(
      mutation,
      { id: 'a b', account: 'a', dryRun: true },
      { authorization: 'Bearer canary-token' },
    );
    const plan = body.data.deleteEngagement;
    expect(plan).toMatchObject({ __typename: 'DeleteEngagementPlan', wouldBeSent: true, findings: [] });
    expect(plan.url.startsWith(`${upstream.url}/unified/crm/engagements/a%20b?integrated_account_id=a&`)).toBe(true);
    expect(plan.headers).toContainEqual({ name: 'authorization', value: '[redacted]' });
    expect(JSON.stringify(body)).not.toContain('canary');
    expect(upstream.seen.map(({ method }) => method)).toEqual(['GET']);
  });

  it.each([
    ['affinity', 'engagementType'],
    ['hubspot', 'integratedAccountId'],
  ])('that would be refused for %s returns a finding instead of an error', async (integration, path) => {
    await using facade = await startFacadeOver(json(204, undefined), {}, integration);
    const { body } = await facade.post(mutation, { id: '1', account: 'a', dryRun: true });
    expect(body.data.deleteEngagement).toMatchObject({
      __typename: 'DeleteEngagementPlan',
      wouldBeSent: false,
      findings: [{ severity: 'REFUSAL', path: [path] }],
    });
  });

  it('is refused when there is no request to show', async () => {
    await using facade = await startFacadeOver(json(204, undefined), {}, 'capsule');
    const { body } = await facade.post(mutation, { id: '..', account: 'a', dryRun: true });
    expect(body.data.deleteEngagement.__typename).toBe('InvalidInputError');
    expect(facade.upstream.seen).toHaveLength(0);
  });
});

it('a refusal by a rule has the refusals among its issues, and no warning', async () => {
  await using facade = await startFacadeOver(json(204, undefined), {}, 'affinity');
  const document = `mutation {
      deleteEngagement(id: "e1", integratedAccountId: "a", parameters: { subject: "x" }) {
        __typename ... on InvalidInputError { issues { path } } } }`;
  const { body } = await facade.post(document);
  expect(body.data.deleteEngagement).toEqual({
    __typename: 'InvalidInputError',
    issues: [{ path: ['engagementType'] }],
  });
  expect(facade.upstream.deletes()).toEqual([]);
});

it.each([
  ["every caller that comes with the server's token", { ...serviceEnv, JWT_SECRET: jwtSecret }, 1],
  ['only the caller with that token', { AUTH_MODE: 'passthrough' }, 2],
])('an account that Truto has paused gets no request from %s', async (_who, env, deletes) => {
  await using facade = await startFacadeOver(truto(429, {}, { 'retry-after': '30' }), env, 'capsule');
  for (const sub of ['caller-1', 'caller-2']) {
    const headers = bearer(await signToken({ sub, integrated_accounts: ['a'] }));
    const { body } = await facade.post(mutation, { id: 'e1', account: 'a' }, headers);
    expect(body.data.deleteEngagement.__typename).toBe('RateLimitedError');
  }
  expect(facade.upstream.deletes()).toHaveLength(deletes);
});

it('a refusal names the wrong arguments, and no name in remoteQuery', async () => {
  await using facade = await startFacadeOver(json(204, undefined));
  const { body } = await facade.post(`mutation {
    it: deleteEngagement(id: 1, integratedAccountId: "a",
      parameters: { account: { id: "" } }, remoteQuery: { canary: { canary: [] } }) {
      __typename
      ... on Error { message }
    }
  }`);
  expect(body.data.it).toMatchObject({ __typename: 'InvalidInputError' });
  expect(body.data.it.message).toMatch(/parameters\.account\.id: .* remoteQuery: /);
  expect(body.data.it.message).not.toContain('canary');
});
