import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import {
  answerText,
  bytes,
  hangUp,
  noContent,
  type RawAnswer,
  type RawRequest,
  record,
  refusal,
  reset,
  silence,
  startRawUpstream,
} from './support/raw-upstream.ts';

const creation = `mutation Create($input: CreateEngagementInput!, $dryRun: Boolean! = false) {
  createEngagement(integratedAccountId: "a", input: $input, dryRun: $dryRun) {
    __typename
    ... on CreateEngagementSuccess { createdEngagementId outcome engagement { id subject } integration { name } warnings }
    ... on CreateEngagementPlan { wouldBeSent method url headers { name value } body excludedFields findings { severity path message allowedValues result } }
    ... on Error { message engagementId }
    ... on InvalidInputError { issues { path message allowedValues } }
    ... on UnsupportedIntegrationError { integrationName supportedIntegrations }
    ... on RemoteApiError { statusCode rawResponse }
    ... on OutcomeUnknownError { retrySafe upstreamIdempotencyKey lastStatusCode }
  }
}`;

const call = { engagementType: 'CALL', subject: 'Renewal', direction: 'outbound' };
const isRemote = { truto_is_remote_error: true };

async function create(facade: TestFacade, variables: object = {}, headers: Record<string, string> = {}) {
  const { body } = await facade.post(creation, { input: call, ...variables }, headers);
  return body.errors ? { errors: body.errors } : body.data.createEngagement;
}

interface Case {
  readonly onRead?: RawAnswer;
  readonly integration?: string;
  readonly variables?: object;
  readonly env?: Record<string, string>;
  /** @default 1 */
  readonly posts?: number;
}

/** Answers look-ups of the account with this integration, and other reads with `onList`. */
function reads(integration: string | undefined, onList: RawAnswer): RawAnswer {
  return (socket, request) => {
    const isLookup = request.path.startsWith('/integrated-account/');
    const lookup = integration === undefined ? refusal(403) : record({ id: 'a', integration: { name: integration } });
    (isLookup ? lookup : onList)(socket, request);
  };
}

const page = (...result: object[]) => record({ result, next_cursor: null });

async function resultOf(
  answers: readonly RawAnswer[],
  { onRead = page(), integration, variables, env, posts = 1 }: Case = {},
) {
  await using upstream = await startRawUpstream(answers, { onRead: reads(integration, onRead) });
  await using facade = await startTestFacade(upstream.url, env);
  const result = await create(facade, variables);
  expect(upstream.creates).toHaveLength(posts);
  return { result, requests: upstream.requests, posts: upstream.creates, log: facade.logged() };
}

const headerOf = ({ head }: RawRequest, name: string) => new RegExp(`^${name}: (.+)\\r$`, 'im').exec(head)?.[1];

/** The record of an engagement that was just created, as a list has it. */
const justCreated = (rest: object = {}) => ({
  id: 'new',
  engagement_type: 'call',
  subject: 'Renewal ',
  direction: 'Outbound',
  created_at: new Date().toISOString(),
  ...rest,
});

/** A page made when it is asked for: its records must be younger than the create. */
const pageOf =
  (...results: (() => object)[]): RawAnswer =>
  (socket, request) =>
    page(...results.map((make) => make()))(socket, request);

describe('createEngagement', () => {
  it('sends one POST, exactly as documented, and maps the selected fields of the new record', async () => {
    const input = {
      ...call,
      content: 'Grüße\n"quoted"',
      internalNotes: 'n',
      startTime: '2026-01-31T09:00:00Z',
      endTime: '2026-01-31T10:00:00Z',
      owner: { id: 'u1' },
      account: { id: '7' },
      contacts: [{ id: 'c1' }, { id: 'c2' }],
      opportunities: [{ id: 'o1' }],
      phoneNumbers: [{ number: '+49 30 1', type: 'work' }],
      customFields: { colour: { name: 'red' } },
      remoteData: { lane: 3 },
    };
    const { result, posts, log } = await resultOf([record({ id: 81, subject: 'Renewal' }, 201)], {
      variables: { input },
      integration: 'Close',
    });
    expect(result).toEqual({
      __typename: 'CreateEngagementSuccess',
      createdEngagementId: '81',
      outcome: 'CREATED',
      engagement: { id: '81', subject: 'Renewal' },
      integration: { name: 'Close' },
      warnings: [],
    });
    const [post] = posts as [RawRequest];
    const target = decodeURIComponent(post.head.split(' ', 2)[1] ?? '');
    expect(target).toMatch(
      /^\/unified\/crm\/engagements\?integrated_account_id=a&engagement_type=call&truto_ignore_remote_data=true&truto_exclude_fields\[\]=notes&/,
    );
    expect(target).not.toContain('=subject');
    const body = {
      owner: { id: 'u1' },
      content: 'Grüße\n"quoted"',
      subject: 'Renewal',
      direction: 'outbound',
      engagement_type: 'call',
      internal_notes: 'n',
      start_time: '2026-01-31T09:00:00Z',
      end_time: '2026-01-31T10:00:00Z',
      account: { id: '7' },
      contact: [{ id: 'c1' }, { id: 'c2' }],
      opportunity: [{ id: 'o1' }],
      phone_numbers: [{ number: '+49 30 1', type: 'work' }],
      custom_fields: { colour: { name: 'red' } },
      remote_data: { lane: 3 },
    };
    expect(Buffer.from(post.body, 'latin1').toString('utf8')).toBe(JSON.stringify(body));
    expect(headerOf(post, 'content-type')).toBe('application/json');
    expect(headerOf(post, 'content-length')).toBe(String(post.body.length));
    expect(headerOf(post, 'idempotency-key')).toMatch(/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/);
    expect(log).toMatch(/"engagementId":"81","result":"CreateEngagementSuccess","detail":"CREATED".*"msg":"create"/);
    expect(log).not.toMatch(/Renewal|quoted|\+49/);
  });

  it('warns about selected fields that the answer lacks, and says which of them were sent', async () => {
    const { result } = await resultOf([record({ id: 'e9' }, 201)]);
    expect(result.warnings).toEqual([
      "Truto's answer lacks values that were sent: subject. The provider may not store them. Read the engagement to see.",
    ]);
    const input = { engagementType: 'CALL', direction: 'outbound' };
    const { result: unsent } = await resultOf([record({ id: 'e9' }, 201)], { variables: { input } });
    expect(unsent.warnings).toEqual(["Truto's answer lacks subject. Read the engagement to get them."]);
  });
});

describe.concurrent('R32 a create without a clear answer', () => {
  it.each<[string, RawAnswer]>([
    ['reset', reset],
    ['hung up', hangUp],
    ['answered with 500', refusal(500)],
    ['answered with 502', refusal(502)],
    ['answered with 504', refusal(504)],
    ["answered with the provider's 503", refusal(503, [], isRemote)],
    ['answered with a page', bytes(answerText(200, '<html>', ['content-type: text/html']))],
    ["answered with a firewall's 403", bytes(answerText(403, '<html>', ['content-type: text/html']))],
    ['redirected', bytes(answerText(307, '', ['location: /elsewhere']))],
    ['answered with text', bytes(answerText(200, 'ok'))],
    ['answered with a list', record({ result: [{ id: 'e1' }], next_cursor: null })],
    ["answered with Truto's error form", record({ id: 'e1', statusCode: 500, error: 'x', message: 'y' })],
    ["answered with another request's record", record({ id: 'e1', subject: 'Lunch', direction: 'inbound' })],
    [
      "answered with another request's record of the same type",
      record({ id: 'e1', subject: 'Lunch', engagement_type: 'call' }),
    ],
    ['answered with a page that is too large', bytes(answerText(200, ' '.repeat(6e6), ['content-type: text/html']))],
    ['answered with a part', record({ id: 'e1', subject: 'Renewal' }, 206)],
  ])('is never sent again: %s', async (_how, answer) => {
    const { result } = await resultOf([answer]);
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: false });
    expect(result.message).toContain('may or may not have been created');
    expect(result.message).toContain(
      'Look for it in the CRM before you create it again. A search did not find it yet.',
    );
  });

  it('is never sent again: no answer in time', async () => {
    const { result } = await resultOf([silence], { env: { REQUEST_TIMEOUT_MS: '3000' } });
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: false, lastStatusCode: null });
    expect(result.message).toContain('Truto did not answer in time.');
  });

  it.each<[string, RawAnswer]>([
    ['half a body', (socket) => socket.end('HTTP/1.1 201 Created\r\ncontent-length: 99\r\n\r\n{"id":')],
    ['no body', noContent],
    ['no id', record({ subject: 'Renewal' }, 201)],
    ['200 and only an id', record({ id: 'e1' })],
    ['an empty id', record({ id: '' }, 201)],
    ['202 and a record', record({ id: 'e1', subject: 'Renewal' }, 202)],
    ['an id with a dot segment', record({ id: '../contacts/7' }, 201)],
    ['an object as its id', record({ id: { toString: 1 } }, 201)],
  ])('was most likely created, by a 2xx with %s', async (_what, answer) => {
    const { result } = await resultOf([answer]);
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: false });
    expect(result.message).toMatch(/^The engagement was most likely created, but that is not proved\./);
  });

  it('is a success if a search finds exactly one engagement, created since, with all values that were sent', async () => {
    const onRead = pageOf(
      () => justCreated({ id: 'old', created_at: '2026-01-01T00:00:00Z' }),
      () => justCreated({ id: 'other', subject: 'Lunch' }),
      () => justCreated({ direction: undefined }),
    );
    const { result, requests } = await resultOf([reset], { onRead });
    expect(result).toMatchObject({
      __typename: 'CreateEngagementSuccess',
      createdEngagementId: 'new',
      outcome: 'FOUND',
      engagement: { id: 'new', subject: 'Renewal ' },
    });
    expect(result.warnings).toEqual([expect.stringContaining('A search found this engagement')]);
    const search = decodeURIComponent(requests.at(-1)?.head ?? '');
    expect(search).toMatch(/engagement_type=call.*subject=Renewal.*created_at\[gt\]=/);
  });

  it('has the selected fields of the record that a search finds, also those that Truto does not document', async () => {
    const onRead = reads(
      undefined,
      pageOf(() => justCreated({ deal_stage: 'won', start_time: null })),
    );
    const fields = [{ name: 'deal_stage', type: 'String', description: 'The stage of the deal.' }];
    await using upstream = await startRawUpstream([reset], { onRead });
    await using facade = await startTestFacade(upstream.url, { ADDITIONAL_FIELDS: JSON.stringify(fields) });
    const { body } = await facade.post(
      `mutation ($input: CreateEngagementInput!) { createEngagement(integratedAccountId: "a", input: $input) {
        ... on CreateEngagementSuccess { outcome warnings engagement { id direction startTime dealStage additionalFields } } } }`,
      { input: call },
    );
    expect(body.data.createEngagement).toEqual({
      outcome: 'FOUND',
      warnings: [
        expect.stringContaining('A search found this engagement'),
        "Truto's answer lacks start_time. Read the engagement to get them.",
      ],
      engagement: {
        ...{ id: 'new', direction: 'Outbound', startTime: null },
        ...{ dealStage: 'won', additionalFields: { deal_stage: 'won' } },
      },
    });
  });

  it.each<[string, RawAnswer, string]>([
    ['two such engagements', pageOf(justCreated, () => justCreated({ id: 'n2' })), 'found 2 such'],
    ['one with another direction', pageOf(() => justCreated({ direction: 'inbound' })), 'did not find it'],
    ['one without its subject', pageOf(() => justCreated({ subject: null })), 'did not find it'],
    ['one without its time of creation', pageOf(() => justCreated({ created_at: null })), 'did not find it'],
    ['further pages without end', record({ result: [], next_cursor: 'more' }), 'could not look at all'],
    ['a partial page', record({ result: [], next_cursor: null, is_partial_response: true }), 'could not look at all'],
    ['a refusal', refusal(403), 'A search for it failed (ForbiddenError)'],
  ])('stays unknown if the search finds %s', async (_what, onRead, why) => {
    const { result } = await resultOf([refusal(502)], { onRead });
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: 502 });
    expect(result.message).toContain(why);
  });

  it('is found once, although the list shows it on two pages', async () => {
    const onRead: RawAnswer = (socket, request) =>
      record({ result: [justCreated()], next_cursor: request.head.includes('next_cursor') ? null : 'more' })(
        socket,
        request,
      );
    const { result } = await resultOf([reset], { onRead });
    expect(result).toMatchObject({ createdEngagementId: 'new', outcome: 'FOUND' });
  });

  it('is not an engagement that the provider created in the future: its clock proves nothing', async () => {
    const onRead = pageOf(() => justCreated({ created_at: new Date(Date.now() + 60_000).toISOString() }));
    const { result } = await resultOf([reset], { onRead });
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError' });
  });

  it('is not an engagement that is marked as deleted', async () => {
    const onRead = pageOf(() => justCreated({ remote_data: { is_deleted: true } }));
    const { result } = await resultOf([reset], { onRead, integration: 'Copper' });
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError' });
  });

  it('is not the engagement of another create in the same operation', async () => {
    const onRead = reads(
      undefined,
      pageOf(() => justCreated({ id: 'one' })),
    );
    await using upstream = await startRawUpstream([record({ id: 'one' }, 201), refusal(500)], { onRead });
    await using facade = await startTestFacade(upstream.url);
    const one = 'createEngagement(integratedAccountId: "a", input: { subject: "Renewal" }) { __typename }';
    const { body } = await facade.post(`mutation { first: ${one} second: ${one} }`, {});
    expect(body.data).toEqual({
      first: { __typename: 'CreateEngagementSuccess' },
      second: { __typename: 'OutcomeUnknownError' },
    });
  });

  it('is not the engagement that another create in flight may have made, although that one says more', async () => {
    const onRead = reads(
      undefined,
      pageOf(() => justCreated({ content: 'c' })),
    );
    const sent = Promise.withResolvers<() => void>();
    const late: RawAnswer = (...args) => sent.resolve(() => record({ id: 'new' }, 201)(...args));
    await using upstream = await startRawUpstream([late, refusal(500)], { onRead });
    await using facade = await startTestFacade(upstream.url);
    const first = create(facade, { input: { ...call, content: 'c' } });
    const answer = await sent.promise;
    const second = await create(facade);
    expect(second).toMatchObject({ __typename: 'OutcomeUnknownError' });
    expect(second.message).toContain('another create');
    answer();
    expect(await first).toMatchObject({ createdEngagementId: 'new', outcome: 'CREATED' });
  });

  it.each<[string, object, object]>([
    ['a reference instead of a list', { contacts: [{ id: 'c1' }] }, { contact: { id: 'c1' } }],
    ['a list of null', { phoneNumbers: [{ number: '1' }] }, { phone_numbers: [null] }],
    ['an object instead of text', { subject: 'x' }, { subject: { toString: 1 } }],
  ])('was most likely created, by a 200 that has an id and %s', async (_what, input, fields) => {
    const { result } = await resultOf([record({ id: 'e1', ...fields })], { variables: { input } });
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: false });
    expect(result.message).toContain('most likely created');
  });

  it('is not an engagement that has only the same empty text', async () => {
    const variables = { input: { engagementType: 'CALL', subject: ' ' } };
    const onRead = pageOf(() => justCreated({ subject: '' }));
    const { result } = await resultOf([record({ id: 'e1', subject: '', engagement_type: 'email' })], {
      variables,
      onRead,
    });
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError' });
    expect(result.message).toContain('no field that was sent identifies it');
  });

  it('is searched for without the filters that the integration refuses', async () => {
    const onRead: RawAnswer = (socket, request) =>
      (request.head.includes('subject=') ? refusal(400) : pageOf(justCreated))(socket, request);
    const { result } = await resultOf([reset], { onRead });
    expect(result).toMatchObject({ outcome: 'FOUND' });
  });

  it('is not searched for by fields that many engagements share', async () => {
    const { result } = await resultOf([reset], {
      onRead: pageOf(justCreated),
      variables: { input: { engagementType: 'CALL', direction: 'outbound' } },
    });
    expect(result.message).toContain('no field that was sent identifies it');
  });
});

describe('a refused create', () => {
  it.each<[string, RawAnswer, string, object]>([
    ['400', refusal(400), 'InvalidInputError', {}],
    [
      '422 of the provider',
      refusal(422, [], { ...isRemote, raw_response: { why: 1 } }),
      'RemoteApiError',
      { statusCode: 422, rawResponse: { why: 1 } },
    ],
    ['401 of the provider', refusal(401, [], isRemote), 'AccountNeedsReauthError', {}],
    ['403', refusal(403), 'ForbiddenError', {}],
    ['405', refusal(405), 'ForbiddenError', {}],
    ['409', refusal(409, [], isRemote), 'RemoteApiError', { statusCode: 409 }],
    [
      '404 of the provider',
      refusal(404, [], { ...isRemote, raw_response: 'no contact 7' }),
      'RemoteApiError',
      { statusCode: 404, rawResponse: 'no contact 7' },
    ],
    ['503', refusal(503), 'AccountBlockedError', {}],
    ['429 without a time', refusal(429), 'RateLimitedError', {}],
  ])('%s: is sent once, and nothing was created', async (_status, answer, type, fields) => {
    const { result, log } = await resultOf([answer]);
    expect(result).toMatchObject({ __typename: type, engagementId: null, ...fields });
    expect(result.message).toMatch(/^Nothing was created\. /);
    expect(log).toMatch(/"engagementId":null.*"msg":"create"/);
  });

  it('names the field that Truto refuses', async () => {
    const insight = {
      truto_error_insight: { missing_required_body_fields: { value: ['start_time', 'contact[0].id'] } },
    };
    const { result } = await resultOf([refusal(400, [], insight)]);
    expect(result.issues.map(({ path }: { path: string[] }) => path)).toEqual([
      ['input', 'startTime'],
      ['input', 'contacts'],
    ]);
  });

  it('names a refused parameter of the query where the query is, and a refused field where the body is', async () => {
    const details = { failures: [{ path: ['query', 'workspace'] }, { path: ['workspace'] }] };
    const { result } = await resultOf([refusal(400, [], { details })]);
    expect(result.issues.map(({ path }: { path: string[] }) => path)).toEqual([
      ['trutoQuery', 'workspace'],
      ['input', 'remoteData'],
    ]);
  });

  it("is the provider's documented refusal with a 2xx status, without an id", async () => {
    const answer = record({ remote_data: { success: false, error: 'no' } });
    const { result } = await resultOf([answer], { integration: 'Pipedrive' });
    expect(result).toMatchObject({ __typename: 'RemoteApiError', rawResponse: { success: false, error: 'no' } });
  });

  it('is sent again after a rate limit, which created nothing, with another key', async () => {
    const { result, posts } = await resultOf([refusal(429, ['retry-after: 0']), record({ id: 'e2' }, 201)], {
      posts: 2,
    });
    expect(result).toMatchObject({ createdEngagementId: 'e2', outcome: 'CREATED' });
    expect(headerOf(posts[0] as RawRequest, 'idempotency-key')).not.toBe(
      headerOf(posts[1] as RawRequest, 'idempotency-key'),
    );
  });

  it('is a missing account, if the look-up says so', async () => {
    const onRead = refusal(404, [], { message: 'Integrated account not found' });
    await using upstream = await startRawUpstream([record({ id: 'e1' }, 201)], { onRead });
    await using facade = await startTestFacade(upstream.url);
    expect(await create(facade)).toMatchObject({ __typename: 'IntegratedAccountNotFoundError' });
    expect(upstream.creates).toEqual([]);
  });

  it.each(['Highlevel', 'Keap', 'Monday CRM', 'Pipeliner', 'Outreach'])('%s has no create', async (integration) => {
    const { result } = await resultOf([record({ id: 'e1' }, 201)], { integration, posts: 0 });
    expect(result).toMatchObject({ __typename: 'UnsupportedIntegrationError', integrationName: integration });
    expect(result.supportedIntegrations).toEqual([
      ...['Affinity', 'Capsule', 'Close', 'Copper', 'Freshsales', 'HubSpot', 'OnePageCRM', 'Pipedrive', 'Planhat'],
      ...['Salesforce', 'Wix', 'Zendesk Sell', 'Zoho CRM'],
    ]);
  });

  it('HubSpot has a create, although no delete', async () => {
    const { result } = await resultOf([record({ id: 'e1' }, 201)], { integration: 'hubspot' });
    expect(result).toMatchObject({ createdEngagementId: 'e1' });
  });
});

describe('input that is refused before it is sent', () => {
  it.each<[string, object, string[], string?]>([
    ['no field', {}, ['input']],
    ['an id with a dot segment', { account: { id: '../7' } }, ['input', 'account', 'id']],
    ['an empty id', { contacts: [{ id: '1' }, { id: '' }] }, ['input', 'contacts', '1', 'id']],
    ['half a surrogate pair', { subject: 'a\ud800' }, ['input', 'subject']],
    ['half a surrogate pair, deep', { remoteData: { secret: ['a\ud800'] } }, ['input', 'remoteData']],
    ['a phone number without a digit', { phoneNumbers: [{ number: '-' }] }, ['input', 'phoneNumbers', '0', 'number']],
    [
      'an end before its start',
      { startTime: '2026-01-02T00:00:00Z', endTime: '2026-01-01T00:00:00+02:00' },
      ['input', 'endTime'],
    ],
    ['a direction of a meeting', { engagementType: 'MEETING', direction: 'inbound' }, ['input', 'direction']],
    ['no type, for OnePageCRM', { subject: 'x' }, ['input', 'engagementType'], 'OnePageCRM'],
    ['a note, for Copper', { subject: 'x', engagementType: 'NOTE' }, ['input', 'engagementType'], 'Copper'],
  ])('%s', async (_what, input, path, integration) => {
    const { result, log } = await resultOf([record({ id: 'e1' }, 201)], {
      variables: { input },
      integration,
      posts: 0,
    } as Case);
    expect(result).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path }] });
    expect(log).not.toContain('secret');
  });

  it('warns about what Truto does not document, and sends it', async () => {
    const input = { engagementType: 'NOTE', subject: 'x', startTime: 'tomorrow' };
    const { result, posts } = await resultOf([record({ id: 'e1', subject: 'x' })], { variables: { input } });
    expect(result.warnings).toEqual([
      'input.engagementType: Truto documents only CALL and MEETING. It is sent in the body only.',
      'input.startTime: It is not a date-time with an offset, such as 2026-01-31T09:00:00Z. It is sent unchanged.',
    ]);
    expect(posts[0]?.head).not.toContain('engagement_type=');
    expect(JSON.parse(posts[0]?.body ?? '')).toEqual({ subject: 'x', engagement_type: 'note', start_time: 'tomorrow' });
  });
});

it('a dry run sends nothing, and shows the request and every finding', async () => {
  const variables = { dryRun: true, input: { engagementType: 'MEETING', direction: 'inbound' } };
  const { result, log } = await resultOf([record({ id: 'e1' }, 201)], { variables, integration: 'Keap', posts: 0 });
  expect(result).toMatchObject({
    __typename: 'CreateEngagementPlan',
    wouldBeSent: false,
    method: 'POST',
    body: { engagement_type: 'meeting', direction: 'inbound' },
    findings: [
      { severity: 'REFUSAL', path: ['input', 'direction'] },
      { severity: 'REFUSAL', path: ['integratedAccountId'] },
    ],
  });
  expect(result.url).toContain('/unified/crm/engagements?integrated_account_id=a&engagement_type=meeting');
  expect(result.headers).toContainEqual({ name: 'idempotency-key', value: '[new for each create]' });
  expect(log).not.toContain('"msg":"create"');
});

describe.concurrent('a repeated create', () => {
  const headers = { 'idempotency-key': 'k1' };

  it('with the same key gets the same result, with one POST', async () => {
    await using upstream = await startRawUpstream([record({ id: 'e1', subject: 'Renewal' })]);
    await using facade = await startTestFacade(upstream.url);
    const results = await Promise.all([create(facade, {}, headers), create(facade, {}, headers)]);
    results.push(await create(facade, {}, headers));
    expect(results).toEqual([results[0], results[0], results[0]]);
    expect(results[0]).toMatchObject({ createdEngagementId: 'e1' });
    expect(upstream.creates).toHaveLength(1);
    expect(facade.logged().match(/"msg":"create"/g)).toHaveLength(1);
    expect(facade.logged().match(/"engagementId":"e1".*"msg":"create repeated"/g)).toHaveLength(2);
  });

  it('is not sent again after an unknown outcome', async () => {
    await using upstream = await startRawUpstream([refusal(502)], { onRead: reads(undefined, page()) });
    await using facade = await startTestFacade(upstream.url);
    const results = [await create(facade, {}, headers), await create(facade, {}, headers)];
    expect(results[1]).toEqual(results[0]);
    expect(results[0]).toMatchObject({ __typename: 'OutcomeUnknownError', retrySafe: false });
    expect(upstream.creates).toHaveLength(1);
  });

  it('is sent again after a refusal, with another key upstream', async () => {
    await using upstream = await startRawUpstream([refusal(403), record({ id: 'e1' }, 201)]);
    await using facade = await startTestFacade(upstream.url);
    await create(facade, {}, headers);
    expect(await create(facade, {}, headers)).toMatchObject({ createdEngagementId: 'e1' });
    const [first, second] = upstream.creates.map((post) => headerOf(post, 'idempotency-key'));
    expect(first).not.toBe(second);
  });

  it('is refused with another body or selection, as is a delete with its key and alias; another alias does not share the key', async () => {
    await using upstream = await startRawUpstream([record({ id: 'e1' }, 201)]);
    await using facade = await startTestFacade(upstream.url);
    await create(facade, {}, headers);
    const other = await create(facade, { input: { subject: 'Other' } }, headers);
    expect(other).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path: ['Idempotency-Key'] }] });
    // Its record would lack the content. No create excludes a field that it sends, so both requests are the same upstream.
    const selections = ['{ id subject }', '{ id subject content }'].map(
      (selection) =>
        `mutation { createEngagement(integratedAccountId: "a", input: { subject: "Both", content: "Text" }) { __typename ... on CreateEngagementSuccess { engagement ${selection} } ... on InvalidInputError { issues { path } } } }`,
    );
    const ends = [];
    for (const query of selections) ends.push((await facade.post(query, {}, { 'idempotency-key': 'k2' })).body.data);
    expect(ends).toMatchObject([
      { createEngagement: { __typename: 'CreateEngagementSuccess' } },
      { createEngagement: { __typename: 'InvalidInputError', issues: [{ path: ['Idempotency-Key'] }] } },
    ]);
    const alias = 'mutation { createEngagement: deleteEngagement(id: "e1", integratedAccountId: "a") { __typename } }';
    const { body } = await facade.post(alias, {}, headers);
    expect(body.data.createEngagement.__typename).toBe('InvalidInputError');
    expect([upstream.creates.length, upstream.deletes.length]).toEqual([2, 0]);
    await facade.post(alias.replace('createEngagement: ', ''), {}, headers);
    expect(upstream.deletes).toHaveLength(1);
  });
});

it('a client that disconnects before the create is sent creates nothing', async () => {
  const arrived = Promise.withResolvers<RawRequest>();
  const onRead: RawAnswer = (_socket, request) => arrived.resolve(request);
  await using upstream = await startRawUpstream([record({ id: 'e1' }, 201)], { onRead });
  await using facade = await startTestFacade(upstream.url);
  const client = new AbortController();
  const asked = fetchGraphQL(`${facade.url}/graphql`, creation, { variables: { input: call }, signal: client.signal });
  const { socket } = await arrived.promise;
  client.abort();
  await expect(asked).rejects.toThrow();
  // The facade reads these requests after the disconnect.
  await fetch(`${facade.url}/health`);
  await fetch(`${facade.url}/health`);
  refusal(403)(socket, {} as RawRequest);
  await expect.poll(() => facade.logged()).toMatch(/"result":"UpstreamUnavailableError".*"msg":"create"/);
  expect(upstream.creates).toEqual([]);
});
