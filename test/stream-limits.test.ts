import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { collect, decode, items, type Part, postForParts, streamedDelete } from './support/parts.ts';
import { connectRaw, requestHead } from './support/raw-client.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, startUpstream } from './support/upstream.ts';

it('chunks under @defer all arrive, in the list and after it', async () => {
  await using facade = await startFacadeOver(async (_request, response) => {
    for (const piece of ['a', 'b', 'c', 'd'])
      await new Promise((resolve) => response.write(piece.repeat(70_000), resolve));
    response.end();
  });
  const query = `mutation { deleteEngagement(id: "1", integratedAccountId: "a", format: STREAM) {
      __typename ... @defer { ... on DeleteEngagementSuccess { stream { chunks @stream(initialCount: 1) } } } } }`;
  const parts = await collect(await postForParts(facade, query));
  const text = JSON.stringify(parts);
  const encoded = [...text.matchAll(/"([A-Za-z0-9+/]{40,}={0,2})"/g)].map(([, chunk = '']) => chunk);
  expect(decode(encoded)).toBe(['a', 'b', 'c', 'd'].map((piece) => piece.repeat(70_000)).join(''));
  expect(parts.at(-1)).toEqual({ hasNext: false });
});

it('an initialCount beyond MAX_UPSTREAM_BYTES holds no more than that; the rest follows chunk by chunk', async () => {
  await using upstream = await startUpstream((_request, response) => response.end(Buffer.alloc(400_000, 'x')));
  await using facade = await startTestFacade(upstream.url, { MAX_UPSTREAM_BYTES: '100000' });
  const parts = await collect(
    await postForParts(facade, `mutation { ${streamedDelete('chunks @stream(initialCount: 2000000000)')} }`),
  );
  const first = parts[0]?.data?.deleteEngagement?.stream.chunks ?? [];
  const rest = items(parts).flatMap(({ items: chunks }) => chunks ?? []);
  expect(decode(first).length).toBeLessThan(200_000);
  expect(decode([...first, ...rest])).toHaveLength(400_000);
  expect(items(parts).map(({ path }) => path.at(-1))).toEqual(rest.map((_, index) => first.length + index));
});

it('a streamed answer with an unknown outcome is reported as such, and its body is closed', async () => {
  const closed = Promise.withResolvers<void>();
  // It never pauses for the time of an operation, so no other limit ends it.
  await using facade = await startFacadeOver((_request, response) => {
    response.writeHead(207);
    const drip = setInterval(() => response.write('drop'), 50);
    response.once('close', () => {
      clearInterval(drip);
      closed.resolve();
    });
  });
  const { body } = await facade.post(`mutation { ${streamedDelete('chunks')} }`);
  expect(body.data.deleteEngagement).toEqual({ __typename: 'OutcomeUnknownError' });
  await closed.promise;
});

describe('the chunks of one body', () => {
  it.each([
    'stream { a: chunks b: chunks }',
    's: stream { chunks } stream { chunks }',
    'stream { chunks b: chunks @stream }',
  ])('can be read only once, so %s is refused before anything is sent', async (selection) => {
    await using facade = await startFacadeOver((_request, response) => response.end('x'));
    const query = `mutation { deleteEngagement(id: 1, integratedAccountId: "a", format: STREAM) { ... on DeleteEngagementSuccess { ${selection} } } }`;
    const { body } = await facade.post(query);
    expect(body.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    expect(facade.upstream.seen).toHaveLength(0);
  });

  it('may be merged from two fragments', async () => {
    await using facade = await startFacadeOver((_request, response) => response.end('x'));
    const part = '... on DeleteEngagementSuccess { stream { chunks } }';
    const { body } = await facade.post(
      `mutation { deleteEngagement(id: 1, integratedAccountId: "a", format: STREAM) { ${part} ${part} } }`,
    );
    expect(decode(body.data.deleteEngagement.stream.chunks)).toBe('x');
  });
});

describe('S28 streamed bodies', () => {
  /** Starts, and never continues. */
  const lying: Answer = (_request, response) => void response.writeHead(200).write(Buffer.alloc(4_096));

  it('of one caller are at most 8 at once: more are refused unsent, and other callers have their own in the same account', async () => {
    await using upstream = await startUpstream(lying, 'capsule');
    const env = { ...serviceEnv, JWT_SECRET: jwtSecret, REQUEST_TIMEOUT_MS: '3000', TRUTO_RATE_LIMITS: '0' };
    await using facade = await startTestFacade(upstream.url, env);
    const [greedy, other] = await Promise.all(
      ['greedy', 'other'].map(async (sub) => bearer(await signToken({ integrated_accounts: ['*'], sub }))),
    );
    const post = (id: string, headers?: Record<string, string>) =>
      fetchGraphQL(`${facade.url}/graphql`, `mutation { ${streamedDelete('chunks @stream', id)} }`, {
        headers: { accept: 'multipart/mixed', ...headers },
      });
    let endedCount = 0;
    const pending = Array.from({ length: 12 }, async (_, index) => {
      const text = await (await post(`greedy${index}`, greedy)).text();
      endedCount += 1;
      return text;
    });
    const deletesOf = (name: string) => upstream.deletes().filter(({ path }) => path.includes(`/${name}`)).length;
    await expect.poll(() => deletesOf('greedy')).toBe(8);
    const reader = (await post('other', other)).body?.getReader();
    expect([deletesOf('other'), deletesOf('greedy'), endedCount]).toEqual([1, 8, 0]);
    await reader?.cancel();
    const answers = await Promise.all(pending);
    expect(answers.filter((text) => text.includes('"RateLimitedError"'))).toHaveLength(4);
    expect(answers.filter((text) => text.includes('"outcome":"DELETED"'))).toHaveLength(8);
    expect(deletesOf('greedy')).toBe(8);
  });

  it('send the result in time when fewer than initialCount have arrived, and the others after it', async () => {
    let sentCount = 0;
    let hasResult = false;
    await using upstream = await startUpstream((_request, response) => {
      const trickle = setInterval(() => {
        sentCount += 1;
        response.write('x');
        if (!hasResult) return;
        clearInterval(trickle);
        response.end();
      }, 50);
      response.once('close', () => clearInterval(trickle));
    });
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '1000' });
    const query = `mutation { ${streamedDelete('chunks @stream(initialCount: 1000000)')} }`;
    const parts = await postForParts(facade, query);
    const first: Part = (await parts.next()).value;
    hasResult = true;
    expect(first).toMatchObject({ data: { deleteEngagement: { outcome: 'DELETED' } }, hasNext: true });
    const initial = first.data?.deleteEngagement?.stream.chunks ?? [];
    expect(initial).not.toEqual([]);
    const rest = items(await collect(parts));
    expect(rest[0]?.path.at(-1)).toBe(initial.length);
    const all = [...initial, ...rest.flatMap(({ items: chunks }) => chunks ?? [])];
    expect(decode(all)).toBe('x'.repeat(sentCount));
  });

  it('end when upstream sends nothing for the time of an operation, with an error for their client', async () => {
    const closed = Promise.withResolvers<void>();
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(200).once('close', closed.resolve).write('the beginning');
    });
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '1000' });
    const parts = await collect(await postForParts(facade, `mutation { ${streamedDelete('chunks @stream')} }`));
    expect(parts[0]).toMatchObject({ data: { deleteEngagement: { outcome: 'DELETED' } } });
    expect(items(parts).map(({ errors }) => errors?.map(({ extensions }) => extensions.code))).toEqual([
      undefined,
      ['RESPONSE_INTERRUPTED'],
    ]);
    await closed.promise;
  });

  it('end when their client reads nothing for the time of an operation, with an error once it reads', async () => {
    const closed = Promise.withResolvers<void>();
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(200).once('close', closed.resolve);
      const fill = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1_024)));
      };
      response.on('drain', fill);
      fill();
    });
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '1000' });
    using client = await connectRaw(facade.url);
    client.socket.pause();
    const body = JSON.stringify({ query: `mutation { ${streamedDelete('chunks @stream')} }` });
    const headers = ['content-type: application/json', 'accept: multipart/mixed', `content-length: ${body.length}`];
    client.send(requestHead('POST', '/graphql', headers) + body);
    await closed.promise;
    client.socket.resume();
    await expect.poll(client.received).toContain('RESPONSE_INTERRUPTED');
  });
});
