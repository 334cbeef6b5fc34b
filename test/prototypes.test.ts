import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json as readJson } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { shared } from './support/shared.ts';
import { startUpstream } from './support/upstream.ts';

/** A property that every object would have after a careless copy. */
const evil = '{"polluted":"yes","toString":"yes","statusCode":500,"isRemote":true}';
const everywhere = `"__proto__":${evil},"constructor":{"prototype":${evil}},"prototype":${evil}`;

const evilHeaders = ['__proto__', 'polluted', 'constructor', 'polluted', 'prototype', 'polluted'];

const prototypes = [Object, Array, Function, String, Number, Map, Set, Promise, Error, RegExp, Date].map(
  ({ prototype }) => prototype as object,
);
const snapshot = () =>
  prototypes.map((prototype) => [
    Object.getPrototypeOf(prototype),
    Reflect.ownKeys(prototype).map((key) => [key, Reflect.getOwnPropertyDescriptor(prototype, key)]),
  ]);

let status = 200;
let answer = '';
const upstream = await shared(
  startUpstream(
    (_request, response) =>
      response.writeHead(status, [...evilHeaders, 'content-type', 'application/json']).end(answer),
    (_request, response) => response.end(`{${everywhere},"integration":{${everywhere},"name":"capsule"}}`),
  ),
);
const facade = await shared(startTestFacade(upstream.url));
const before = snapshot();
afterEach(() => {
  expect(snapshot()).toEqual(before);
  expect({}).not.toHaveProperty('polluted');
});

/** Posts a body as text, because an object would lose these names, with the given headers. */
async function post(body: string, headers: Record<string, string> = {}) {
  const outgoing = request(`${facade.url}/graphql`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', ...headers },
  });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  // biome-ignore lint/suspicious/noExplicitAny: a test reads fields of a document it wrote itself.
  return (await readJson(response)) as any;
}

const remove = `mutation ($remoteQuery: JSONObject) { deleteEngagement(id: "e1", integratedAccountId: "a", remoteQuery: $remoteQuery) {
  __typename ... on DeleteEngagementSuccess { engagement { id subject owner { id } contacts { id } phoneNumbers { number } customFields remoteData } }
  ... on Error { message } ... on RemoteApiError { rawResponse } } }`;
const bodyWith = (rest: string, query = remove) => `{"query":${JSON.stringify(query)},${rest}}`;

describe('S13 __proto__, constructor and prototype', () => {
  it('in a record change no prototype, and are plain data if no form is documented', async () => {
    status = 200;
    const data = `{"__proto__":${evil},"constructor":{"prototype":${evil}},"kept":[{"__proto__":${evil}}]}`;
    answer = `{${everywhere},"id":"e1","subject":"s","owner":{${everywhere},"id":"o"},"contact":[{${everywhere},"id":"c"}],
      "phone_numbers":[{${everywhere},"number":"5"}],"custom_fields":${data},"remote_data":${data}}`;
    // The second request runs as a prepared operation, and must have the same result.
    for (let round = 0; round < 2; round += 1) {
      const { data: shown, errors } = await post(bodyWith('"variables":{}'));
      expect(errors).toBeUndefined();
      const { remoteData, customFields, ...rest } = shown.deleteEngagement.engagement;
      expect(rest).toEqual({
        id: 'e1',
        subject: 's',
        owner: { id: 'o' },
        contacts: [{ id: 'c' }],
        phoneNumbers: [{ number: '5' }],
      });
      expect(JSON.stringify(remoteData)).toBe(JSON.stringify(JSON.parse(data)));
      expect(JSON.stringify(customFields)).toBe(`{"constructor":{"prototype":${evil}},"kept":[{"__proto__":${evil}}]}`);
    }
  });

  it('in a list and its pages change nothing', async () => {
    status = 200;
    answer = `{${everywhere},"result":[{${everywhere},"id":"e1","subject":"s"}],"next_cursor":null}`;
    const query =
      '{ engagements(integratedAccountId: "a") { nodes { id subject } pageInfo { hasNextPage endCursor } } }';
    const { data } = await post(bodyWith('"variables":{}', query));
    expect(data.engagements).toEqual({
      nodes: [{ id: 'e1', subject: 's' }],
      pageInfo: { hasNextPage: false, endCursor: null },
    });
  });

  it('in a refusal change nothing in its meaning', async () => {
    status = 409;
    answer = `{${everywhere},"statusCode":409,"truto_error_insight":{${everywhere}},"truto_is_remote_error":true,"raw_response":{${everywhere}}}`;
    const { data } = await post(bodyWith('"variables":{}'));
    expect(data.deleteEngagement).toMatchObject({
      __typename: 'RemoteApiError',
      message: expect.stringContaining('409'),
    });
    expect(JSON.stringify(data.deleteEngagement.rawResponse)).toBe(`{${everywhere}}`);
  });

  it('in a refusal add nothing to its own fields', async () => {
    status = 400;
    answer = `{"__proto__":{"truto_is_remote_error":true,"statusCode":404,"raw_response":"of the prototype"}}`;
    const { data } = await post(bodyWith('"variables":{}'));
    expect(data.deleteEngagement).toMatchObject({
      __typename: 'OutcomeUnknownError',
      message: expect.stringContaining("not in Truto's form"),
    });
  });

  it('in a remoteQuery are sent by their names, like any other', async () => {
    status = 200;
    answer = '{"id":"e1"}';
    await post(
      bodyWith(
        `"variables":{"remoteQuery":{"__proto__":{"a":1},"constructor":{"prototype":{"b":2}},"c":[{"__proto__":3}]}}`,
      ),
    );
    const sent = new URLSearchParams(upstream.deletes().at(-1)?.rawQuery);
    expect([...sent].filter(([name]) => name.startsWith('remote_query'))).toEqual([
      ['remote_query[__proto__][a]', '1'],
      ['remote_query[constructor][prototype][b]', '2'],
      ['remote_query[c][0][__proto__]', '3'],
    ]);
    expect(sent.getAll('integrated_account_id')).toEqual(['a']);
  });

  it('in a document are names like any other', async () => {
    const { data } = await post(
      bodyWith('"variables":{}', '{ __proto__: __typename constructor: __typename toString: __typename }'),
    );
    expect(JSON.stringify(data)).toBe('{"__proto__":"Query","constructor":"Query","toString":"Query"}');
  });

  it.each([
    ['the variables', bodyWith(`"variables":{${everywhere}}`)],
    ['variables of the document', bodyWith(`"variables":{"__proto__":{"remoteQuery":{"a":"of the prototype"}}}`)],
    ['the extensions', bodyWith(`"extensions":{${everywhere},"idempotencyKey":"key-${'1'}"}`)],
    ['the extensions alone', bodyWith(`"extensions":{"__proto__":{"idempotencyKey":"of the prototype"}}`)],
    ['the body', bodyWith(everywhere)],
    ['the body alone', `{"__proto__":${bodyWith('"variables":{}')}}`],
  ])('in %s of a request change nothing', async (_where, body) => {
    status = 200;
    answer = '{"id":"e1"}';
    for (let round = 0; round < 2; round += 1) await post(body);
    expect(JSON.stringify(upstream.seen)).not.toMatch(/of the prototype|of%20the%20prototype|polluted/);
  });

  it('as an operation or a header change nothing', async () => {
    for (const operationName of ['__proto__', 'constructor', 'toString']) {
      const { errors } = await post(bodyWith(`"operationName":"${operationName}"`));
      expect(errors).toHaveLength(1);
    }
    const headers = { ['__proto__']: 'polluted', constructor: 'polluted', prototype: 'polluted' };
    const { data } = await post(bodyWith('"variables":{}', '{ __typename }'), headers);
    expect(data).toEqual({ __typename: 'Query' });
  });
});
