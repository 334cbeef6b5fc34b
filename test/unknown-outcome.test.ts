import { describe, expect, it } from 'vitest';
import { inTurn, lostAnswer } from './support/keyed-delete.ts';
import { outcomeOf, remote, truto } from './support/outcome.ts';
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

  it('and has the status of the refusal after an attempt without an answer', async () => {
    for (const status of [403, 409]) {
      const result = await outcomeOf(inTurn(lostAnswer, truto(status)), { attempts: 2 });
      expect(result).toMatchObject({ __typename: 'OutcomeUnknownError', lastStatusCode: status });
    }
  });

  it('and warns if a later read would prove nothing', async () => {
    expect((await outcomeOf(remote(503), { integration: 'pipedrive' })).message).toContain('Pipedrive');
    expect((await outcomeOf(remote(503), { integration: 'capsule' })).message).not.toContain('Capsule');
  });
});
