import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readOutcome } from '../src/engagement/delete/outcome.ts';
import { runPrepared } from '../src/graphql/prepared/prepared-operations.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { jsonLines } from './support/json-lines.ts';
import { remote, truto } from './support/outcome.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { type Answer, type FakeUpstream, json, startUpstream } from './support/upstream.ts';

vi.mock('../src/engagement/delete/outcome.ts', { spy: true });
vi.mock('../src/graphql/prepared/prepared-operations.ts', { spy: true });

const document = `mutation Delete($id: ID! = "e1", $account: ID! = "a", $format: ResponseFormat! = UNIFIED, $type: EngagementType,
    $parameters: DeleteEngagementParameters, $remoteQuery: JSONObject, $snapshot: Boolean! = false, $dryRun: Boolean! = false) {
  deleteEngagement(id: $id, integratedAccountId: $account, format: $format, engagementType: $type, parameters: $parameters,
      remoteQuery: $remoteQuery, snapshot: $snapshot, dryRun: $dryRun) {
    __typename
    ... on DeleteEngagementSuccess { engagement { subject content remoteData } raw warnings }
    ... on RemoteApiError { rawResponse }
    ... on Error { message }
  }
}`;

let answers: Answer[];
let upstream: FakeUpstream;
let facade: TestFacade;
beforeEach(async () => {
  answers = [];
  const next: Answer = (request, response) => (answers.shift() ?? json(204, undefined))(request, response);
  upstream = await startUpstream(next, 'planhat');
  facade = await startTestFacade(upstream.url, { ...serviceEnv, JWT_SECRET: jwtSecret });
});
afterEach(async () => {
  await facade[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

function deleteLines({ logged }: TestFacade): readonly Record<string, unknown>[] {
  return jsonLines(logged()).filter(({ msg }) => String(msg).startsWith('delete'));
}

/** Sends the same delete twice: Yoga executes the first, and the front door answers the second, which is prepared. */
async function sendBothWays(variables: object, round: () => void = () => {}): Promise<readonly string[]> {
  const authorization = bearer(await signToken({ integrated_accounts: ['a'], sub: 'caller-7' }));
  const bodies: string[] = [];
  for (const way of ['yoga', 'front-door']) {
    round();
    const before = vi.mocked(runPrepared).mock.calls.length;
    const { body } = await facade.post(document, variables, { ...authorization, 'x-request-id': `request-by-${way}` });
    expect(vi.mocked(runPrepared).mock.calls.length - before).toBe(way === 'yoga' ? 0 : 1);
    bodies.push(JSON.stringify(body));
  }
  return bodies;
}

/** The fields of every line. The test compares whole lines, so that none has more. */
const line = (requestId: string, rest: object) => ({
  ...{ level: 30, time: expect.any(Number), msg: 'delete', requestId },
  ...{ callerId: 'caller-7', integratedAccountId: 'a', engagementId: 'e1', durationMs: expect.any(Number) },
  ...rest,
});

function expectLines(rest: object, idempotencyKeys: readonly (string | undefined)[] | null): void {
  const lines = deleteLines(facade);
  const keys = idempotencyKeys ?? [null, null];
  expect(lines).toEqual([
    line('request-by-yoga', { ...rest, upstreamIdempotencyKey: keys[0] }),
    line('request-by-front-door', { ...rest, upstreamIdempotencyKey: keys[1] }),
  ]);
  for (const { durationMs } of lines) {
    expect(durationMs).toSatisfy(Number.isInteger);
    expect(durationMs).toBeGreaterThanOrEqual(0);
  }
}

const keysOnTheWire = (everyNth = 1) =>
  upstream
    .deletes()
    .filter((_delete, index) => (index + 1) % everyNth === 0)
    .map(({ headers }) => headers['idempotency-key'] as string);

describe('the log has one line for a delete, through Yoga or the front door:', () => {
  it('with the caller, the account, the engagement and the outcome', async () => {
    await sendBothWays({});
    expect(new Set(keysOnTheWire()).size).toBe(2);
    expectLines(
      { result: 'DeleteEngagementSuccess', detail: 'DELETED', integration: 'Planhat', attempts: 1 },
      keysOnTheWire(),
    );
  });

  it('R06 with the number of attempts, and the key of the last one', async () => {
    await sendBothWays({}, () => answers.push(truto(502), json(204, undefined)));
    expect(new Set(keysOnTheWire()).size).toBe(4);
    expectLines(
      { result: 'DeleteEngagementSuccess', detail: 'DELETED', integration: 'Planhat', attempts: 2 },
      keysOnTheWire(2),
    );
  });

  it('S02 with a refusal for a missing grant, before anything was sent', async () => {
    await sendBothWays({ account: 'b' });
    expect(upstream.seen).toEqual([]);
    const refusal = { result: 'ForbiddenError', detail: expect.stringContaining('Nothing was sent') };
    expectLines({ ...refusal, integratedAccountId: 'b', integration: null, attempts: 0 }, null);
  });

  it('with a refusal by a rule, before anything was sent', async () => {
    await sendBothWays({ type: 'CALL', parameters: { subject: 'x' } });
    expect(upstream.deletes()).toEqual([]);
    const refusal = { result: 'InvalidInputError', detail: expect.stringContaining('EMAIL') };
    expectLines({ ...refusal, integration: null, attempts: 0 }, null);
  });

  it('with an unknown outcome', async () => {
    await sendBothWays({}, () => answers.push(truto(502), truto(504)));
    expectLines(
      { result: 'OutcomeUnknownError', detail: expect.any(String), integration: 'Planhat', attempts: 2 },
      keysOnTheWire(2),
    );
  });

  it('with a fault of this server, without its message, and the delete is sent once', async () => {
    const [first, second] = await sendBothWays({}, () => {
      vi.mocked(readOutcome).mockImplementationOnce(() => {
        throw new TypeError('planted');
      });
    });
    expect(second).toBe(first);
    expect(first).toContain('INTERNAL_SERVER_ERROR');
    expect(upstream.deletes()).toHaveLength(2);
    expectLines({ result: 'INTERNAL_SERVER_ERROR', detail: '', integration: 'Planhat', attempts: 1 }, keysOnTheWire());
  });

  it("with a refusal of the caller's own token by upstream", async () => {
    await using own = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough' });
    for (const requestId of ['first', 'second']) {
      answers.push(truto(401));
      const headers = { ...bearer('canary-of-a-caller'), 'x-request-id': requestId };
      expect((await own.post(document, {}, headers)).body.errors).toMatchObject([
        { extensions: { code: 'UNAUTHENTICATED' } },
      ]);
    }
    const callerId = expect.stringMatching(/^[\w-]{43}$/);
    const rest = { result: 'UNAUTHENTICATED', callerId, integration: 'Planhat', attempts: 1 };
    expect(deleteLines(own)).toEqual(
      ['first', 'second'].map((requestId, index) =>
        line(requestId, { ...rest, detail: expect.any(String), upstreamIdempotencyKey: keysOnTheWire()[index] }),
      ),
    );
  });

  it('and none for a dry run', async () => {
    for (const body of await sendBothWays({ dryRun: true })) expect(body).toContain('DeleteEngagementPlan');
    expect(deleteLines(facade)).toEqual([]);
  });
});

it("logs once that upstream refuses the server's own token, and once that it accepts it again", async () => {
  const authorization = bearer(await signToken({ integrated_accounts: ['a'] }));
  for (const [status, answer] of [
    truto(401),
    remote(401, {}),
    truto(401),
    json(204, undefined),
    json(204, undefined),
  ].entries()) {
    answers.push(answer);
    await facade.post(document, { id: `e${status}` }, authorization);
  }
  const lines = facade
    .logged()
    .split('\n')
    .filter((each) => each.includes('TRUTO_API_TOKEN'));
  expect(lines.map((each) => JSON.parse(each).level)).toEqual([40, 30]);
});

const record = { id: 'e1', subject: 'canary-subject', content: 'canary-content', remote_data: { x: 'canary-data' } };
const given = {
  type: 'EMAIL',
  parameters: { subject: 'canary-argument', content: 'canary-argument', status: 'canary-argument' },
  remoteQuery: { 'canary-name': 'canary-value' },
};

it.each<[string, object, Answer, string]>([
  ['given with a delete and answered to it', given, json(200, record), 'canary-content'],
  ['in the body of the provider', { ...given, format: 'RAW' }, json(200, record), 'canary-data'],
  ['in a refusal of the provider', given, remote(409, { raw_response: { why: 'canary-why' } }), 'canary-why'],
  ['read before', { snapshot: true }, json(200, record), 'canary-subject'],
])('S01 the log has no content of an engagement, be it %s', async (_where, variables, answer, shown) => {
  const bodies = await sendBothWays(variables, () => answers.push(answer, answer));
  for (const body of bodies) expect(body).toContain(shown);
  expect(deleteLines(facade)).toHaveLength(2);
  expect(facade.logged()).not.toContain('canary');
});
