import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { integrations } from '../src/engagement/integrations.ts';
import { createEngagementServer } from '../src/library.ts';
import { closing } from './support/closing.ts';
import { lostAnswer } from './support/keyed-delete.ts';
import { truto } from './support/outcome.ts';
import { type FakeUpstream, json, startUpstream } from './support/upstream.ts';

const authorization = 'Bearer token-of-a-caller';
const one = { id: 'e1', integratedAccountId: 'a1', authorization };

function over(upstream: FakeUpstream, settings = {}) {
  const lines: string[] = [];
  const server = createEngagementServer(
    { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url, ...settings },
    { logTo: { write: (line) => void lines.push(line) } },
  );
  const audited = () => lines.filter((line) => line.includes('"msg":"delete"')).map((line) => JSON.parse(line));
  return { deleteEngagement: server.deleteEngagement, audited, [Symbol.asyncDispose]: server.close };
}

/** In JSON, it is another value than its fields. */
class Money {
  readonly cents = 1;
  toJSON() {
    return { cents: 2 };
  }
}

describe('deleteEngagement without GraphQL', () => {
  it('deletes, and returns the outcome as a value', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    await using server = over(upstream);
    const result = await server.deleteEngagement(one);
    expect(result).toMatchObject({
      kind: 'DeleteEngagementSuccess',
      deletedEngagementId: 'e1',
      outcome: 'DELETED',
      integration: 'Capsule',
      engagement: null,
    });
    expect(upstream.deletes()).toMatchObject([{ headers: { authorization } }]);
    expect(server.audited()).toMatchObject([{ result: 'DeleteEngagementSuccess', engagementId: 'e1' }]);
  });

  it.each([
    ['Truto', {}, 'NotFoundError'],
    ['the rules', { id: '..' }, 'InvalidInputError'],
    ['the schema', { format: 'STREAM' }, 'InvalidInputError'],
    ['the authentication', { authorization: 'Basic x' }, 'Unauthenticated'],
  ])('names the engagement in a refusal by %s', async (_by, rest, kind) => {
    await using upstream = await startUpstream(truto(404, { truto_is_remote_error: true }), 'Capsule');
    await using server = over(upstream);
    const asked = { ...one, ...rest };
    expect(await server.deleteEngagement(asked as typeof one)).toMatchObject({ kind, engagementId: asked.id });
  });

  it('keeps the rules of the integration, by the names of the schema', async () => {
    const strict = integrations.find(({ requiresEngagementType }) => requiresEngagementType);
    await using upstream = await startUpstream(json(204, undefined), strict?.name);
    await using server = over(upstream);
    const refused = await server.deleteEngagement(one);
    if (refused.kind !== 'InvalidInputError') throw new Error(refused.kind);
    expect(refused.issues).toMatchObject([{ path: ['engagementType'] }]);
    const [allowed] = refused.issues[0]?.allowedValues ?? [];
    expect(upstream.deletes()).toEqual([]);
    const done = await server.deleteEngagement({ ...one, engagementType: allowed as 'CALL' });
    expect(done.kind).toBe('DeleteEngagementSuccess');
  });

  it.each<[string, object]>([
    ['id', { id: true }],
    ['id', { id: Number('12345678901234567890') }],
    ['id', { id: '..' }],
    ['integratedAccountId', { integratedAccountId: undefined }],
    ['engagementType', { engagementType: 'call' }],
    ['format', { format: 'STREAM' }],
    ['parameters.createdAt', { parameters: { createdAt: 'yesterday' } }],
    ['parameters.colour', { parameters: { colour: 'red' } }],
    ['snapshto', { snapshto: true }],
    ['idempotencyKey', { idempotencyKey: 'with space' }],
    ['remoteQuery', { remoteQuery: new Map([['force', 'false']]) }],
    ['remoteQuery', { remoteQuery: { force: undefined, list: [() => true] } }],
    ['remoteQuery', { remoteQuery: { list: [1, undefined] } }],
    // biome-ignore lint/suspicious/noSparseArray: a gap is what is refused.
    ['remoteQuery', { remoteQuery: { list: [1, , 2] } }],
    ['remoteQuery', { remoteQuery: new Money() }],
    ['remoteQuery', { remoteQuery: { count: Number.NaN } }],
    ['trutoQuery', { trutoQuery: { count: Number.NaN } }],
  ])('refuses a wrong %s by its path, and sends nothing: %#', async (path, wrong) => {
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    await using server = over(upstream);
    const result = await server.deleteEngagement({ ...one, ...wrong } as never);
    if (result.kind !== 'InvalidInputError') throw new Error(result.kind);
    expect(result.issues.map((issue) => issue.path.join('.'))).toEqual([path]);
    expect(upstream.deletes()).toEqual([]);
  });

  it('makes one delete of two with the same key, also of one that GraphQL asks for', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = closing(
      createEngagementServer(
        { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url },
        { logTo: { write: () => {} } },
      ),
    );
    const keyed = { ...one, idempotencyKey: 'k1' };
    const [first, second] = await Promise.all([server.deleteEngagement(keyed), server.deleteEngagement(keyed)]);
    expect([first.kind, second.kind]).toEqual(['DeleteEngagementSuccess', 'DeleteEngagementSuccess']);
    const query = 'mutation { deleteEngagement(id: "e1", integratedAccountId: "a1") { __typename } }';
    const headers = { 'content-type': 'application/json', authorization, 'idempotency-key': 'k1' };
    const request = new Request('http://host/', { method: 'POST', headers, body: JSON.stringify({ query }) });
    const { data } = await (await server.fetch(request)).json();
    expect(data.deleteEngagement.__typename).toBe('DeleteEngagementSuccess');
    expect(upstream.deletes()).toHaveLength(1);
  });

  it('makes a delete of its own of each without a key, also where the key is null', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    for (const id of ['e1', 'e2']) {
      const result = await server.deleteEngagement({ ...one, id, idempotencyKey: null } as never);
      expect(result.kind).toBe('DeleteEngagementSuccess');
    }
    expect(upstream.deletes()).toHaveLength(2);
  });

  it('returns the outcome, and repeats it, where the log of its program throws', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const settings = { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url };
    const write = () => {
      throw new Error('the disk is full');
    };
    await using server = closing(createEngagementServer(settings, { logTo: { write } }));
    const warned = once(process, 'warning');
    for (let count = 0; count < 2; count += 1) {
      const result = await server.deleteEngagement({ ...one, idempotencyKey: 'k1' });
      expect(result.kind).toBe('DeleteEngagementSuccess');
    }
    expect(upstream.deletes()).toHaveLength(1);
    expect((await warned)[0]).toMatchObject({ code: 'ENGAGEMENTS_LOG_LOST' });
  });

  it('retries a delete whose answer is lost, and returns OutcomeUnknownError', async () => {
    await using upstream = await startUpstream(lostAnswer);
    await using server = over(upstream);
    const result = await server.deleteEngagement(one);
    expect(result).toMatchObject({ kind: 'OutcomeUnknownError', retrySafe: true });
    expect(upstream.deletes().length).toBeGreaterThan(1);
  });

  it('returns the record with a snapshot with the type that it was found by, if it has none', async () => {
    await using upstream = await startUpstream(json(200, { id: 'e1', subject: 'Hello' }), 'Close');
    await using server = over(upstream);
    const result = await server.deleteEngagement({ ...one, engagementType: 'CALL', snapshot: true });
    expect(result).toMatchObject({ engagement: { subject: 'Hello', engagement_type: 'call' } });
  });

  it('returns the record with a snapshot, in the names of Truto', async () => {
    await using upstream = await startUpstream((request, response) =>
      request.method === 'DELETE'
        ? json(204, undefined)(request, response)
        : json(200, { id: 'e1', subject: 'A call', internal_notes: 'n' })(request, response),
    );
    await using server = over(upstream);
    const result = await server.deleteEngagement({ ...one, snapshot: true });
    expect(result).toMatchObject({ engagement: { id: 'e1', subject: 'A call', internal_notes: 'n' } });
  });

  it('sends nothing with dryRun, and shows the request without the token', async () => {
    await using upstream = await startUpstream(json(204, undefined), 'Capsule');
    await using server = over(upstream);
    const plan = await server.deleteEngagement({ ...one, dryRun: true });
    expect(plan).toMatchObject({ kind: 'DeleteEngagementPlan', request: { method: 'DELETE' }, integration: 'Capsule' });
    expect(JSON.stringify(plan)).toContain(`${upstream.url}/unified/crm/engagements/e1`);
    expect(JSON.stringify(plan)).not.toContain('token-of-a-caller');
    expect(upstream.deletes()).toEqual([]);
  });

  it('returns Unauthenticated without a token, with one that is none, and with one that Truto refuses', async () => {
    await using upstream = await startUpstream(truto(401));
    await using server = over(upstream);
    const { authorization: _token, ...bare } = one;
    for (const asked of [bare, { ...one, authorization: 'Basic x' }, one])
      expect((await server.deleteEngagement(asked)).kind).toBe('Unauthenticated');
    expect(upstream.deletes()).toHaveLength(1);
  });

  it('sends nothing once its signal is aborted', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    await using server = over(upstream);
    const result = await server.deleteEngagement({ ...one, signal: AbortSignal.abort() });
    expect(result.kind).toBe('UpstreamUnavailableError');
    expect(upstream.deletes()).toEqual([]);
  });

  it('is answered before its server closes, and is an error afterwards', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const server = createEngagementServer(
      { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url },
      { logTo: { write: () => {} } },
    );
    await server.open();
    const deleting = server.deleteEngagement(one);
    await Promise.resolve();
    const closing = server.close();
    expect((await deleting).kind).toBe('DeleteEngagementSuccess');
    await closing;
    await expect(server.deleteEngagement(one)).rejects.toThrow('closed');
  });
});
