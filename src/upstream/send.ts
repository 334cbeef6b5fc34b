import { setTimeout as sleep } from 'node:timers/promises';
import type { Attempt, FailureReason, SeenAttempt, Send, SendOptions, Sent, UpstreamRequest } from './attempt.ts';
import { Breaker, isUpstreamTrouble } from './breaker.ts';
import type { UpstreamClient } from './client.ts';
import { createLanes, createStreamGates, type Lane } from './lanes.ts';
import type { RequestLimits } from './rate-budget.ts';
import { isHeldBack, judge, retryDelayMs } from './retry.ts';
import { readRetryAfter } from './retry-after.ts';
import { RetryBudget } from './retry-budget.ts';
import type { SharedBudget } from './shared-budget.ts';
import { traceAttempt } from './trace.ts';

/** What of the time left the first attempts may wait for an answer: a lost request must leave time to be sent again. */
const shareOfTimeLeft = 2 / 3;

/** How sending is set up. */
export interface SendSetup {
  readonly client: Pick<UpstreamClient, 'attempt'>;
  /** A request that has less time than this left is not begun. */
  readonly reserveMs: number;
  /** What this process keeps by itself, by waiting; undefined for no limits. */
  readonly limits: RequestLimits | undefined;
  /** What it keeps together with others, as long as that can be had; by itself else. */
  readonly sharedBudget?: SharedBudget | undefined;
  /** Hears of each attempt. */
  readonly onAttempt?: (seen: SeenAttempt) => void;
}

function unsent(reason: FailureReason, retryAfterMs?: number): Attempt {
  return { kind: 'failure', mayHaveBeenSent: false, reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** When the status of an attempt must be there: one that can be repeated leaves time for that. */
function answerBy(deadlineAt: number, isLast: boolean): number {
  const nowMs = performance.now();
  return isLast ? deadlineAt : nowMs + (deadlineAt - nowMs) * shareOfTimeLeft;
}

/** The longest that one of the lane's budgets makes a request wait that comes now. */
function budgetDelayMs({ budgets }: Lane): number {
  const nowMs = performance.now();
  return Math.max(...budgets.map((budget) => budget.delayMs(nowMs)));
}

/** Waits for so long, counted by the budgets. Undefined then; else what keeps the request from being sent in time. */
async function waitFor(
  delayMs: number,
  lane: Lane,
  options: SendOptions,
  beginBy: number,
): Promise<Attempt | undefined> {
  if (delayMs === 0) return undefined;
  if (options.isBackground || performance.now() + delayMs > beginBy) return unsent('paused', Math.ceil(delayMs));
  await lane.budgets.reduce((wait, budget) => budget.whileWaiting(wait), sleep(Math.ceil(delayMs)));
  return undefined;
}

function withKey(request: UpstreamRequest, idempotencyKey: string | undefined): UpstreamRequest {
  if (idempotencyKey === undefined) return request;
  return { ...request, headers: { ...request.headers, 'idempotency-key': idempotencyKey } };
}

/** What is known before the first attempt. */
const nothingSent: Sent = {
  attempt: unsent('abandoned'),
  attemptCount: 0,
  answerCount: 0,
  idempotencyKey: undefined,
  mayHaveActedBefore: false,
};

/** Settles when the attempt no longer needs its place: a streamed body keeps it to its end. */
async function leavesItsPlace(result: Promise<Attempt>): Promise<void> {
  const attempt = await result;
  if (attempt.kind !== 'answer' || attempt.body.kind !== 'streaming' || attempt.body.stream.closed) return;
  const { stream } = attempt.body;
  await new Promise((resolve) => stream.once('close', resolve));
}

/**
 * Sends requests: within the budgets and the breakers of their account, again where that is safe and may help, and never
 * after the deadline.
 */
export function createSend({ client, reserveMs, limits, sharedBudget, onAttempt }: SendSetup): Send {
  const laneOf = createLanes(limits);
  const streamsOf = createStreamGates();
  const upstreamBreaker = new Breaker(isUpstreamTrouble);
  const retryBudget = new RetryBudget(performance.now());
  const isOpen = ({ breaker }: Lane) => upstreamBreaker.isOpen || breaker.isOpen;

  /** The last checks: all that follows is undici's own look at whether a kept connection still is one. */
  function heldBack(lane: Lane, { hasCallerLeft }: SendOptions, hasPlace: boolean): Attempt | undefined {
    if (hasCallerLeft?.()) return unsent('abandoned');
    if (isOpen(lane)) return unsent('open');
    const nowMs = performance.now();
    if (!hasPlace && !lane.budgets.every((budget) => budget.hasPlace(nowMs))) return unsent('paused');
    // Counted here too when the place is one that all share: should that be lost, this process goes on from what it sent.
    for (const budget of lane.budgets) budget.take(nowMs);
    return undefined;
  }

  /** Looks for a place in what all share. True when there is one, false when nobody can say; else how the attempt ends. */
  async function findSharedPlace(lane: Lane, { limitedBy, isBackground = false, deadlineAt }: SendOptions) {
    const beginBy = deadlineAt - reserveMs;
    const delayMs = await sharedBudget?.take(limitedBy, isBackground, beginBy);
    lane.isShared = delayMs !== undefined;
    if (delayMs) return unsent('paused', delayMs + (sharedBudget?.queueDelayMs(lane.budgets[0].waiting) ?? 0));
    return performance.now() < beginBy ? delayMs === 0 : unsent('timeout');
  }

  /** Makes an attempt whose turn has come, unless something holds it back. */
  async function begin(attempt: () => Promise<Attempt>, lane: Lane, options: SendOptions): Promise<Attempt> {
    const place = sharedBudget !== undefined && (await findSharedPlace(lane, options));
    if (typeof place === 'object') return place;
    const unbegun = heldBack(lane, options, place);
    if (unbegun) return unbegun;
    const ends = [lane.breaker.begin(), upstreamBreaker.begin()];
    const result = await attempt();
    for (const end of ends) end(result);
    return result;
  }

  /** One attempt, in its turn; `paused` without a time when its place is gone by then. */
  async function attemptInTurn(
    request: UpstreamRequest,
    options: SendOptions,
    lane: Lane,
    isLast: boolean,
  ): Promise<Attempt> {
    const { deadlineAt, streamsTo, isBackground = false } = options;
    const streams = streamsTo !== undefined;
    const beginBy = deadlineAt - reserveMs;
    const atItsTurn = (attempt: () => Promise<Attempt>) => begin(attempt, lane, options);
    const gate = isBackground ? lane.background : streams ? lane.streams : lane.requests;
    const traced = traceAttempt(request);
    const runInLane = async () => {
      const attempt = await gate.run(beginBy, () => {
        const times = { answerBy: answerBy(deadlineAt, isLast), deadlineAt, streams };
        const result = client.attempt(traced.request, { ...times, atItsTurn });
        return { result, isDone: leavesItsPlace(result) };
      });
      return attempt ?? unsent('timeout');
    };
    // A caller's own come first: those that wait for one another must not take the places of others.
    const runAsStream = () => {
      const result = runInLane();
      return { result, isDone: leavesItsPlace(result) };
    };
    const end = streams
      ? ((await streamsOf(streamsTo).run(beginBy, runAsStream)) ?? unsent('streams'))
      : await runInLane();
    traced.end(end);
    return end;
  }

  /** One attempt, as soon as the budgets have a place for it. */
  async function attemptWithinBudget(
    request: UpstreamRequest,
    options: SendOptions,
    lane: Lane,
    isLast: boolean,
  ): Promise<Attempt> {
    const beginBy = options.deadlineAt - reserveMs;
    for (;;) {
      if (beginBy <= performance.now()) return unsent('timeout');
      if (options.hasCallerLeft?.()) return unsent('abandoned');
      if (isOpen(lane)) return unsent('open');
      const noPlace = lane.isShared ? undefined : await waitFor(budgetDelayMs(lane), lane, options, beginBy);
      if (noPlace) return noPlace;
      const attempt = await attemptInTurn(request, options, lane, isLast);
      if (attempt.kind === 'answer' && attempt.statusCode === 429) {
        const retryAfterMs = readRetryAfter(attempt.headers, Date.now()) ?? 0;
        lane.budgets[0].pause(performance.now(), retryAfterMs);
        await sharedBudget?.pause(options.limitedBy, retryAfterMs);
      }
      const hasLostItsPlace = attempt.kind === 'failure' && attempt.reason === 'paused';
      if (!hasLostItsPlace) return attempt;
      const isTooLate = await waitFor(attempt.retryAfterMs ?? 0, lane, options, beginBy);
      if (isTooLate) return isTooLate;
    }
  }

  function tell(
    { method }: UpstreamRequest,
    { integration = null }: SendOptions,
    attempt: Attempt,
    startMs: number,
  ): void {
    const end = attempt.kind === 'answer' ? attempt.statusCode : attempt.reason;
    const durationMs = performance.now() - startMs;
    onAttempt?.({ method, integration, end, isHeldBack: isHeldBack(attempt), durationMs });
  }

  return async (request, options) => {
    const { method } = request;
    const { isRepeatable = true, deadlineAt, hasCallerLeft } = options;
    const lane = laneOf(options.limitedBy);
    retryBudget.countCall();
    let failureCount = 0;
    let sent = nothingSent;
    for (;;) {
      const startMs = performance.now();
      const isLast = sent.attemptCount > 0 || !isRepeatable;
      const idempotencyKey = options.keyAfter?.(sent.answerCount);
      const attempt = await attemptWithinBudget(withKey(request, idempotencyKey), options, lane, isLast);
      tell(request, options, attempt, startMs);
      const wasBegun = !isHeldBack(attempt);
      const mayHaveActedBefore = sent.mayHaveActedBefore || judge(sent.attempt, method) === 'unclear';
      // What an earlier attempt came to says more than that there was no other.
      if (!wasBegun && mayHaveActedBefore) return sent;
      sent = {
        attempt,
        attemptCount: sent.attemptCount + (wasBegun ? 1 : 0),
        answerCount: sent.answerCount + (attempt.kind === 'answer' ? 1 : 0),
        idempotencyKey: wasBegun ? idempotencyKey : sent.idempotencyKey,
        mayHaveActedBefore,
      };
      const verdict = judge(attempt, method);
      if (verdict === 'unsent' || verdict === 'unclear') failureCount += 1;
      const nowMs = performance.now();
      const clocks = { nowMs, timeOfDayMs: Date.now() };
      const progress = { method, isRepeatable, attempt, attemptCount: sent.attemptCount, failureCount, ...clocks };
      const delayMs = retryDelayMs({ ...progress, beginBy: deadlineAt - reserveMs, random: Math.random() });
      // A retry that the breaker would hold back must not be taken out of everybody's budget.
      if (delayMs === undefined || hasCallerLeft?.() || isOpen(lane) || !retryBudget.take(nowMs)) return sent;
      await sleep(delayMs);
    }
  };
}
