import { afterEach, describe, expect, it, vi } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { withoutEnd, withoutStatus } from './support/hanging-answers.ts';
import { inTime, readInTime } from './support/in-time.ts';
import { deletion, noContent, type RawAnswer, record, refusal, startRawUpstream } from './support/raw-upstream.ts';

const timeoutMs = 2_000;
const runs = Array.from({ length: 50 }, (_, index) => ({ id: `e${index}`, account: `account-${index}` }));
const hanging = [...withoutStatus, ...withoutEnd];
const read =
  'query Read($id: ID!, $account: ID!) { engagement(id: $id, integratedAccountId: $account) { id subject } }';

/** Lets reads hang, except look-ups of accounts, and the reads of one account that warm the server up. */
function hangingReads(answer: RawAnswer): RawAnswer {
  const isUsual = ({ head }: { head: string }) => head.includes('integrated_account_id=warm');
  return (socket, request) => {
    if (request.path.startsWith('/integrated-account/')) refusal(403)(socket, request);
    else (isUsual(request) ? record({ id: 'e0', subject: 'x' }) : answer)(socket, request);
  };
}

/** A facade that has seen the document before, over an upstream that hangs. */
async function startWarm(answer: RawAnswer, document: string, variables: object = {}) {
  const upstream = await startRawUpstream([noContent, noContent, answer], { onRead: hangingReads(answer) });
  const env = { REQUEST_TIMEOUT_MS: String(timeoutMs), TRUTO_RATE_LIMITS: '0' };
  const facade = await startTestFacade(upstream.url, env);
  for (let time = 0; time < 2; time += 1) await facade.post(document, { id: 'e0', account: 'warm', ...variables });
  return {
    facade,
    post: (rest: object) => facade.post(document, { ...variables, ...rest }),
    async [Symbol.asyncDispose]() {
      await facade[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

describe.concurrent('R01 all of 50 operations return by their deadline, each for another account', () => {
  it.each(hanging)('deletes, half of them not safe to retry, when upstream %s', async (_how, answer) => {
    await using warm = await startWarm(answer, deletion);
    const rest = (index: number) => (index % 2 === 0 ? {} : { remoteQuery: { scope: 'all' } });
    const answers = await inTime(warm.facade, timeoutMs, () =>
      Promise.all(runs.map((run, index) => warm.post({ ...run, ...rest(index) }))),
    );
    const members = answers.map(({ body }) => body.data.deleteEngagement.__typename);
    expect(members).toEqual(runs.map(() => 'OutcomeUnknownError'));
  });

  it.each(hanging)('deletes with a snapshot, which then delete nothing, when upstream %s', async (_how, answer) => {
    await using warm = await startWarm(answer, deletion, { snapshot: true });
    const answers = await inTime(warm.facade, timeoutMs, () => Promise.all(runs.map(warm.post)));
    for (const { body } of answers) {
      expect(body.data.deleteEngagement).toMatchObject({
        __typename: 'UpstreamUnavailableError',
        message: expect.stringContaining('Nothing was deleted'),
      });
    }
  });

  it.each(hanging)('reads, when upstream %s', async (_how, answer) => {
    await using warm = await startWarm(answer, read);
    const answers = await readInTime(warm.facade, timeoutMs, () => Promise.all(runs.map(warm.post)));
    const codes = answers.map(({ body }) => body.errors[0].extensions.code);
    expect(codes).toEqual(runs.map(() => 'UPSTREAM_UNAVAILABLE'));
  });
});

describe('R01 a deadline uses the monotonic clock', () => {
  afterEach(() => void vi.useRealTimers());

  it('ends, also when the time of day is set back by an hour while upstream hangs', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const setBack: RawAnswer = () => void vi.setSystemTime(Date.now() - 3_600_000);
    await using upstream = await startRawUpstream([setBack]);
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: String(timeoutMs) });
    const { body } = await facade.post(deletion);
    expect(body.data.deleteEngagement.__typename).toBe('OutcomeUnknownError');
  });
});
