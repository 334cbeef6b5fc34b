import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { inTurn, lostAnswer } from './support/keyed-delete.ts';
import { listen } from './support/listen.ts';
import { mutation, outcomeOf, remote, truto } from './support/outcome.ts';
import { hangTimeoutMs } from './support/raw-upstream.ts';
import { type Answer, json } from './support/upstream.ts';

describe('an outcome without proof is unknown', () => {
  it.each([
    ['500', truto(500), 500, 2],
    ['500 of the provider', remote(500), 500, 2],
    ['502', truto(502), 502, 2],
    ['504', remote(504), 504, 2],
    [
      '503 of a proxy',
      ((_request, response) => response.writeHead(503).end('upstream connect error')) as Answer,
      503,
      1,
    ],
    ['503 of the provider', remote(503), 503, 1],
    ["404 that is not Truto's", json(404, undefined), 404, 1],
    ['408', truto(408), 408, 1],
    ['302', json(302, undefined, { location: 'http://127.0.0.1:1/elsewhere' }), 302, 1],
  ])('after a %s', async (_what, answer, lastStatusCode, attempts) => {
    expect(await outcomeOf(answer, { attempts })).toMatchObject({
      __typename: 'OutcomeUnknownError',
      retrySafe: true,
      lastStatusCode,
      upstreamIdempotencyKey: expect.any(String),
    });
  });

  it.concurrent.each([
    ['the connection breaks before the answer', ((_request, response) => response.destroy()) as Answer],
    ['no answer comes in time', (() => {}) as Answer],
  ])('when %s', async (_what, answer) => {
    expect(await outcomeOf(answer, { env: { REQUEST_TIMEOUT_MS: String(hangTimeoutMs) }, attempts: 2 })).toMatchObject({
      __typename: 'OutcomeUnknownError',
      retrySafe: true,
      lastStatusCode: null,
    });
  });

  it('and has the status of the refusal after an attempt without an answer', async () => {
    for (const status of [403, 409]) {
      const result = await outcomeOf(inTurn(lostAnswer, truto(status)), { attempts: 2 });
      expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: status });
    }
  });

  it('and not safe to retry with a remoteQuery: then this server does not retry it either', async () => {
    const variables = { remoteQuery: { scope: 'all following' } };
    expect(await outcomeOf(truto(502), { variables })).toMatchObject({
      __typename: 'OutcomeUnknownError',
      retrySafe: false,
    });
  });

  it('and warns if a later read would prove nothing', async () => {
    expect((await outcomeOf(remote(503), { integration: 'pipedrive' })).message).toContain('Pipedrive');
    expect((await outcomeOf(remote(503), { integration: 'capsule' })).message).not.toContain('Capsule');
  });

  it('R06 and has the key that upstream received with the last attempt, a new one after each answer', async () => {
    await using facade = await startFacadeOver(truto(502));
    const keys = [];
    for (let time = 0; time < 2; time += 1)
      keys.push((await facade.post(mutation)).body.data.deleteEngagement.upstreamIdempotencyKey);
    const sent = facade.upstream.deletes().map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([sent[1], sent[3]]);
    expect(new Set(sent).size).toBe(4);
  });

  it('when the answer is not HTTP', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.write('NONSENSE\r\n\r\n')));
    await using upstream = await listen(server);
    await using facade = await startTestFacade(upstream.url);
    const { body } = await facade.post(mutation);
    expect(body.data.deleteEngagement.__typename).toBe('OutcomeUnknownError');
  });
});

it.each([
  ['the connection is refused', 'http://127.0.0.1:1'],
  ['the name does not resolve', 'http://upstream.invalid'],
])('R14 a request that was never sent is reported as such, and names no host when %s', async (_what, url) => {
  await using facade = await startTestFacade(url);
  const { body } = await facade.post(mutation);
  expect(body.data.deleteEngagement.__typename).toBe('UpstreamUnavailableError');
  expect(JSON.stringify(body)).not.toMatch(/127\.0\.0\.1|invalid|ECONN|ENOTFOUND/);
});
