import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { collect, decode, items, type Part, postForParts, streamedDelete } from './support/parts.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

/** Sends the pieces one at a time, each when the test requests it. */
function stepwise(pieces: readonly string[]) {
  const steps: (() => void)[] = [];
  const answer: Answer = async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/csv' });
    response.flushHeaders();
    for (const piece of pieces) {
      await new Promise<void>((resolve) => steps.push(resolve));
      response.write(piece);
    }
    response.end();
  };
  const next = async () => {
    await expect.poll(() => steps.length).toBeGreaterThan(0);
    steps.shift()?.();
  };
  return { answer, next };
}

describe('chunks with @stream', () => {
  it('arrive one by one while upstream is still sending', async () => {
    const { answer, next } = stepwise(['a,b\n', '1,2\n']);
    await using facade = await startFacadeOver(answer);
    const parts = await postForParts(facade, `mutation { ${streamedDelete('chunks @stream(label: "rows")')} }`);

    const first = (await parts.next()).value;
    expect(first).toEqual({
      data: {
        deleteEngagement: {
          __typename: 'DeleteEngagementSuccess',
          outcome: 'DELETED',
          stream: { contentType: 'text/csv', contentLength: null, chunks: [] },
          warnings: [],
        },
      },
      hasNext: true,
    });
    await next();
    const path = ['deleteEngagement', 'stream', 'chunks'];
    expect((await parts.next()).value).toEqual({
      incremental: [{ items: ['YSxiCg=='], path: [...path, 0], label: 'rows' }],
      hasNext: true,
    });
    await next();
    expect((await parts.next()).value).toEqual({
      incremental: [{ items: ['MSwyCg=='], path: [...path, 1], label: 'rows' }],
      hasNext: true,
    });
    expect((await parts.next()).value).toEqual({ hasNext: false });
    expect((await parts.next()).done).toBe(true);
  });

  it('start with as many as initialCount', async () => {
    const { answer, next } = stepwise(['a', 'b']);
    await using facade = await startFacadeOver(answer);
    const pending = postForParts(facade, `mutation { ${streamedDelete('chunks @stream(initialCount: 1)')} }`);
    await next();
    const parts = await pending;
    const first: Part = (await parts.next()).value;
    expect(decode(first.data?.deleteEngagement?.stream.chunks ?? [])).toBe('a');
    await next();
    const rest = items(await collect(parts));
    expect(rest.map(({ path, items: chunks }) => [path.at(-1), decode(chunks ?? [])])).toEqual([[1, 'b']]);
  });

  it('with a negative initialCount are an error of that field, and the delete is still reported', async () => {
    await using facade = await startFacadeOver((_request, response) => response.end('x'));
    const parts = await collect(
      await postForParts(facade, `mutation { ${streamedDelete('chunks @stream(initialCount: -1)')} }`),
    );
    expect(parts).toMatchObject([
      {
        data: { deleteEngagement: { outcome: 'DELETED', stream: null } },
        errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
      },
    ]);
  });

  it('of several aliased deletes all arrive, each at its own path', async () => {
    await using facade = await startFacadeOver(({ path }, response) => response.end(path.at(-1)));
    const query = `mutation { one: ${streamedDelete('chunks @stream', '1')} two: ${streamedDelete('bytes: chunks @stream', '2')} three: ${streamedDelete('chunks', '3')} }`;
    const parts = await collect(await postForParts(facade, query));
    expect(items(parts).map(({ path, items: chunks }) => [...path, decode(chunks ?? [])])).toEqual([
      ['one', 'stream', 'chunks', 0, '1'],
      ['two', 'stream', 'bytes', 0, '2'],
    ]);
    expect(decode(parts[0]?.data?.three?.stream.chunks ?? [])).toBe('3');
  });

  it('that end early end with an error, after the delete was reported', async () => {
    await using facade = await startFacadeOver((_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => response.destroy());
    });
    const parts = await collect(await postForParts(facade, `mutation { ${streamedDelete('chunks @stream')} }`));
    expect(parts[0]).toMatchObject({ data: { deleteEngagement: { outcome: 'DELETED' } } });
    expect(items(parts).at(-1)).toMatchObject({
      items: null,
      errors: [{ extensions: { code: 'RESPONSE_INTERRUPTED' } }],
    });
    expect(parts.at(-1)).toEqual({ hasNext: false });
  });

  it('work together with @defer', async () => {
    await using facade = await startFacadeOver((_request, response) => response.end('x'));
    const query = `mutation { deleteEngagement(id: "1", integratedAccountId: "a", format: STREAM) {
      ... on DeleteEngagementSuccess { stream { chunks @stream } ... @defer { outcome } } } }`;
    const parts = await collect(await postForParts(facade, query));
    expect(JSON.stringify(parts)).toContain('"outcome":"DELETED"');
    expect(items(parts).flatMap(({ items: chunks }) => chunks ?? [])).toEqual(['eA==']);
    expect(parts.map(({ hasNext }) => hasNext)).toEqual([...parts.slice(1).map(() => true), false]);
  });
});

describe('a client that accepts only one result', () => {
  it.each(['application/json', '*/*', 'application/graphql-response+json', 'application/*'])(
    'with Accept: %s gets the whole list in spite of @stream, never an error after the delete',
    async (accept) => {
      await using facade = await startFacadeOver((_request, response) => response.end('all of it'));
      const query = `mutation { ${streamedDelete('chunks @stream')} }`;
      const { status, body } = await facade.post(query, {}, { accept });
      expect(status).toBe(200);
      expect(decode(body.data.deleteEngagement.stream.chunks)).toBe('all of it');
    },
  );

  it.each([
    'text/html',
    'image/png',
    'image/*',
    'application/jsonx',
    '*/json',
    'application/json;charset=utf-16',
    'application/json;x-charset=utf-8',
    'multipart/mixed;x-charset=x',
  ])('gets 406 before anything is sent for Accept: %s', async (accept) => {
    await using facade = await startFacadeOver(json(204, undefined));
    const { status, body } = await facade.post(`mutation { ${streamedDelete('chunks')} }`, {}, { accept });
    expect(status).toBe(406);
    expect(body.errors[0].extensions.code).toBe('NOT_ACCEPTABLE');
    expect(facade.upstream.seen).toHaveLength(0);
  });
});

describe('chunks without @stream', () => {
  it('larger than MAX_UPSTREAM_BYTES are an error of that field, and the delete is still reported', async () => {
    await using upstream = await startUpstream((_request, response) => response.end(Buffer.alloc(2000)));
    await using facade = await startTestFacade(upstream.url, { MAX_UPSTREAM_BYTES: '1024' });
    const { body } = await facade.post(`mutation { ${streamedDelete('chunks @stream(if: false)')} }`);
    expect(body.data.deleteEngagement).toMatchObject({ outcome: 'DELETED', stream: null });
    expect(body.errors).toMatchObject([
      { path: ['deleteEngagement', 'stream', 'chunks'], extensions: { code: 'RESPONSE_TOO_LARGE' } },
    ]);
  });

  it('are not read when they are not selected, and take no permit: a caller has 8 for open bodies', async () => {
    let openCount = 0;
    await using facade = await startFacadeOver((_request, response) => {
      openCount += 1;
      response.once('close', () => (openCount -= 1));
      response.writeHead(200, { 'content-length': 1_000_000_000 }).write('the beginning');
    });
    const aliases = Array.from({ length: 10 }, (_, index) => `a${index}: ${streamedDelete('', `${index}`)}`);
    const { body } = await facade.post(`mutation { ${aliases.join(' ')} }`);
    const stream = { contentType: null, contentLength: 1_000_000_000 };
    expect(Object.values(body.data)).toEqual(
      aliases.map(() => expect.objectContaining({ outcome: 'DELETED', stream })),
    );
    await expect.poll(() => openCount).toBe(0);
  });

  it('that do not end in time are an error of that field, and delay no other request', async () => {
    await using upstream = await startUpstream((_request, response) => response.writeHead(200).write('drip'));
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '500' });
    const { body } = await facade.post(`mutation { ${streamedDelete('chunks')} }`);
    expect(body.data.deleteEngagement).toMatchObject({ outcome: 'DELETED', stream: null });
    expect(body.errors).toMatchObject([{ extensions: { code: 'RESPONSE_INTERRUPTED' } }]);
  });

  it('are empty for a 204', async () => {
    await using facade = await startFacadeOver(json(204, undefined));
    const { body } = await facade.post(`mutation { ${streamedDelete('chunks')} }`);
    expect(body.data.deleteEngagement).toMatchObject({ outcome: 'DELETED', stream: { chunks: [] } });
  });
});
