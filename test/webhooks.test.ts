import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox } from './sandbox-call.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { freePort } from './support/free-port.ts';
import { removal, sendKeyed, startTwo, withKey } from './support/keyed-delete.ts';
import { startRedis } from './support/redis-server.ts';
import { json, startUpstream } from './support/upstream.ts';
import {
  countOf,
  deletedEvent,
  deliver,
  eventOf,
  signatureOf,
  webhookEnv,
  webhookSecrets,
} from './support/webhooks.ts';

const capsule = sandboxAccount('Capsule').id;
const hour = 3_600_000;

describe.concurrent('the webhook of Truto', () => {
  it('exists only with TRUTO_WEBHOOK_SECRETS', async ({ expect }) => {
    await using facade = await startFacadeOver(json(204, undefined));
    expect((await deliver(facade.url, deletedEvent('a', '1'))).status).toBe(404);
  });

  it('S37 refuses what no secret has signed, and changes nothing', async ({ expect }) => {
    await using facade = await startFacadeOver(json(202, { id: '1' }), webhookEnv, 'capsule');
    expect(await sendKeyed(facade, 'k')).toMatchObject({ outcome: 'ACCEPTED' });
    const body = deletedEvent('a', '1');
    for (const signature of [null, '', 'format=sha256,v=', signatureOf(body, 'another'), signatureOf(`${body} `)])
      expect((await deliver(facade.url, body, signature)).status).toBe(401);
    expect(await sendKeyed(facade, 'k')).toMatchObject({ outcome: 'ACCEPTED' });
    expect(await countOf(facade.url, 'unknown', 'bad_signature')).toBe(5);
  });

  it('accepts each of several secrets, so that they can be rotated', async ({ expect }) => {
    await using upstream = await startUpstream(json(204, undefined));
    await using facade = await startTestFacade(upstream.url, { TRUTO_WEBHOOK_SECRETS: webhookSecrets.join(', ') });
    for (const secret of webhookSecrets) {
      const body = deletedEvent('a', '1');
      expect((await deliver(facade.url, body, signatureOf(body, secret))).status).toBe(200);
    }
  });

  it('answers 400 to a body that is no event, 405 to other methods, and 413 to a large one', async ({ expect }) => {
    await using facade = await startFacadeOver(json(204, undefined), webhookEnv);
    const statusOf = async (body: string) => (await deliver(facade.url, body)).status;
    const { created_at: _, ...undated } = JSON.parse(deletedEvent('a', '1'));
    for (const body of ['', 'no json', '[]', '{}', JSON.stringify(undated)]) expect(await statusOf(body)).toBe(400);
    expect(await statusOf(' '.repeat(300 * 1024))).toBe(413);
    expect((await fetch(`${facade.url}/webhooks/truto`)).status).toBe(405);
  });

  it('answers 200 to events that it does not use, and counts them', async ({ expect }) => {
    await using facade = await startFacadeOver(json(204, undefined), webhookEnv);
    const statusOf = async (body: string) => (await deliver(facade.url, body)).status;
    const account = { integrated_account_id: 'a' };
    const contact = { ...account, resource: 'crm/contacts', records: [{ id: '1' }] };
    expect(await statusOf(eventOf('test', { foo: 'bar' }))).toBe(200);
    expect(await statusOf(eventOf('record:deleted', contact))).toBe(200);
    expect(await statusOf(eventOf('record:deleted', { ...account, resource: 'crm/engagements' }))).toBe(200);
    expect(await statusOf(deletedEvent('a', '../x'))).toBe(200);
    const none = { integrated_account_id: 'a', resource: 'crm/engagements', records: [] };
    expect(await statusOf(eventOf('record:deleted', none))).toBe(200);
    expect(await countOf(facade.url, 'other', 'ignored')).toBe(1);
    expect(await countOf(facade.url, 'record:deleted', 'ignored')).toBe(1);
    expect(await countOf(facade.url, 'record:deleted', 'malformed')).toBe(3);
  });

  it('uses an event once, and none whose time is more than a day away', async ({ expect }) => {
    await using redis = await startRedis();
    await using upstream = await startUpstream(json(204, undefined));
    await using two = await startTwo(upstream.url, redis.url, webhookEnv);
    const body = deletedEvent('a', '1');
    for (const { url } of [two.one, two.other]) expect((await deliver(url, body)).status).toBe(200);
    expect(await countOf(two.one.url, 'record:deleted', 'used')).toBe(1);
    expect(await countOf(two.other.url, 'record:deleted', 'repeated')).toBe(1);
    // One from tomorrow could be sent again until the day after.
    const [key] = (await redis.tell('KEYS', '*:event:*')) as string[];
    expect(await redis.tell('PTTL', key ?? '')).toBeGreaterThan(47 * hour);
    const old = deletedEvent('a', '2', null, new Date(Date.now() - 25 * hour));
    expect((await deliver(two.one.url, old)).status).toBe(200);
    const ahead = deletedEvent('a', '3', null, new Date(Date.now() + 25 * hour));
    expect((await deliver(two.one.url, ahead)).status).toBe(200);
    expect(await countOf(two.one.url, 'record:deleted', 'old')).toBe(2);
  });

  it('answers 503 while Redis does not answer, and uses the event when it is sent again', async ({ expect }) => {
    await using redis = await startRedis();
    await using facade = await startFacadeOver(json(204, undefined), { ...webhookEnv, REDIS_URL: redis.url });
    const body = deletedEvent('a', '1');
    redis.freeze(true);
    expect((await deliver(facade.url, body)).status).toBe(503);
    redis.freeze(false);
    await expect.poll(async () => (await deliver(facade.url, body)).status).toBe(200);
    expect(await countOf(facade.url, 'record:deleted', 'used')).toBe(1);
  });

  it('reaches the same receiver in a mounted server', async ({ expect }) => {
    const { createEngagementServer } = await import('../src/library.ts');
    const lines: string[] = [];
    const logTo = { write: (line: string) => void lines.push(line) };
    await using server = closing(createEngagementServer(webhookEnv, { logTo }));
    const body = deletedEvent(capsule, '1');
    expect((await server.receiveEvent({ body, signature: signatureOf(body) })).status).toBe(200);
    expect((await server.receiveEvent({ body: Buffer.from(body), signature: null })).status).toBe(401);
    const parsed = { body: JSON.parse(body), signature: signatureOf(body) };
    await expect(server.receiveEvent(parsed)).resolves.toMatchObject({ status: 400 });
  });

  it('never writes the payload of an event to the log', async ({ expect }) => {
    await using facade = await startFacadeOver(json(204, undefined), webhookEnv);
    const payload = {
      integrated_account_id: 'a',
      resource: 'crm/engagements',
      records: [{ id: '1', content: 'canary-of-content' }],
    };
    await deliver(facade.url, eventOf('record:deleted', payload));
    await deliver(facade.url, eventOf('record:deleted', { records: 'canary-of-content' }));
    expect(facade.logged()).not.toContain('canary-of-content');
    expect(facade.logged()).toContain('not as expected');
  });
});

it('a signature fits exactly its body and its secret', async () => {
  const { createReceiveEvent } = await import('../src/http/webhooks.ts');
  const { createKnownDeletes } = await import('../src/engagement/known-deletes.ts');
  const { createLog } = await import('../src/log/log.ts');
  const receive = createReceiveEvent({
    secrets: webhookSecrets.map((secret) => new Secret(secret)),
    ...{ knownDeletes: createKnownDeletes(), bulkDeletes: undefined, shared: undefined },
    log: createLog({ destination: { write: () => {} } }),
    metrics: { countEvent: () => {}, countWrite: () => {}, countBulkOutcome: () => {} },
  });
  const bytes = fc.uint8Array({ maxLength: 2_000 }).map((array) => Buffer.from(array));
  await fc.assert(
    fc.asyncProperty(bytes, fc.constantFrom(...webhookSecrets), fc.nat(), async (body, secret, place) => {
      // Signed, it is read, and no bytes are an event.
      const signature = signatureOf(body, secret);
      expect((await receive({ body, signature })).status).toBe(400);
      const other = Buffer.from(body);
      if (other.length > 0) other[place % other.length] = ((other[place % other.length] ?? 0) + 1) % 256;
      expect(
        (await receive({ body: Buffer.concat([other, Buffer.from(body.length === 0 ? 'x' : '')]), signature })).status,
      ).toBe(401);
      const digits = [...signature];
      const last = digits.length - 1 - (place % 64);
      digits[last] = digits[last] === '0' ? '1' : '0';
      expect((await receive({ body, signature: digits.join('') })).status).toBe(401);
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.json(), async (body) => {
      expect([200, 400]).toContain((await receive({ body, signature: signatureOf(body) })).status);
      expect((await receive({ body, signature: body })).status).toBe(401);
    }),
  );
});

/** A delete's field without a key. */
const send = async (
  facade: { post: (query: string) => Promise<{ body: { data: Record<string, unknown> } }> },
  id = '1',
) => (await facade.post(`mutation { ${removal(id)} }`)).body.data.deleteEngagement;

describe.concurrent('an event record:deleted', () => {
  it('makes DELETED of an ACCEPTED delete that is asked for again under its key', async ({ expect }) => {
    await using facade = await startFacadeOver(json(202, { id: '1' }), webhookEnv, 'capsule');
    expect(await sendKeyed(facade, 'k')).toMatchObject({ outcome: 'ACCEPTED' });
    await deliver(facade.url, deletedEvent('a', '1'));
    const now = await sendKeyed(facade, 'k');
    expect(now).toMatchObject({ outcome: 'DELETED' });
    expect(now.warnings.join()).toContain('record:deleted');
    expect(facade.upstream.deletes()).toHaveLength(1);
  });

  it('makes DELETED of an unknown outcome under a key, at any replica, and nothing is sent again', async ({
    expect,
  }) => {
    await using redis = await startRedis();
    await using upstream = await startUpstream((_request, response) => void response.destroy(), 'capsule');
    await using two = await startTwo(upstream.url, redis.url, webhookEnv);
    expect(await sendKeyed(two.one, 'k')).toMatchObject({ __typename: 'OutcomeUnknownError' });
    const sent = upstream.deletes().length;
    await deliver(two.other.url, deletedEvent('a', '1'));
    for (const facade of [two.one, two.other, two.one])
      expect(await sendKeyed(facade, 'k')).toMatchObject({ outcome: 'DELETED' });
    expect(upstream.deletes()).toHaveLength(sent);
  });

  it('also settles one that is not safe to retry', async ({ expect }) => {
    await using facade = await startFacadeOver((_request, response) => void response.destroy(), webhookEnv, 'capsule');
    const rest = ', remoteQuery: { a: 1 }';
    expect(await sendKeyed(facade, 'k', '1', rest)).toMatchObject({ retrySafe: false });
    await deliver(facade.url, deletedEvent('a', '1'));
    expect(await sendKeyed(facade, 'k', '1', rest)).toMatchObject({ outcome: 'DELETED' });
    expect(facade.upstream.deletes()).toHaveLength(1);
  });

  it('settles a delete that waits for its answer', async ({ expect }) => {
    await using upstream = await startUpstream((_request, response) => {
      const { url } = facade;
      void deliver(url, deletedEvent('a', '1')).then(() => response.destroy());
    }, 'capsule');
    await using facade = await startTestFacade(upstream.url, webhookEnv);
    expect(await send(facade)).toMatchObject({ outcome: 'DELETED' });
  });

  it.each([
    ['was created before the delete', (at: Date) => deletedEvent('a', '1', null, at)],
    ['is about another engagement', () => deletedEvent('a', '2')],
    ['is about another account', () => deletedEvent('b', '1')],
  ])('settles nothing when it %s', async (_what, makeBody) => {
    await using facade = await startFacadeOver(json(202, { id: '1' }), webhookEnv, 'capsule');
    const before = new Date(Date.now() - 2_000);
    expect(await sendKeyed(facade, 'k')).toMatchObject({ outcome: 'ACCEPTED' });
    expect((await deliver(facade.url, makeBody(before))).status).toBe(200);
    expect(await sendKeyed(facade, 'k')).toMatchObject({ outcome: 'ACCEPTED' });
  });

  it('must name the type where a call and a meeting may have the same id', async ({ expect }) => {
    await using facade = await startFacadeOver(json(202, { id: '1' }), webhookEnv, 'zohocrm');
    const call = () => sendKeyed(facade, 'k', '1', ', engagementType: CALL');
    const task = () => sendKeyed(facade, 'raw', '1', ', rawEngagementType: "Task"');
    for (const again of [call, task]) expect(await again()).toMatchObject({ outcome: 'ACCEPTED' });
    for (const type of [null, 'meeting']) await deliver(facade.url, deletedEvent('a', '1', type));
    for (const again of [call, task]) expect(await again()).toMatchObject({ outcome: 'ACCEPTED' });
    await deliver(facade.url, deletedEvent('a', '1', 'call'));
    expect(await call()).toMatchObject({ outcome: 'DELETED' });
    expect(await task()).toMatchObject({ outcome: 'ACCEPTED' });
    await deliver(facade.url, deletedEvent('a', '1', 'task'));
    expect(await task()).toMatchObject({ outcome: 'DELETED' });
  });

  it('settles each of its records when some ids are long integers', async ({ expect }) => {
    await using facade = await startFacadeOver(json(202, undefined), webhookEnv, 'capsule');
    const long = '3652397000000512019';
    const callBoth = async () => [await sendKeyed(facade, 'k', long), await sendKeyed(facade, 'l', '1')];
    expect(await callBoth()).toMatchObject([{ outcome: 'ACCEPTED' }, { outcome: 'ACCEPTED' }]);
    const records = [{ id: 'long' }, { id: '1' }];
    const event = eventOf('record:deleted', { integrated_account_id: 'a', resource: 'crm/engagements', records });
    await deliver(facade.url, event.replace('"long"', long));
    expect(await callBoth()).toMatchObject([{ outcome: 'DELETED' }, { outcome: 'DELETED' }]);
  });

  it('does not give a caller the result of another key', async ({ expect }) => {
    await using facade = await startFacadeOver(json(202, { id: '1' }), webhookEnv, 'capsule');
    await deliver(facade.url, deletedEvent('a', '1', null, new Date(Date.now() - 2_000)));
    const { body } = await facade.post(`mutation { ${removal('1')} }`, {}, withKey('new'));
    expect(body.data.deleteEngagement).toMatchObject({ outcome: 'ACCEPTED' });
  });
});

/** A facade, and a sandbox that sends it events. The stack closes both. */
async function startWithEvents(stack: AsyncDisposableStack) {
  // Each needs the address of the other.
  const port = await freePort();
  const url = new URL(`http://127.0.0.1:${port}/webhooks/truto`);
  const sandbox = await startSandbox({ webhook: { url, secret: new Secret(webhookSecrets[0]) } });
  stack.defer(() => sandbox.close());
  return stack.use(await startTestFacade(sandbox.url, { ...webhookEnv, PORT: String(port) }));
}

describe.concurrent('the events of the sandbox', () => {
  it('settle a 202, and a delete whose answer is lost', async ({ expect }) => {
    await using stack = new AsyncDisposableStack();
    const facade = await startWithEvents(stack);
    const delete_ = (id: string) => sendKeyed(facade, id, id, '', capsule);
    expect(await delete_('fault-202')).toMatchObject({ outcome: 'ACCEPTED' });
    await expect.poll(() => delete_('fault-202')).toMatchObject({ outcome: 'DELETED' });
    const first = await delete_('fault-page-after');
    expect(first.__typename === 'OutcomeUnknownError' || first.outcome === 'DELETED').toBe(true);
    await expect.poll(() => countOf(facade.url, 'record:deleted', 'used')).toBeGreaterThan(1);
    expect(await delete_('fault-page-after')).toMatchObject({ outcome: 'DELETED' });
  });

  it('report a connection that the provider refuses, and one that it accepts again', async ({ expect }) => {
    await using stack = new AsyncDisposableStack();
    const facade = await startWithEvents(stack);
    const countEvents = (name: string) => countOf(facade.url, `integrated_account:${name}`, 'used');
    for (const id of ['fault-401', 'fault-401', 'fault-500']) await sendKeyed(facade, id, id, '', capsule);
    await expect.poll(() => countEvents('authentication_error')).toBe(1);
    expect(await countEvents('reactivated')).toBe(0);
    await sendKeyed(facade, 'k', 'comes-back', '', capsule);
    await expect.poll(() => countEvents('reactivated')).toBe(1);
    expect(await countEvents('authentication_error')).toBe(1);
  });

  it('are sent again until they are accepted', async ({ expect }) => {
    await using stack = new AsyncDisposableStack();
    let count = 0;
    const receiver = stack.use(
      await startUpstream((_request, response) => {
        count += 1;
        response.writeHead(count < 3 ? 500 : 200).end();
      }),
    );
    const url = new URL('/webhooks/truto', receiver.url);
    const sandbox = await startSandbox({ webhook: { url, secret: new Secret(webhookSecrets[0]) } });
    stack.defer(() => sandbox.close());
    const path = '/unified/crm/engagements/comes-back';
    await callSandbox(sandbox, { method: 'DELETE', path, query: { integrated_account_id: capsule } });
    await expect.poll(() => count).toBe(3);
    expect(receiver.seen.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST']);
  });
});
