import { describe, expect, it } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import { withoutSecret } from '../src/log/foreign-text.ts';
import { expectNoSecrets, findSecrets } from './support/canary.ts';
import { startTestFacade } from './support/facade.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const secret = 'a "canary"/+ \\ é';
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('S01 the search for secrets', () => {
  it.each([
    ['plain', secret],
    ['in JSON', JSON.stringify({ secret })],
    ['in JSON in JSON', JSON.stringify(JSON.stringify({ secret }))],
    ['percent-encoded', encodeURIComponent(secret)],
    ['percent-encoded in lower case', encodeURIComponent(secret).toLowerCase()],
    ['in base64', base64(secret)],
    ['in base64url', Buffer.from(`ÿ${secret}`).toString('base64url')],
    ['in the base64 of a credential', base64(`Bearer ${secret}`)],
    ['in base64 one byte further', base64(`x${secret}y`)],
    ['in base64 two bytes further', base64(`xx${secret}yy`)],
    ['in base64 in an address', encodeURIComponent(base64(secret))],
  ])('finds one %s', (_how, spelled) => {
    expect(findSecrets(`before${spelled}after`, ['another secret', secret])).toHaveLength(1);
    expect(() => expectNoSecrets(`before ${spelled}`, [secret])).toThrow('canary');
  });

  it('finds none in other text, and does not search for one of fewer than 8 characters', () => {
    expectNoSecrets('Bearer [redacted] t sandbox', ['canary-token', 't', 'sandbox']);
  });
});

describe("S01 a service's own token", () => {
  it('stays when it is only digits, which may also be an id', () => {
    const body = Buffer.from('{"id":12345678}');
    expect(withoutSecret(new Secret('12345678'))(body)).toBe(body);
    expect(String(withoutSecret(new Secret('a2345678'))(Buffer.from('"a2345678"')))).toBe('"[redacted]"');
  });

  const removed = `{ ... on DeleteEngagementSuccess { raw engagement { subject remoteData } stream { chunks } }
    ... on RemoteApiError { rawResponse } ... on InvalidInputError { issues { message } } }`;
  const remove = (more = '') => `mutation { deleteEngagement(id: "e1", integratedAccountId: "a"${more}) ${removed} }`;

  it.each([
    ['a record', 200, remove()],
    ['a raw response', 200, remove(', format: RAW')],
    ['a streamed response', 200, remove(', format: STREAM')],
    ['a refusal of the provider', 409, remove()],
    ['a record that is read', 200, '{ engagement(id: "e1", integratedAccountId: "a") { subject } }'],
  ])('is in no answer when upstream returns it in %s', async (_where, status, query) => {
    await using upstream = await startUpstream(({ headers: { authorization: given = '' } }, response) => {
      const subject = `${given} ${base64(given)} ${encodeURIComponent(given)}`;
      const body = { id: 'e1', subject, remote_data: { [given]: given } };
      const refused = { statusCode: status, error: 'x', message: 'x', truto_is_remote_error: true, raw_response: body };
      json(status, status === 200 ? body : refused)({} as never, response);
    });
    await using facade = await startTestFacade(upstream.url, { ...serviceEnv, JWT_SECRET: jwtSecret });
    const caller = bearer(await signToken({ integrated_accounts: ['a'] }));
    // The end of the facade searches its answers.
    const text = JSON.stringify(await facade.post(query, {}, caller));
    const chunks = [...text.matchAll(/"chunks":\["([^"]*)/g)].map(([, chunk = '']) => Buffer.from(chunk, 'base64'));
    expect(text + chunks.join()).toContain('Bearer [redacted]');
  });
});

describe('S01 a test facade', () => {
  const read = '{ engagement(id: "e1", integratedAccountId: "a") { subject } }';
  const remove = (id: string) => `mutation { deleteEngagement(id: "${id}", integratedAccountId: "a") { __typename } }`;
  const echo: Answer = (request, response) =>
    json(200, { id: 'e1', subject: base64(request.headers.authorization ?? '') })(request, response);
  const token = 'canary-of-a-caller';

  it.each([
    ["an answer holds the sandbox's token", {}, read, {}],
    ["an answer holds a caller's token", { AUTH_MODE: 'passthrough' }, read, { authorization: `Bearer ${token}` }],
    [
      "the log holds a caller's token",
      { AUTH_MODE: 'passthrough' },
      remove(token),
      { authorization: `Bearer ${token}` },
    ],
    ["the log holds the sandbox's token", {}, remove('sandbox-token'), {}],
  ])('fails at its end when %s', async (_what, env, query, headers) => {
    await using upstream = await startUpstream(echo);
    const facade = await startTestFacade(upstream.url, env);
    await facade.post(query, {}, headers);
    await expect(facade[Symbol.asyncDispose]()).rejects.toThrow('shows');
  });

  it('ends silently when no secret is shown', async () => {
    await using upstream = await startUpstream(json(200, { id: 'e1', subject: 'x' }));
    const facade = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough' });
    await facade.post(remove('e1'), {}, { authorization: `Bearer ${token}` });
    expect(facade.logged()).toContain('DeleteEngagementSuccess');
    await facade[Symbol.asyncDispose]();
  });
});
