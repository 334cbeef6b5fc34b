import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import {
  answerText,
  bytes,
  hangUp,
  noContent,
  type RawAnswer,
  rawOutcomeOf,
  record,
  refusal,
  reset,
} from './support/raw-upstream.ts';
import { startUpstream } from './support/upstream.ts';

const success = { __typename: 'DeleteEngagementSuccess', deletedEngagementId: 'e1', outcome: 'DELETED' };
const unknown = {
  __typename: 'OutcomeUnknownError',
  retrySafe: true,
  message: expect.not.stringContaining('undefined'),
};
/** Sends that, and ends or breaks the connection. */
const thenEnd =
  (text: string): RawAnswer =>
  (socket) =>
    void socket.end(text);
const thenReset =
  (text: string): RawAnswer =>
  (socket) =>
    void socket.write(text, () => socket.resetAndDestroy());

const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
const cutShort = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"id":"e1"';

describe('R02 a delete whose connection breaks before an answer', () => {
  const breaks: [string, RawAnswer][] = [
    ['is reset', reset],
    ['is closed', hangUp],
    ['is closed in the middle of the status line', thenEnd('HTTP/1.1 20')],
    ['is closed in the middle of the headers', thenEnd('HTTP/1.1 200 OK\r\ncontent-le')],
  ];

  it.each(breaks)('%s: is sent once more, and its success is reported once', async (_how, answer) => {
    expect(await rawOutcomeOf([answer, record({ id: 'e1', subject: 'Hello' })], 2)).toEqual({
      ...success,
      engagement: { id: 'e1', subject: 'Hello' },
      warnings: [],
    });
  });

  it.each(breaks)('%s, and the next too: is never sent a third time, its outcome is unknown', async (_how, answer) => {
    expect(await rawOutcomeOf([answer, answer, noContent], 2)).toMatchObject({ ...unknown, lastStatusCode: null });
  });
});

describe('R03 a delete whose 2xx is cut short', () => {
  const cuts: [string, RawAnswer][] = [
    ['reset in its body', thenReset(cutShort)],
    ['closed in its body', thenEnd(cutShort)],
    ['closed between its chunks', thenEnd(`${chunked}b\r\n{"id":"e1"\r\n`)],
    ['chunks that are none', bytes(`${chunked}NONSENSE\r\n`)],
  ];

  it.each(cuts)('is sent once more, and is gone when that finds nothing: %s', async (_how, answer) => {
    expect(await rawOutcomeOf([answer, refusal(404)], 2)).toMatchObject({ ...success, outcome: 'ALREADY_ABSENT' });
  });

  it.each(cuts)('has an unknown outcome when the second is cut short too: %s', async (_how, answer) => {
    expect(await rawOutcomeOf([answer], 2)).toMatchObject({ ...unknown, lastStatusCode: 200 });
  });
});

it.each<[string, RawAnswer]>([
  ['of broken JSON', bytes(answerText(200, '{"id":"e1"', ['content-type: application/json']))],
  ['of HTTP/1.0 that is reset', thenReset('HTTP/1.0 200 OK\r\n\r\n{"id":"e1"')],
  ['of text', bytes(answerText(200, 'gone', ['content-type: text/plain']))],
  ['of a page', bytes(answerText(200, '<html>Welcome</html>', ['content-type: text/html']))],
  [
    'compressed without a request for it, 5 MB in 5 kB',
    (socket) => {
      const bomb = gzipSync(Buffer.alloc(5_000_000, ' '));
      const head = `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`;
      socket.write(Buffer.concat([Buffer.from(head), bomb]));
    },
  ],
])('R03 a delete whose 2xx is broken has an unknown outcome, after one request: %s', async (_how, answer) => {
  expect(await rawOutcomeOf([answer], 1)).toMatchObject({ ...unknown, lastStatusCode: 200 });
});

describe('R10 a delete succeeds', () => {
  it.each<[string, RawAnswer]>([
    ['a length', bytes('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello')],
    ['no length', bytes('HTTP/1.1 204 No Content\r\n\r\nhello')],
    ['chunks', bytes('HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')],
  ])('when a 204 has a body, of %s', async (_how, answer) => {
    const result = await rawOutcomeOf([answer], 1);
    expect(result).toMatchObject({ ...success, warnings: [expect.any(String)] });
  });

  it('when its answer is JSON, with any media type', async () => {
    const answer = bytes(answerText(200, '{"id":"e1","subject":"Hello"}', ['content-type: text/plain']));
    expect(await rawOutcomeOf([answer], 1)).toMatchObject({ engagement: { subject: 'Hello' }, warnings: [] });
  });
});

describe('R10 a delete with an empty answer succeeds', () => {
  it.each<[string, RawAnswer]>([
    ['204', noContent],
    ['200 of length 0', bytes(answerText(200))],
    ['200 of no chunks', bytes(`${chunked}0\r\n\r\n`)],
    ['200 that ends with its connection', thenEnd('HTTP/1.1 200 OK\r\n\r\n')],
    ['HTTP/1.0 200', thenEnd('HTTP/1.0 200 OK\r\n\r\n')],
  ])('by %s', async (_how, answer) => {
    const result = await rawOutcomeOf([answer], 1);
    expect(result).toMatchObject({ ...success, engagement: { id: 'e1', subject: null } });
  });

  it('and one with an HTTP/1.0 answer, up to the end of the connection, has its record', async () => {
    const answer = thenEnd('HTTP/1.0 200 OK\r\n\r\n{"id":"e1","subject":"Hello"}');
    expect(await rawOutcomeOf([answer], 1)).toEqual({
      ...success,
      engagement: { id: 'e1', subject: 'Hello' },
      warnings: [],
    });
  });
});

// A broken head has no readable status, so nothing proves a delete (ADR 2).
it.each<[string, string]>([
  ['no HTTP at all', 'NONSENSE\r\n\r\n'],
  ['junk after its status line', 'HTTP/1.1 200 OK\r\nNONSENSE\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n'],
  ['lines that end oddly', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\n{}'],
  ['a length and chunks', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}'],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
  ['a header of 40 kB', answerText(200, '{"id":"e1"}', [`x-big: ${'x'.repeat(40_000)}`])],
])('R03 a delete answered with invalid headers has an unknown outcome after two attempts: %s', async (_what, text) => {
  expect(await rawOutcomeOf([bytes(text)], 2)).toMatchObject({ ...unknown, lastStatusCode: null });
});

describe('a delete', () => {
  it.each([100, 102, 103])('waits past a %i for its answer', async (statusCode) => {
    const interim = `HTTP/1.1 ${statusCode} Wait\r\nlink: </x>\r\n\r\n`;
    expect(await rawOutcomeOf([bytes(interim, interim, answerText(204))], 1)).toMatchObject(success);
    expect(await rawOutcomeOf([bytes(interim + answerText(204))], 1)).toMatchObject(success);
    const thenRefused: RawAnswer = (...to) => {
      bytes(interim)(...to);
      refusal(409)(...to);
    };
    expect(await rawOutcomeOf([thenRefused], 1)).toMatchObject({ statusCode: 409 });
  });

  it('waits past a 100 that arrives byte by byte, and reads a body that looks like one', async () => {
    const body = JSON.stringify({ id: 'e1', subject: 'HTTP/1.1 100 Continue' });
    const cut = body.indexOf('HTTP');
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`;
    const interim = 'HTTP/1.1 100 Continue\r\n\r\n';
    const slowly: RawAnswer = async (socket) => {
      for (const piece of [...interim, `${head}${body.slice(0, cut)}`, body.slice(cut)]) {
        await new Promise((resolve) => socket.write(piece, resolve));
        await sleep(1);
      }
    };
    expect(await rawOutcomeOf([slowly], 1)).toMatchObject({
      ...success,
      engagement: { subject: 'HTTP/1.1 100 Continue' },
    });
  });

  it.each([
    ['103, 100', [103, 100]],
    ['100, 103, 100', [100, 103, 100]],
    ['102, 100, 100', [102, 100, 100]],
  ])('waits past %s for its answer, in one piece and in several', async (_which, statuses) => {
    const interims = statuses.map((statusCode) => `HTTP/1.1 ${statusCode} Wait\r\n\r\n`);
    expect(await rawOutcomeOf([bytes(interims.join('') + answerText(204))], 1)).toMatchObject(success);
    expect(await rawOutcomeOf([bytes(...interims, answerText(204))], 1)).toMatchObject(success);
  });

  it('is answered after a 100 that never ends, and was sent once more', async () => {
    expect(await rawOutcomeOf([thenEnd('HTTP/1.1 100 Conti'), noContent], 2)).toMatchObject(success);
    const endless = `HTTP/1.1 100 Continue\r\n${'x: y\r\n'.repeat(10_000)}`;
    expect(await rawOutcomeOf([bytes(endless), noContent], 2)).toMatchObject(success);
  });
});

it('an answer that pauses in its body is awaited until the deadline', async () => {
  await using upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"id":');
    // Longer than undici's own timers take to see anything.
    setTimeout(() => response.end('"1"}'), 2_000);
  }, 'capsule');
  await using facade = await startTestFacade(upstream.url);
  const { body } = await facade.post(
    'mutation { it: deleteEngagement(id: 1, integratedAccountId: "a") { ... on DeleteEngagementSuccess { outcome } } }',
  );
  expect(body.data.it).toEqual({ outcome: 'DELETED' });
});
