import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { connectRaw, requestHead } from './support/raw-client.ts';
import { shared } from './support/shared.ts';
import { json, startUpstream } from './support/upstream.ts';

const upstream = await shared(startUpstream(json(204, undefined), 'capsule'));
const facade = await shared(startTestFacade(upstream.url, { AUTH_MODE: 'passthrough' }));

const body = JSON.stringify({
  query: 'mutation { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }',
});

/** Sends a delete with these header lines on a bare socket, and tells all that came back until that was closed. */
async function send(lines: readonly string[]): Promise<string> {
  using client = await connectRaw(facade.url);
  const usual = ['content-type: application/json', `content-length: ${body.length}`, 'connection: close'];
  client.send(requestHead('POST', '/graphql', [...lines, ...usual]) + body);
  await client.closed;
  return client.received();
}

const values = {
  authorization: 'Bearer canary-of-a-caller',
  'idempotency-key': 'some-key',
  'x-request-id': 'some-request',
};
const bearer = `authorization: ${values.authorization}`;

describe('S06 a header line', () => {
  it('in order is part of one delete', async () => {
    const before = upstream.deletes().length;
    const answer = await send(Object.entries(values).map(([name, value]) => `${name}: ${value}`));
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('x-request-id: some-request\r\n');
    expect(upstream.deletes()).toHaveLength(before + 1);
  });

  it('with an unknown expectation is ignored, as RFC 9110 allows: the caller gets the result', async () => {
    const before = upstream.deletes().length;
    const answer = await send([bearer, 'expect: foo', 'x-request-id: some-request']);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('x-request-id: some-request\r\n');
    expect(answer).toContain('"DeleteEngagementSuccess"');
    expect(upstream.deletes()).toHaveLength(before + 1);
  });

  it('with an unknown expectation does not hide the reason of a refusal', async () => {
    expect(await send(['expect: foo'])).toMatch(/^HTTP\/1\.1 401 .*"UNAUTHENTICATED"/s);
  });

  it.each(
    Object.entries(values).flatMap(([name, value]) =>
      [
        ['folded by a space', '\r\n '],
        ['folded by a tab', '\r\n\t'],
        ['with a carriage return', '\r'],
        ['with a line feed', '\n'],
        ['with a carriage return and another header', '\rx-evil: 1'],
        ['with a line feed and another header', '\nx-evil: 1'],
        ['with NUL', '\0'],
        ['with two line breaks', '\n\nDELETE / HTTP/1.1\n\n'],
      ].flatMap(([how = '', odd = '']) => [
        [how, 'inside', name, `${name}: ${value}${odd}${value}`],
        [how, 'before', name, `${name}:${odd}${value}`],
        [how, 'after', name, `${name}: ${value}${odd}`],
      ]),
    ),
  )('%s %s the value of %s is refused with 400, and nothing is sent', async (_how, _where, name, line = '') => {
    const before = upstream.seen.length;
    const answer = await send(name === 'authorization' ? [line] : [bearer, line]);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/^HTTP/gm)).toHaveLength(1);
    expect(upstream.seen).toHaveLength(before);
  });
});
