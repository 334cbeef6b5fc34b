import { describe, expect, it } from 'vitest';
import { writeNodeId } from '../src/engagement/node-id.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { refusedIds, takenIds } from './support/ids.ts';
import { remote, truto } from './support/outcome.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const mutation = (selection: string, args = '') => `mutation {
  deleteEngagement(id: "e1", integratedAccountId: "a", engagementType: CALL, snapshot: true ${args}) {
    __typename
    ... on DeleteEngagementSuccess { outcome warnings engagement { ${selection} } }
    ... on OutcomeUnknownError { engagement { ${selection} } }
    ... on Error { message }
  }
}`;

interface Answers {
  readonly read?: Answer;
  readonly remove?: Answer;
  readonly note?: Answer;
}

/** Sends the mutation with an upstream that answers like this. Returns its requests besides the look-up. */
async function run(
  query: string,
  { read = json(200, {}), remove = json(204, undefined), note = truto(404) }: Answers,
  env = {},
) {
  await using upstream = await startUpstream((request, response) => {
    if (request.method === 'DELETE') remove(request, response);
    else if (request.path.includes('/notes/')) note(request, response);
    else read(request, response);
  });
  await using facade = await startTestFacade(upstream.url, env);
  const { body } = await facade.post(query);
  const calls = upstream.seen.filter(({ path }) => path.startsWith('/unified/'));
  return {
    result: body.data.deleteEngagement,
    errors: body.errors,
    calls,
    order: calls.map(({ method, path }) => `${method} ${path.split('/').slice(3).join('/')}`),
  };
}

describe('a delete with a snapshot', () => {
  it("reads first, with the delete's own selection, then deletes and returns the record", async () => {
    const { result, calls, order } = await run(mutation('id subject owner { id } createdAt'), {
      read: json(200, { id: 'e1', subject: 'Hello', owner: { id: 7 }, created_at: '2026-01-02T03:04:05Z' }),
    });
    expect(result).toEqual({
      __typename: 'DeleteEngagementSuccess',
      outcome: 'DELETED',
      warnings: [],
      engagement: { id: 'e1', subject: 'Hello', owner: { id: '7' }, createdAt: '2026-01-02T03:04:05.000Z' },
    });
    expect(order).toEqual(['GET engagements/e1', 'DELETE engagements/e1']);
    expect(calls[0]?.query.truto_exclude_fields).toEqual(calls[1]?.query.truto_exclude_fields);
    expect(calls[0]?.query.engagement_type).toBe('call');
  });

  it.each([204, 504])('has the node id of a read, also when the delete answers %i', async (status) => {
    const read = json(200, { id: 'e1', engagement_type: 'Call' });
    const remove = status === 204 ? json(204, undefined) : truto(504);
    const { result } = await run(mutation('nodeId'), { read, remove });
    const key = { resource: 'engagements', integratedAccountId: 'a', kind: 'call', id: 'e1' } as const;
    expect(result.engagement).toEqual({ nodeId: writeNodeId(key) });
  });

  it("returns the record of the read, and from the delete's answer only what that lacks", async () => {
    const { result } = await run(mutation('subject status direction'), {
      read: json(200, { subject: 'before', status: 'open', direction: null }),
      remove: json(200, { subject: '', status: null, direction: 'inbound' }),
    });
    expect(result.engagement).toEqual({ subject: 'before', status: 'open', direction: 'inbound' });
  });

  it('accepts a record with another spelling of its id', async () => {
    const { result } = await run(mutation('id subject'), { read: json(200, { id: 'E1', subject: 'x' }) });
    expect(result.__typename).toBe('UpstreamUnavailableError');
    const guid = '6f9619ff-8b86-d011-b42d-00c04fc964ff';
    await using facade = await startFacadeOver(json(200, { id: guid, subject: 'x' }));
    const { body } = await facade.post(mutation('subject').replace('"e1"', `"${guid.toUpperCase()}"`));
    expect(body.data.deleteEngagement).toMatchObject({ outcome: 'DELETED', engagement: { subject: 'x' } });
  });

  it.each(['RAW', 'STREAM'])('fills the engagement also with the format %s', async (format) => {
    const { result } = await run(mutation('subject', `, format: ${format}`), {
      read: json(200, { subject: 'Hello' }),
      remove: json(200, { ok: 1 }),
    });
    expect(result).toMatchObject({ outcome: 'DELETED', engagement: { subject: 'Hello' } });
  });

  it.each([
    ['404', truto(404), 'NotFoundError'],
    ['a refusal', remote(403), 'ForbiddenError'],
    ['a rate limit', truto(429), 'RateLimitedError'],
    ['a failure', truto(500), 'UpstreamUnavailableError'],
    ['no record', json(200, []), 'UpstreamUnavailableError'],
    ['an error in spite of its status', json(200, { statusCode: 502, subject: 'x' }), 'UpstreamUnavailableError'],
    ['an object that is no record', json(200, { result: { subject: 'x' } }), 'UpstreamUnavailableError'],
    ['another record', json(200, { id: 'e2', subject: 'x' }), 'UpstreamUnavailableError'],
    ['nothing', ((_request, response) => response.destroy()) as Answer, 'UpstreamUnavailableError'],
  ])('does not delete when the read answers %s', async (_what, read, member) => {
    const { result, order } = await run(mutation('subject'), { read });
    expect(result.__typename).toBe(member);
    expect(result.message).toContain('Nothing was deleted');
    expect(new Set(order)).toEqual(new Set(['GET engagements/e1']));
  });

  it('returns the record when the outcome of the delete is unknown', async () => {
    const { result } = await run(mutation('subject'), {
      read: json(200, { subject: 'all that is left' }),
      remove: truto(502),
    });
    expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', engagement: { subject: 'all that is left' } });
  });

  it('has one deadline for both, and starts no delete without time for it', async () => {
    const { result, order } = await run(mutation('subject'), { read: () => {} }, { REQUEST_TIMEOUT_MS: '300' });
    expect(result.__typename).toBe('UpstreamUnavailableError');
    expect(new Set(order)).toEqual(new Set(['GET engagements/e1']));
  });

  it('does not use the read as evidence for the delete', async () => {
    const { result } = await run(mutation('remoteData'), { read: json(200, { remote_data: { success: false } }) });
    expect(result).toMatchObject({ outcome: 'DELETED', engagement: { remoteData: { success: false } } });
  });

  it('only reads in a dry run', async () => {
    const { order } = await run(mutation('subject', ', dryRun: true'), {});
    expect(order).toEqual(['GET engagements/e1']);
  });
});

describe('the notes of a snapshot', () => {
  const read = json(200, { notes: [{ id: 'n1' }, { id: 'n2' }] });
  const note: Answer = ({ path }, response) =>
    json(200, { content: `content of ${path.at(-1)}` })({} as never, response);

  it('are read before the delete, once', async () => {
    const { result, order } = await run(mutation('notes { id content }'), { read, note });
    expect(result.engagement.notes).toEqual([
      { id: 'n1', content: 'content of 1' },
      { id: 'n2', content: 'content of 2' },
    ]);
    expect(order).toEqual(['GET engagements/e1', 'GET notes/n1', 'GET notes/n2', 'DELETE engagements/e1']);
  });

  it('cost nothing when only their ids are selected', async () => {
    const { order } = await run(mutation('notes { id }'), { read, note });
    expect(order).toEqual(['GET engagements/e1', 'DELETE engagements/e1']);
  });

  it('stop the delete when they cannot be read', async () => {
    const { result, order } = await run(mutation('notes { content }'), { read, note: truto(500) });
    expect(result.__typename).toBe('UpstreamUnavailableError');
    expect(order.filter((call) => call.startsWith('DELETE'))).toEqual([]);
  });

  it('that are gone already do not stop the delete: the field is null, with an error', async () => {
    const { result, errors } = await run(mutation('notes { id content }'), { read, note: truto(404) });
    expect(result.engagement.notes).toEqual([
      { id: 'n1', content: null },
      { id: 'n2', content: null },
    ]);
    expect(errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }, { extensions: { code: 'NOT_FOUND' } }]);
  });
});

describe("S04 the id of a snapshot's note, in upstream's record", () => {
  const withNotes = (ids: readonly string[]) => json(200, { notes: ids.map((id) => ({ id })) });
  const note = json(200, { content: 'the content' });

  it('of any form is one path segment of the read', async () => {
    const { result, calls } = await run(
      mutation('notes { id content }'),
      { read: withNotes(takenIds), note },
      { TRUTO_RATE_LIMITS: '0' },
    );
    expect(result.engagement.notes).toEqual(takenIds.map((id) => ({ id, content: 'the content' })));
    expect(calls.at(-1)).toMatchObject({ method: 'DELETE', path: '/unified/crm/engagements/e1' });
    const segments = calls.slice(1, -1).map(({ path }) => {
      expect(path).toMatch(/^\/unified\/crm\/notes\/[\x21-\x7e]+$/);
      expect(new URL(path, 'http://h').pathname).toBe(path);
      return path.slice('/unified/crm/notes/'.length);
    });
    expect(segments.map(decodeURIComponent).sort()).toEqual([...takenIds].sort());
    expect(segments.filter((segment) => segment.includes('/'))).toEqual([]);
  });

  it('that is empty is invalid: the field is null, with a warning', async () => {
    const { result, errors, order } = await run(mutation('notes { id content }'), { read: withNotes(['']), note });
    expect(errors).toBeUndefined();
    const engagement = { notes: null };
    expect(result).toMatchObject({ outcome: 'DELETED', engagement, warnings: [expect.stringContaining('notes')] });
    expect(order).toEqual(['GET engagements/e1', 'DELETE engagements/e1']);
  });

  it.each(refusedIds.filter(([, id]) => id !== ''))(
    'is not read if it is %s: nothing is deleted',
    async (_what, id) => {
      const { result, errors, order } = await run(mutation('notes { id content }'), { read: withNotes([id]), note });
      expect(errors).toBeUndefined();
      expect(result).toEqual({
        __typename: 'UpstreamUnavailableError',
        message: expect.stringContaining('Nothing was deleted.'),
      });
      expect(order).toEqual(['GET engagements/e1']);
    },
  );
});

describe('notes of a snapshot that are selected more than once', () => {
  const read = json(200, { notes: [{ id: 'n1' }] });
  const gone: { is: boolean } = { is: false };
  const note: Answer = ({ query }, response) => {
    const answer = gone.is ? truto(404) : json(200, { title: 'the title', content: 'the content' });
    expect(query.integrated_account_id).toBe('a');
    answer({} as never, response);
  };
  const remove: Answer = (request, response) => {
    gone.is = true;
    json(204, undefined)(request, response);
  };

  it('are in each selection, although they are deleted with the engagement', async () => {
    gone.is = false;
    const { result, errors } = await run(mutation('t: notes { title } c: notes { content }'), { read, note, remove });
    expect(result.engagement).toEqual({ t: [{ title: 'the title' }], c: [{ content: 'the content' }] });
    expect(errors).toBeUndefined();
  });
});

it('a field that is in neither the answer nor the snapshot has a warning, without the advice to use a snapshot', async () => {
  const answers = { read: json(200, { id: 'e1', status: null }), remove: json(200, { id: 'e1' }) };
  const { result } = await run(mutation('id subject status'), answers);
  expect(result.warnings).toEqual([expect.stringMatching(/lacks subject\.(?!.*snapshot: true)/)]);
});

describe('a delete without a snapshot', () => {
  const plain =
    'mutation { deleteEngagement(id: "e1", integratedAccountId: "a") { ... on DeleteEngagementSuccess { warnings engagement { id subject status } } } }';

  it('warns about selected fields that the answer does not have, and names the argument', async () => {
    const { result } = await run(plain, { remove: json(200, { id: 'e1', status: null }) });
    expect(result.warnings).toEqual([expect.stringMatching(/lacks subject\..*snapshot: true/)]);
  });

  it.each(['RAW', 'STREAM'])('warns about all of them in the format %s, whose answer has no record', async (format) => {
    const { result } = await run(plain.replace('"a")', `"a", format: ${format})`), {
      remove: json(200, { subject: 'x' }),
    });
    expect(result.engagement).toBeNull();
    expect(result.warnings).toEqual([expect.stringMatching(/lacks subject, status\..*snapshot: true/)]);
  });

  it('does not warn when the answer has them all', async () => {
    const { result } = await run(plain, { remove: json(200, { id: 'e1', status: null, subject: 'x' }) });
    expect(result.warnings).toEqual([]);
  });
});
