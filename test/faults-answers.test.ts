import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import {
  answerText,
  bytes,
  deleteInTime,
  hangTimeoutMs,
  hangUp,
  noContent,
  type RawAnswer,
  rawOutcomeOf,
  record,
  refusal,
  reset,
  startRawUpstream,
} from './support/raw-upstream.ts';

const success = { __typename: 'DeleteEngagementSuccess', deletedEngagementId: 'e1', outcome: 'DELETED' };
const unknown = { __typename: 'OutcomeUnknownError', retrySafe: true };
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

  it.each(breaks)('%s: is sent once more, and its success is told once', async (_how, answer) => {
    expect(await rawOutcomeOf([answer, record({ id: 'e1', subject: 'Hello' })], 2)).toEqual({
      ...success,
      engagement: { id: 'e1', subject: 'Hello' },
      warnings: [],
    });
  });

  it.each(breaks)(
    '%s, and so does the next: is never sent a third time, and its outcome is unknown',
    async (_how, answer) => {
      expect(await rawOutcomeOf([answer, answer, noContent], 2)).toMatchObject({ ...unknown, lastStatusCode: null });
    },
  );
});

describe('R03 a delete whose 2xx is broken is done, sent once, and says what is missing', () => {
  it.each<[string, RawAnswer, string]>([
    ['reset in its body', thenReset(cutShort), 'the connection broke in the middle of it'],
    ['closed in its body', thenEnd(cutShort), 'the connection broke in the middle of it'],
    ['closed between its chunks', thenEnd(`${chunked}b\r\n{"id":"e1"\r\n`), 'the connection broke in the middle of it'],
    ['of chunks that are none', bytes(`${chunked}NONSENSE\r\n`), 'the connection broke in the middle of it'],
    ['of broken JSON', bytes(answerText(200, '{"id":"e1"', ['content-type: application/json'])), 'not a JSON object'],
    ['of another type', bytes(answerText(200, 'gone', ['content-type: text/plain'])), 'not a JSON object'],
    ['an HTTP/1.0 body that is cut short', thenReset('HTTP/1.0 200 OK\r\n\r\n{"id":"e1"'), 'could not be read'],
    [
      'compressed unasked, 5 MB in 5 kB',
      (socket) => {
        const bomb = gzipSync(Buffer.alloc(5_000_000, ' '));
        const head = `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`;
        socket.write(Buffer.concat([Buffer.from(head), bomb]));
      },
      'compressed',
    ],
  ])('%s', async (_how, answer, warning) => {
    const result = await rawOutcomeOf([answer], 1);
    expect(result).toMatchObject({ ...success, engagement: null, warnings: [expect.stringContaining(warning)] });
  });

  it.each<[string, RawAnswer]>([
    ['a length', bytes('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello')],
    ['no length', bytes('HTTP/1.1 204 No Content\r\n\r\nhello')],
    ['chunks', bytes('HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')],
  ])('also a 204 that has a body after all, of %s', async (_how, answer) => {
    const result = await rawOutcomeOf([answer], 1);
    expect(result).toMatchObject({ ...success, warnings: [expect.stringContaining('lacks subject')] });
  });

  it('but not a page of HTML, which somebody in between may have made: then nobody knows', async () => {
    const page = bytes(answerText(200, '<html>Welcome</html>', ['content-type: text/html']));
    expect(await rawOutcomeOf([page], 1)).toMatchObject({ ...unknown, lastStatusCode: 200 });
  });

  it('and is read when it is JSON, whatever its type is called', async () => {
    const answer = bytes(answerText(200, '{"id":"e1","subject":"Hello"}', ['content-type: text/plain']));
    expect(await rawOutcomeOf([answer], 1)).toMatchObject({ engagement: { subject: 'Hello' }, warnings: [] });
  });
});

describe('R10 a delete that is answered with nothing is done', () => {
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

  it('and one that is answered in HTTP/1.0, up to the end of the connection, has its record', async () => {
    const answer = thenEnd('HTTP/1.0 200 OK\r\n\r\n{"id":"e1","subject":"Hello"}');
    expect(await rawOutcomeOf([answer], 1)).toEqual({
      ...success,
      engagement: { id: 'e1', subject: 'Hello' },
      warnings: [],
    });
  });
});

// No status can be read off a broken head: nobody has said that anything is deleted (ADR 2).
describe('R03 a delete whose answer has a head that cannot be parsed has an unknown outcome, after two attempts', () => {
  it.each<[string, string]>([
    ['no HTTP at all', 'NONSENSE\r\n\r\n'],
    ['junk after its status line', 'HTTP/1.1 200 OK\r\nNONSENSE\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n'],
    ['lines that end oddly', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\n{}'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
    ['a header of 40 kB', answerText(200, '{"id":"e1"}', [`x-big: ${'x'.repeat(40_000)}`])],
  ])('%s', async (_what, text) => {
    expect(await rawOutcomeOf([bytes(text)], 2)).toMatchObject({ ...unknown, lastStatusCode: null });
  });
});

describe('a delete', () => {
  it.each([102, 103])('waits past a %i for its answer', async (statusCode) => {
    const interim = `HTTP/1.1 ${statusCode} Wait\r\nlink: </x>\r\n\r\n`;
    expect(await rawOutcomeOf([bytes(interim, interim, answerText(204))], 1)).toMatchObject(success);
    expect(await rawOutcomeOf([bytes(interim, answerText(409))], 1)).toMatchObject({ statusCode: 409 });
  });

  it('S15 is not redirected: whoever it is referred to hears nothing of it', async () => {
    await using elsewhere = await startRawUpstream([noContent]);
    const location = `location: ${elsewhere.url}/unified/crm/engagements/e1`;
    for (const statusCode of [302, 307]) {
      const result = await rawOutcomeOf([bytes(answerText(statusCode, '', [location]))], 1);
      expect(result).toMatchObject({ ...unknown, lastStatusCode: statusCode });
      expect(JSON.stringify(result)).not.toContain(String(elsewhere.port));
    }
    expect(elsewhere.connectionCount()).toBe(0);
  });
});

describe('R05 a refusal is told at once, as its own member, and is final', () => {
  const isRemote = { truto_is_remote_error: true };
  it.each<[number, string, RawAnswer, object]>([
    [400, 'of Truto', refusal(400), { __typename: 'InvalidInputError' }],
    [400, 'of the provider', refusal(400, [], isRemote), { __typename: 'RemoteApiError', statusCode: 400 }],
    [401, 'of the provider', refusal(401, [], isRemote), { __typename: 'AccountNeedsReauthError' }],
    [403, 'of Truto', refusal(403), { __typename: 'ForbiddenError' }],
    [404, 'of Truto', refusal(404), { __typename: 'NotFoundError' }],
    [405, 'of Truto', refusal(405), { __typename: 'ForbiddenError' }],
    [409, 'of the provider', refusal(409, [], isRemote), { __typename: 'RemoteApiError', statusCode: 409 }],
    [422, 'of Truto', refusal(422), { __typename: 'InvalidInputError' }],
    [503, 'of Truto', refusal(503), { __typename: 'AccountBlockedError' }],
  ])('%i %s', async (_statusCode, _whose, answer, member) => {
    await using upstream = await startRawUpstream([answer, noContent]);
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: String(hangTimeoutMs) });
    const result = await deleteInTime(facade, hangTimeoutMs);
    expect(result).toMatchObject({ ...member, message: expect.stringContaining('Nothing was deleted') });
    expect(upstream.deletes).toHaveLength(1);
  });
});
