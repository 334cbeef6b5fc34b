import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { started } from './support/bulk.ts';
import { startSetting } from './support/bulk-setting.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;
const document =
  'subscription($id: ID!) { bulkDeleteProgress(id: $id) { id state total outcomes { deleted remaining } } }';

function subscribe(url: string, id: string, accept = 'text/event-stream', signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/graphql`, {
    ...(signal && { signal }),
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify({ query: document, variables: { id } }),
  });
}

/** The events of a stream that has ended. */
function eventsIn(text: string) {
  return text
    .split('\n\n')
    .map((block) => ({ event: /^event: (.*)$/m.exec(block)?.[1], data: /^data: (.+)$/m.exec(block)?.[1] }))
    .filter(({ event }) => event !== undefined);
}

/** What Apollo Client 4 asks for with a subscription over HTTP. */
const apolloAccept =
  'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9';

/** The payloads of a multipart stream that has ended. */
function payloadsIn(text: string) {
  expect(text.endsWith('\r\n--graphql--\r\n')).toBe(true);
  const parts = text.split('\r\n--graphql').slice(1, -1);
  return parts.map((part) => JSON.parse(part.slice(part.indexOf('\r\n\r\n'))).payload).filter(Boolean);
}

describe('the progress of a bulk delete', () => {
  it('comes as server-sent events, from where it is to its end, and then the stream ends', async () => {
    await using setting = await startSetting({ engagementsPerAccount: 600, latencyMs: 250 });
    const ids = seedEngagements(account, 600).map(({ id }) => id);
    const { id } = await started(setting.facade.post, { integratedAccountId, ids });
    const response = await subscribe(setting.facade.url, id);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect(response.headers.get('content-encoding')).toBeNull();
    const events = eventsIn(await response.text());
    expect(events.at(-1)?.event).toBe('complete');
    const told = events
      .filter(({ event }) => event === 'next')
      .map(({ data = '' }) => JSON.parse(data).data.bulkDeleteProgress);
    expect(told.length).toBeGreaterThan(1);
    const deleted = told.map(({ outcomes }) => outcomes.deleted);
    expect(deleted).toEqual([...new Set(deleted)].sort((one, other) => one - other));
    expect(told.at(-1)).toEqual({ id, state: 'COMPLETED', total: 600, outcomes: { deleted: 600, remaining: 0 } });
  });

  it.each([
    ['from where it is to its end', apolloAccept],
    ['also where Accept names nothing else', 'multipart/mixed'],
    ['also where Accept takes any multipart', 'multipart/*'],
  ])("comes in Apollo's multipart protocol, %s", async (_what, accept) => {
    await using setting = await startSetting({ engagementsPerAccount: 200, latencyMs: 250 });
    const ids = seedEngagements(account, 200).map(({ id }) => id);
    const { id } = await started(setting.facade.post, { integratedAccountId, ids });
    const response = await subscribe(setting.facade.url, id, accept);
    expect(response.headers.get('content-type')).toBe('multipart/mixed;boundary="graphql";subscriptionSpec=1.0');
    const payloads = payloadsIn(await response.text());
    expect(payloads.length).toBeGreaterThan(1);
    expect(payloads.at(-1)).toEqual({
      data: { bulkDeleteProgress: { id, state: 'COMPLETED', total: 200, outcomes: { deleted: 200, remaining: 0 } } },
    });
  });

  it('in multipart is an error with its code for one that is not there, whatever else is accepted', async () => {
    await using setting = await startSetting();
    const single = await subscribe(setting.facade.url, 'never-was', apolloAccept);
    expect(await single.json()).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
    const parts = payloadsIn(await (await subscribe(setting.facade.url, 'never-was', 'multipart/mixed')).text());
    expect(parts).toMatchObject([{ errors: [{ extensions: { code: 'NOT_FOUND' } }] }]);
  });

  it('is one event of one that has ended', async () => {
    await using setting = await startSetting();
    const { id } = await started(setting.facade.post, { integratedAccountId, ids: ['1'], dryRun: true });
    const events = eventsIn(await (await subscribe(setting.facade.url, id)).text());
    expect(events.map(({ event }) => event)).toEqual(['next', 'complete']);
  });

  it('is an error for one that is not there', async () => {
    await using setting = await startSetting();
    const text = await (await subscribe(setting.facade.url, 'never-was')).text();
    expect(text).toContain('NOT_FOUND');
  });

  it('is told to no client that cannot read it, which is said before anything else', async () => {
    await using setting = await startSetting();
    const { id } = await started(setting.facade.post, { integratedAccountId, ids: ['1'], dryRun: true });
    const response = await subscribe(setting.facade.url, id, 'application/json');
    expect(response.status).toBe(406);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'NOT_ACCEPTABLE' } }] });
  });

  it('ends when the server is stopped, and holds it up no longer than that', async () => {
    await using setting = await startSetting({ engagementsPerAccount: 300, latencyMs: 1_000 });
    const ids = seedEngagements(account, 300).map(({ id }) => id);
    const { id } = await started(setting.facade.post, { integratedAccountId, ids });
    const response = await subscribe(setting.facade.url, id);
    await setting.facade[Symbol.asyncDispose]();
    expect(eventsIn(await response.text()).at(-1)?.event).toBe('complete');
  });

  it.each(['text/event-stream', apolloAccept])(
    'is asked for no longer by a client that has left (%s)',
    async (accept) => {
      await using setting = await startSetting({ engagementsPerAccount: 300, latencyMs: 1_000 });
      const ids = seedEngagements(account, 300).map(({ id }) => id);
      const { id } = await started(setting.facade.post, { integratedAccountId, ids });
      const leaving = new AbortController();
      const response = await subscribe(setting.facade.url, id, accept, leaving.signal);
      const reader = response.body?.getReader();
      await reader?.read();
      leaving.abort();
      // With nobody there, the server has nothing in flight that a drain would wait for.
      await setting.facade[Symbol.asyncDispose]();
    },
  );
});
