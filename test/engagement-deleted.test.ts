import { describe, it } from 'vitest';
import { createKnownDeletes } from '../src/engagement/known-deletes.ts';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { started } from './support/bulk.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { removal, startTwo } from './support/keyed-delete.ts';
import { truto } from './support/outcome.ts';
import { aclRules, asApp, setUser } from './support/redis-facade.ts';
import { startRedis } from './support/redis-server.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { json, startUpstream } from './support/upstream.ts';
import { deletedEvent, deliver, eventOf, webhookEnv } from './support/webhooks.ts';

const capsule = sandboxAccount('Capsule').id;

interface Seen {
  readonly id: string;
  readonly evidence: string;
  readonly at: string;
}

/** A subscription: what it has sent so far, as long as it is open. */
interface Subscription extends AsyncDisposable {
  readonly response: Response;
  readonly seen: readonly Seen[];
  code(): string | undefined;
}

async function subscribe(
  url: string,
  account: string,
  headers: Record<string, string> = {},
  accept = 'text/event-stream',
): Promise<Subscription> {
  const client = new AbortController();
  const query = 'subscription($id: ID!) { engagementDeleted(integratedAccountId: $id) { id evidence at } }';
  const response = await fetchGraphQL(`${url}/graphql`, query, {
    variables: { id: account },
    headers: { accept, ...headers },
    signal: client.signal,
  });
  const seen: Seen[] = [];
  let code: string | undefined;
  async function read(): Promise<void> {
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const found = [...text.matchAll(/"engagementDeleted":(\{[^}]*\})/g)];
      for (const [, json = ''] of found.slice(seen.length)) seen.push(JSON.parse(json));
      code = /"code":"(\w+)"/.exec(text)?.[1];
    }
  }
  const reading = read().catch(() => {});
  return {
    ...{ response, seen, code: () => code },
    async [Symbol.asyncDispose]() {
      client.abort();
      await reading;
    },
  };
}

describe.concurrent('the subscription engagementDeleted', () => {
  it('sends the deletes of this process and the events, of its account only', async ({ expect }) => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url, webhookEnv);
    await using stream = await subscribe(facade.url, capsule);
    const [first, second] = sandbox.engagementsOf(capsule).map(({ id }) => id);
    await facade.post(`mutation { ${removal(first ?? '', '', capsule)} }`);
    await facade.post(`mutation { ${removal('fault-202', '', capsule)} }`);
    await facade.post(`mutation { ${removal('fault-500', '', capsule)} }`);
    await deliver(facade.url, deletedEvent('another', 'other'));
    await deliver(facade.url, deletedEvent(capsule, second ?? ''));
    await expect.poll(() => stream.seen.length).toBe(2);
    expect(stream.seen).toMatchObject([
      { id: first, evidence: 'DELETED' },
      { id: second, evidence: 'EVENT' },
    ]);
    expect(Date.parse(stream.seen[0]?.at ?? '')).toBeGreaterThan(0);
  });

  it("comes in Apollo's multipart protocol too", async ({ expect }) => {
    await using facade = await startFacadeOver(json(204, undefined), webhookEnv);
    await using stream = await subscribe(facade.url, 'a', {}, 'multipart/mixed;subscriptionSpec=1.0');
    expect(stream.response.headers.get('content-type')).toContain('multipart/mixed');
    await deliver(facade.url, deletedEvent('a', '1'));
    await expect.poll(() => stream.seen.length).toBe(1);
  });

  it('sends the deletes and events of all servers with the same Redis, bulk deletes too', async ({ expect }) => {
    await using redis = await startRedis();
    await using sandbox = closing(await startSandbox());
    await using two = await startTwo(sandbox.url, redis.url, webhookEnv);
    await using stream = await subscribe(two.one.url, capsule);
    const [first, second, third] = sandbox.engagementsOf(capsule).map(({ id }) => id);
    await two.other.post(`mutation { ${removal(first ?? '', '', capsule)} }`);
    await deliver(two.other.url, deletedEvent(capsule, second ?? ''));
    await started(two.other.post, { integratedAccountId: capsule, ids: [third ?? ''] });
    await expect.poll(() => stream.seen.map(({ id }) => id).sort()).toEqual([first, second, third].sort());
  });

  it('keeps up with events of hundreds of records', async ({ expect }) => {
    await using facade = await startFacadeOver(json(204, undefined), webhookEnv);
    await using stream = await subscribe(facade.url, 'a');
    for (const part of [1, 2]) {
      const records = Array.from({ length: 600 }, (_, index) => ({ id: `e${part}-${index}` }));
      const payload = { integrated_account_id: 'a', resource: 'crm/engagements', records };
      expect((await deliver(facade.url, eventOf('record:deleted', payload))).status).toBe(200);
      await expect.poll(() => stream.seen.length).toBeGreaterThan(part === 1 ? 0 : 600);
    }
    await expect.poll(() => stream.code() ?? stream.seen.length).toBe(1_200);
  });

  it('ends with EVENTS_LOST when Redis is lost', async ({ expect }) => {
    await using redis = await startRedis();
    await using facade = await startFacadeOver(json(204, undefined), { ...webhookEnv, REDIS_URL: redis.url });
    await using stream = await subscribe(facade.url, 'a');
    await redis.kill();
    await expect.poll(() => stream.code()).toBe('EVENTS_LOST');
  });

  it('ends with EVENTS_LOST after a delete at a server that Redis did not answer', async ({ expect }) => {
    await using redis = await startRedis();
    await setUser(redis, ...aclRules);
    await using upstream = await startUpstream(json(204, undefined));
    await using alone = await startTestFacade(upstream.url, { REDIS_URL: asApp(redis) });
    await using other = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
    await using stream = await subscribe(other.url, 'a');
    await using unconcerned = await subscribe(other.url, 'b');
    await setUser(redis, ...aclRules, '-eval', '-evalsha');
    const { body } = await alone.post(`mutation { ${removal('1')} }`);
    expect(body.data.deleteEngagement).toMatchObject({ outcome: 'DELETED' });
    await setUser(redis, ...aclRules);
    await expect.poll(() => stream.code()).toBe('EVENTS_LOST');
    await other.post(`mutation { ${removal('2', '', 'b')} }`);
    await expect.poll(() => unconcerned.seen.length).toBe(1);
  });

  it('S29 refuses a caller without access to the account', async ({ expect }) => {
    await using upstream = await startUpstream(json(204, undefined));
    await using service = await startTestFacade(upstream.url, { ...serviceEnv, JWT_SECRET: jwtSecret });
    const headers = bearer(await signToken({ integrated_accounts: ['b'] }));
    await using denied = await subscribe(service.url, 'a', headers);
    await expect.poll(() => denied.code()).toBe('FORBIDDEN');
    await using anonymous = await subscribe(service.url, 'a');
    expect(anonymous.response.status === 401 || anonymous.code() !== undefined).toBe(true);
    await using hidden = await startUpstream(json(204, undefined), truto(404));
    await using facade = await startTestFacade(hidden.url, { AUTH_MODE: 'passthrough' });
    await using stream = await subscribe(facade.url, 'a', { authorization: 'Bearer token-of-a-stranger' });
    await expect.poll(() => stream.code()).toBe('INTEGRATED_ACCOUNT_NOT_FOUND');
  });
});

describe('the deletes that are kept for readers', () => {
  it('are read in order, from a position on, and none is read twice', async ({ expect }) => {
    const known = createKnownDeletes();
    let position = (await known.read('a', null))?.position ?? '';
    const ids: string[] = [];
    for (let number = 1; number <= 250; number += 1) {
      known.note('a', `e${number}`, 'DELETED');
      if (number % 100 !== 50) continue;
      const part = await known.read('a', position);
      expect(part?.isIncomplete).toBe(false);
      ids.push(...(part?.items.map(({ id }) => id) ?? []));
      position = part?.position ?? '';
    }
    expect(ids).toEqual(Array.from({ length: 250 }, (_, index) => `e${index + 1}`));
  });

  it('are bounded, and a reader that is too slow learns that some are lost', async ({ expect }) => {
    const known = createKnownDeletes();
    const start = await known.read('a', null);
    for (let number = 0; number < 1_001; number += 1) known.note('a', `e${number}`, 'DELETED');
    expect((await known.read('a', start?.position ?? ''))?.isIncomplete).toBe(true);
  });
});
