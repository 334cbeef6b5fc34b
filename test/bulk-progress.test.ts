import { describe, expect, it } from 'vitest';
import { clockToleranceSeconds } from '../src/http/callers/verify-token.ts';
import { sandboxAccount, sandboxToken } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { control, started } from './support/bulk.ts';
import { startSetting } from './support/bulk-setting.ts';
import { startTestFacade } from './support/facade.ts';
import { truto } from './support/outcome.ts';
import { startRedis } from './support/redis-server.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;
const document =
  'subscription($id: ID!) { bulkDeleteProgress(id: $id) { id state total outcomes { deleted remaining } } }';

function subscribe(
  url: string,
  id: string,
  accept = 'text/event-stream',
  signal?: AbortSignal,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}/graphql`, {
    ...(signal && { signal }),
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, ...headers },
    body: JSON.stringify({ query: document, variables: { id } }),
  });
}

function eventsIn(text: string) {
  return text
    .split('\n\n')
    .map((block) => ({ event: /^event: (.*)$/m.exec(block)?.[1], data: /^data: (.+)$/m.exec(block)?.[1] }))
    .filter(({ event }) => event !== undefined);
}

/** What Apollo Client 4 asks for with a subscription over HTTP. */
const apolloAccept =
  'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9';

function payloadsIn(text: string) {
  expect(text.endsWith('\r\n--graphql--\r\n')).toBe(true);
  const parts = text.split('\r\n--graphql').slice(1, -1);
  return parts.map((part) => JSON.parse(part.slice(part.indexOf('\r\n\r\n'))).payload).filter(Boolean);
}

describe.concurrent('the progress of a bulk delete', () => {
  it('comes as server-sent events until the end, and then the stream ends', async () => {
    await using setting = await startSetting({ engagementsPerAccount: 120, latencyMs: 250 });
    const ids = seedEngagements(account, 120).map(({ id }) => id);
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
    expect(told.at(-1)).toEqual({ id, state: 'COMPLETED', total: 120, outcomes: { deleted: 120, remaining: 0 } });
    const { body } = await setting.facade.post('query($id: ID!) { bulkDelete(id: $id) { ratePerSecond } }', { id });
    expect(String(body.data.bulkDelete.ratePerSecond)).toMatch(/^\d+(\.\d{1,2})?$/);
  });

  it.each([
    ['from where it is to its end', apolloAccept],
    ['also where Accept names nothing else', 'multipart/mixed'],
    ['also where Accept takes any multipart', 'multipart/*'],
  ])("comes in Apollo's multipart protocol, %s", async (_what, accept) => {
    await using setting = await startSetting({ engagementsPerAccount: 80, latencyMs: 250 });
    const ids = seedEngagements(account, 80).map(({ id }) => id);
    const { id } = await started(setting.facade.post, { integratedAccountId, ids });
    const response = await subscribe(setting.facade.url, id, accept);
    expect(response.headers.get('content-type')).toBe('multipart/mixed;boundary="graphql";subscriptionSpec=1.0');
    const payloads = payloadsIn(await response.text());
    expect(payloads.length).toBeGreaterThan(1);
    expect(payloads.at(-1)).toEqual({
      data: { bulkDeleteProgress: { id, state: 'COMPLETED', total: 80, outcomes: { deleted: 80, remaining: 0 } } },
    });
  });

  it('in multipart is an error with its code for a missing one, also with other types in Accept', async () => {
    await using setting = await startSetting();
    const single = await subscribe(setting.facade.url, 'never-was', apolloAccept);
    expect(await single.json()).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
    const parts = payloadsIn(await (await subscribe(setting.facade.url, 'never-was', 'multipart/mixed')).text());
    expect(parts).toMatchObject([{ errors: [{ extensions: { code: 'NOT_FOUND' } }] }]);
  });

  it('is a single event when it has ended', async () => {
    await using setting = await startSetting();
    const { id } = await started(setting.facade.post, { integratedAccountId, ids: ['1'], dryRun: true });
    const events = eventsIn(await (await subscribe(setting.facade.url, id)).text());
    expect(events.map(({ event }) => event)).toEqual(['next', 'complete']);
  });

  it('is an error for a missing one', async () => {
    await using setting = await startSetting();
    const text = await (await subscribe(setting.facade.url, 'never-was')).text();
    expect(text).toContain('NOT_FOUND');
    expect(text).not.toContain('changed');
  });

  it('refuses a client that cannot read it, before anything else', async () => {
    await using setting = await startSetting();
    const { id } = await started(setting.facade.post, { integratedAccountId, ids: ['1'], dryRun: true });
    const response = await subscribe(setting.facade.url, id, 'application/json');
    expect(response.status).toBe(406);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'NOT_ACCEPTABLE' } }] });
  });

  it('ends when the server drains, and does not delay it', async () => {
    await using setting = await startSetting({ engagementsPerAccount: 300, latencyMs: 1_000 });
    const ids = seedEngagements(account, 300).map(({ id }) => id);
    const { id } = await started(setting.facade.post, { integratedAccountId, ids });
    const response = await subscribe(setting.facade.url, id);
    await setting.facade[Symbol.asyncDispose]();
    expect(eventsIn(await response.text()).at(-1)?.event).toBe('complete');
  });
});

/** More than are sent at once: paused, it does not come to its end. */
const manyIds = Array.from({ length: 100 }, (_, index) => String(index));
const serviceSetting = { ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: sandboxToken };
const tokenOf = async (sub: string, exp?: number) =>
  bearer(await signToken({ integrated_accounts: ['*'], sub, ...(exp && { exp }) }));

function createFollowers(url: string, id: string) {
  // Keeps the readers: a body without a reader is collected as garbage, and its connection is closed.
  const followers: { readonly leaving: AbortController; readonly reader: unknown }[] = [];
  async function follow(headers: Record<string, string> = {}) {
    const leaving = new AbortController();
    const response = await subscribe(url, id, 'text/event-stream', leaving.signal, headers);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (reader && !text.includes('data: ')) text += (await reader.read()).value ?? 'data: ';
    followers.push({ leaving, reader });
    const retryAfter = response.headers.get('retry-after');
    return {
      status: response.status,
      retryAfter,
      code: /"code":"(\w+)"/.exec(text)?.[1],
      leave: () => leaving.abort(),
    };
  }
  return { follow, [Symbol.dispose]: () => followers.forEach(({ leaving }) => void leaving.abort()) };
}

describe.concurrent('S28 subscriptions to bulk deletes', () => {
  it('are limited to 20 a caller; one that ends makes room, and other callers are not affected', async ({ expect }) => {
    await using setting = await startSetting({ latencyMs: 300 }, serviceSetting);
    const { post, url } = setting.facade;
    const [greedy, other] = [await tokenOf('greedy'), await tokenOf('other')];
    const { id } = await started(post, { integratedAccountId, ids: manyIds }, other);
    await post('mutation($id: ID!) { pauseBulkDelete(id: $id) { id } }', { id }, other);
    using followers = createFollowers(url, id);
    const first = await Promise.all(Array.from({ length: 20 }, () => followers.follow(greedy)));
    expect(first.map(({ code }) => code)).toEqual(Array.from({ length: 20 }, () => undefined));
    expect(await followers.follow(greedy)).toMatchObject({ status: 200, code: 'RATE_LIMITED' });
    expect((await followers.follow(other)).code).toBeUndefined();
    first[0]?.leave();
    await expect.poll(async () => (await followers.follow(greedy)).code).toBeUndefined();
  });

  it.for(['text/event-stream', apolloAccept])(
    'do not count after a disconnect before the first event, or for a missing one (%s)',
    async (accept, { expect }) => {
      await using setting = await startSetting({ latencyMs: 300 });
      const { facade } = setting;
      const { id } = await started(facade.post, { integratedAccountId, ids: manyIds });
      await control(facade.post, 'pause', id);
      for (let count = 0; count < 25; count += 1) {
        const leaving = new AbortController();
        const response = subscribe(facade.url, id, accept, leaving.signal).catch(() => {});
        // Some before the request is read, some while the bulk delete is looked up, some after.
        for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        leaving.abort();
        await response;
        await (await subscribe(facade.url, 'never-was', accept)).text();
      }
      using followers = createFollowers(facade.url, id);
      await expect
        .poll(async () => {
          const codes = await Promise.all(Array.from({ length: 20 }, async () => (await followers.follow()).code));
          followers[Symbol.dispose]();
          return codes.filter(Boolean);
        })
        .toEqual([]);
    },
  );

  it('are limited to 500, so that deletes continue', async () => {
    await using setting = await startSetting({ latencyMs: 300 }, serviceSetting);
    const { post, url } = setting.facade;
    const other = await tokenOf('other');
    const { id } = await started(post, { integratedAccountId, ids: manyIds }, other);
    await post('mutation($id: ID!) { pauseBulkDelete(id: $id) { id } }', { id }, other);
    using followers = createFollowers(url, id);
    for (let count = 0; count < 25; count += 1) {
      const caller = await tokenOf(`caller-${count}`);
      await Promise.all(Array.from({ length: 20 }, () => followers.follow(caller)));
    }
    expect(await followers.follow(other)).toMatchObject({ status: 503, code: 'OVERLOADED', retryAfter: '1' });
    const { body } = await post(
      'mutation($id: ID!) { deleteEngagement(id: 5, integratedAccountId: $id) { __typename } }',
      { id: integratedAccountId },
      other,
    );
    expect(body.data.deleteEngagement.__typename).toBeDefined();
  }, 60_000);
});

describe.concurrent('S29 a subscriber of a bulk delete', () => {
  const codeOf = (event?: { readonly data: string | undefined }) =>
    JSON.parse(event?.data ?? '{}').errors?.[0]?.extensions?.code;

  it('gets UNAUTHENTICATED as the last event when the token has expired', async () => {
    await using setting = await startSetting({ latencyMs: 300 }, serviceSetting);
    const { post, url } = setting.facade;
    const other = await tokenOf('other');
    const { id } = await started(post, { integratedAccountId, ids: manyIds }, other);
    await post('mutation($id: ID!) { pauseBulkDelete(id: $id) { id } }', { id }, other);
    // Clocks may differ by ten seconds: it is good for some more.
    const brief = await tokenOf('brief', Math.floor(Date.now() / 1_000) - clockToleranceSeconds + 5);
    const response = await subscribe(url, id, 'text/event-stream', undefined, brief);
    const events = eventsIn(await response.text());
    expect(codeOf(events[0])).toBeUndefined();
    expect(codeOf(events.at(-2))).toBe('UNAUTHENTICATED');
    expect(events.at(-1)?.event).toBe('complete');
  });

  const shown = json(200, { integration: { name: 'capsule' } });
  it.for<[string, string, Answer, string]>([
    ['who started it', 'token-of-a-caller', truto(401), 'UNAUTHENTICATED'],
    ['who did not start it', 'token-of-a-colleague', truto(404), 'FORBIDDEN'],
  ])('is checked at upstream again, by the token of one %s (%s)', async ([_who, token, refused, code], { expect }) => {
    await using redis = await startRedis();
    let lookUp = shown;
    await using upstream = await startUpstream(json(204, undefined), (...args) => lookUp(...args));
    const sealing = { AUTH_MODE: 'passthrough', BULK_TOKEN_SECRET: 'a secret that seals, of more than 32 characters' };
    const env = { REDIS_URL: redis.url, ...sealing, REQUEST_TIMEOUT_MS: '2000', TRUTO_RATE_LIMITS: '0' };
    await using facade = await startTestFacade(upstream.url, env);
    const caller = bearer('token-of-a-caller');
    const { id } = await started(facade.post, { integratedAccountId: 'a', filter: { contact: '1' } }, caller);
    await facade.post('mutation($id: ID!) { pauseBulkDelete(id: $id) { id } }', { id }, caller);
    const response = await subscribe(facade.url, id, 'text/event-stream', undefined, bearer(token));
    lookUp = truto(500);
    const lookUps = () => upstream.seen.filter(({ path }) => path.startsWith('/integrated-account/')).length;
    const before = lookUps();
    await expect.poll(lookUps, { timeout: 20_000 }).toBeGreaterThan(before);
    lookUp = refused;
    const events = eventsIn(await response.text());
    expect(codeOf(events.at(-2))).toBe(code);
    expect(events.at(-1)?.event).toBe('complete');
  });
});
