import { setTimeout as sleep } from 'node:timers/promises';
import type { Attempt, FailureReason, SeenAttempt, Send, SendOptions, Sent, UpstreamRequest } from './attempt.ts';
import { Breaker, isUpstreamFailure } from './breaker.ts';
import {
  createUpstreamClient,
  maxConnections,
  maxStreams,
  type UpstreamClient,
  type UpstreamClientOptions,
} from './client.ts';
import { type Lane, Lanes } from './lanes.ts';
import { Permits } from './permits.ts';
import type { RequestLimits, SharedBudget } from './rate-budget.ts';
import { judge, RetryBudget, readRetryAfter, retryDelayMs, wasNeverStarted } from './retry.ts';
import { traceAttempt } from './trace.ts';

/** The part of the remaining time that a first attempt may take: a lost request must leave time for a retry. */
const shareOfTimeLeft = 2 / 3;

/** How many requests may wait for a connection. */
const maxWaiting = 10_000;

/** The most time that must be left of an operation to start another request, in milliseconds. */
const maxReserveMs = 500;

/** The settings of `send`. */
export interface SendSetup {
  readonly client: Pick<UpstreamClient, 'attempt'>;
  /** A request with less time left than this is not started. */
  readonly reserveMs: number;
  /** The rate limits of this process. Requests wait for them. Undefined for none. */
  readonly limits: RequestLimits | undefined;
  /** The limits shared with other replicas. While they are unavailable, `limits` apply. */
  readonly sharedBudget?: SharedBudget | undefined;
  /** Called for each attempt. */
  readonly onAttempt?: (seen: SeenAttempt) => void;
  /** Called before a request waits for a rate limit. */
  readonly onLimit?: (waitMs: number) => void;
}

/** The state that all calls of a process share. */
const openRoad = (setup: SendSetup) => ({
  ...setup,
  lanes: new Lanes(setup.limits),
  connections: new Permits(maxConnections, maxWaiting),
  streamConnections: new Permits(maxStreams, maxWaiting),
  upstreamBreaker: new Breaker(isUpstreamFailure),
  retryBudget: new RetryBudget(),
});

type Road = ReturnType<typeof openRoad>;

function unsent(reason: FailureReason, retryAfterMs?: number): Attempt {
  return { kind: 'failure', mayHaveBeenSent: false, reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

const noTime = unsent('timeout');
const abandoned = unsent('abandoned');

/**
 * One request to upstream, with all of its attempts. An attempt waits for the budgets, takes its permits, checks once more whether it
 * may start, and is sent. Nothing rejects: every end is an {@link Attempt}.
 */
class Call {
  readonly #road: Road;
  readonly #request: UpstreamRequest;
  readonly #options: SendOptions;
  readonly #lane: Lane;
  readonly #isRepeatable: boolean;
  /** When an attempt must have started. */
  readonly #beginBy: number;
  #failureCount = 0;
  #sent: Sent = {
    attempt: abandoned,
    attemptCount: 0,
    answerCount: 0,
    idempotencyKey: undefined,
    mayHaveActedBefore: false,
  };

  constructor(road: Road, request: UpstreamRequest, options: SendOptions) {
    this.#road = road;
    this.#request = request;
    this.#options = options;
    this.#lane = road.lanes.find(options.limitedBy);
    this.#isRepeatable = request.method !== 'POST' && options.isRepeatable !== false;
    this.#beginBy = options.deadlineAt - road.reserveMs;
  }

  /** Makes attempts until one is final, or a retry would not help. */
  async run(): Promise<Sent> {
    this.#road.retryBudget.countCall();
    for (;;) {
      const startMs = performance.now();
      const idempotencyKey = this.#options.keyAfter?.(this.#sent.answerCount);
      const attempt = await this.#attempt(idempotencyKey);
      this.#road.onAttempt?.({
        method: this.#request.method,
        integration: this.#options.integration ?? null,
        end: attempt.kind === 'answer' ? attempt.statusCode : attempt.reason,
        wasNeverStarted: wasNeverStarted(attempt),
        durationMs: performance.now() - startMs,
      });
      const delayMs = this.#noteEnd(attempt, idempotencyKey) ? this.#retryDelayMs() : undefined;
      if (delayMs === undefined) return this.#sent;
      await sleep(delayMs);
    }
  }

  /** Notes the end of an attempt. False when the end of an earlier one stays the result: then nothing is tried again. */
  #noteEnd(attempt: Attempt, idempotencyKey: string | undefined): boolean {
    const sent = this.#sent;
    const wasBegun = !wasNeverStarted(attempt);
    const mayHaveActedBefore = sent.mayHaveActedBefore || judge(sent.attempt, this.#request.method) === 'unclear';
    if (!wasBegun && mayHaveActedBefore) return false;
    this.#sent = {
      attempt,
      attemptCount: sent.attemptCount + Number(wasBegun),
      answerCount: sent.answerCount + Number(attempt.kind === 'answer'),
      idempotencyKey: wasBegun ? idempotencyKey : sent.idempotencyKey,
      mayHaveActedBefore,
    };
    return true;
  }

  #retryDelayMs(): number | undefined {
    const { method } = this.#request;
    const { attempt, attemptCount } = this.#sent;
    const verdict = judge(attempt, method);
    if (verdict === 'wait' && this.#options.isBackground) return undefined;
    if (verdict !== 'wait') this.#failureCount += 1;
    const nowMs = performance.now();
    const delayMs = retryDelayMs({
      ...{ method, isRepeatable: this.#isRepeatable, attempt, attemptCount, failureCount: this.#failureCount },
      ...{ nowMs, timeOfDayMs: Date.now(), beginBy: this.#beginBy, random: Math.random() },
    });
    // A retry that the breaker would refuse must not use up the shared budget.
    if (delayMs === undefined || this.#whyHopeless()) return undefined;
    return this.#road.retryBudget.take(nowMs) ? delayMs : undefined;
  }

  /** Why no attempt may start now, within any limits. */
  #whyHopeless(): Attempt | undefined {
    if (this.#options.hasCallerLeft?.()) return abandoned;
    return this.#road.upstreamBreaker.isOpen || this.#lane.breaker.isOpen ? unsent('open') : undefined;
  }

  /** Makes one attempt, as soon as the budgets allow it. */
  async #attempt(idempotencyKey: string | undefined): Promise<Attempt> {
    const { budgets } = this.#lane;
    for (;;) {
      const nowMs = performance.now();
      const hopeless = this.#beginBy <= nowMs ? noTime : this.#whyHopeless();
      if (hopeless) return hopeless;
      const delayMs = this.#lane.isShared ? 0 : Math.max(budgets[0].delayMs(nowMs), budgets[1].delayMs(nowMs));
      const late = delayMs > 0 ? await this.#waitFor(delayMs) : undefined;
      if (late) return late;
      const attempt = await this.#attemptNow(idempotencyKey);
      if (attempt.kind === 'answer') {
        if (attempt.statusCode === 429) await this.#pause(readRetryAfter(attempt.headers, Date.now()) ?? 0);
        return attempt;
      }
      if (attempt.reason !== 'paused') return attempt;
      // Other requests were faster: wait for the budgets again.
      const later = attempt.retryAfterMs ? await this.#waitFor(attempt.retryAfterMs) : undefined;
      if (later) return later;
    }
  }

  async #pause(forMs: number): Promise<void> {
    this.#lane.budgets[0].pause(performance.now(), forMs);
    await this.#road.sharedBudget?.pause(this.#options.limitedBy, forMs);
  }

  /** Waits, counted by the budgets. Returns a failure when the request could not be sent in time. */
  async #waitFor(delayMs: number): Promise<Attempt | undefined> {
    if (this.#options.isBackground || performance.now() + delayMs > this.#beginBy)
      return unsent('paused', Math.ceil(delayMs));
    this.#road.onLimit?.(delayMs);
    const [account, token] = this.#lane.budgets;
    await token.whileWaiting(account.whileWaiting(sleep(Math.ceil(delayMs))));
    return undefined;
  }

  /**
   * Makes one attempt with its permits: the caller's, then the lane's, then the connection's. In this order, a waiting call holds no
   * permit that others need more. A streamed body keeps its permits until its end.
   */
  async #attemptNow(idempotencyKey: string | undefined): Promise<Attempt> {
    const { streamsTo, isBackground } = this.#options;
    const { background, streams, requests } = this.#lane;
    const stream = streamsTo === undefined ? undefined : this.#road.lanes.streamsOf(streamsTo).acquire(this.#beginBy);
    const releaseStream = stream instanceof Promise ? await stream : stream;
    if (streamsTo !== undefined && !releaseStream) return unsent('streams');
    const permits = isBackground ? background : streamsTo !== undefined ? streams : requests;
    const permit = permits.acquire(this.#beginBy);
    const release = permit instanceof Promise ? await permit : permit;
    let isStreaming = false;
    const releaseAll = () => {
      release?.();
      releaseStream?.();
    };
    try {
      if (!release) return noTime;
      const attempt = await this.#begin(idempotencyKey);
      if (attempt.kind !== 'answer' || attempt.body.kind !== 'streaming') return attempt;
      isStreaming = !attempt.body.stream.closed;
      if (isStreaming) attempt.body.stream.once('close', releaseAll);
      return attempt;
    } finally {
      if (!isStreaming) releaseAll();
    }
  }

  /** Takes a connection and sends the request, unless it may not start any more. */
  async #begin(idempotencyKey: string | undefined): Promise<Attempt> {
    const { client, connections, streamConnections, upstreamBreaker, sharedBudget, reserveMs } = this.#road;
    const { deadlineAt, limitedBy, isBackground = false, streamsTo } = this.#options;
    const { breaker } = this.#lane;
    const streams = streamsTo !== undefined;
    const nowMs = performance.now();
    // Only a first attempt leaves time for another.
    const leavesTime = this.#sent.attemptCount === 0 && this.#isRepeatable;
    const answerBy = leavesTime ? nowMs + (deadlineAt - nowMs) * shareOfTimeLeft : deadlineAt;
    const connection = (streams ? streamConnections : connections).acquire(answerBy - reserveMs);
    const onDone = connection instanceof Promise ? await connection : connection;
    // At the next attempt, a connection may be free.
    if (!onDone) return unsent('unconnected');
    const sharedDelayMs = sharedBudget && (await sharedBudget.take(limitedBy, isBackground, this.#beginBy));
    this.#lane.isShared = sharedDelayMs !== undefined;
    const unbegun = this.#takeBudgets(sharedDelayMs);
    if (unbegun) {
      onDone();
      return unbegun;
    }
    const [isProbe, isProbeOfAll] = [breaker.begin(), upstreamBreaker.begin()];
    const traced = traceAttempt(withKey(this.#request, idempotencyKey));
    const attempt = await client.attempt(traced.request, { answerBy, deadlineAt, streams, onDone });
    traced.end(attempt);
    breaker.end(attempt, isProbe);
    upstreamBreaker.end(attempt, isProbeOfAll);
    return attempt;
  }

  /**
   * The last checks before the request is sent. Counts it in the budgets, unless it returns why it must not be sent.
   * @param sharedDelayMs of the shared budget: 0 when it has counted the request, undefined when it is unavailable.
   */
  #takeBudgets(sharedDelayMs: number | undefined): Attempt | undefined {
    const { sharedBudget } = this.#road;
    const { budgets } = this.#lane;
    if (sharedBudget && sharedDelayMs)
      return unsent('paused', sharedDelayMs + sharedBudget.queueDelayMs(budgets[0].waiting));
    const nowMs = performance.now();
    const hopeless = this.#beginBy <= nowMs ? noTime : this.#whyHopeless();
    if (hopeless) return hopeless;
    if (sharedDelayMs === undefined && !budgets.every((budget) => budget.canTake(nowMs))) return unsent('paused');
    // Counted here even with a shared budget: if Redis is lost, this process continues from its own count.
    for (const budget of budgets) budget.take(nowMs);
    return undefined;
  }
}

function withKey(request: UpstreamRequest, idempotencyKey: string | undefined): UpstreamRequest {
  if (idempotencyKey === undefined) return request;
  return { ...request, headers: { ...request.headers, 'idempotency-key': idempotencyKey } };
}

/** Creates `send`. It retries where that is safe and may help, and never sends after the deadline. */
export function createSend(setup: SendSetup): Send {
  const road = openRoad(setup);
  return (request, options) => new Call(road, request, options).run();
}

/** The settings of the connection to upstream. */
export type UpstreamOptions = UpstreamClientOptions &
  Pick<SendSetup, 'limits' | 'sharedBudget' | 'onAttempt' | 'onLimit'>;

/** Opens the connection to upstream. */
export function openUpstream(options: UpstreamOptions) {
  const { requestTimeoutMs } = options;
  const client = createUpstreamClient(options);
  const sendOver = createSend({ ...options, client, reserveMs: Math.min(maxReserveMs, requestTimeoutMs / 10) });
  let inFlight = 0;
  let onEnd = () => {};
  const send: Send = async (request, sendOptions) => {
    inFlight += 1;
    try {
      return await sendOver(request, sendOptions);
    } finally {
      inFlight -= 1;
      if (inFlight === 0) onEnd();
    }
  };
  return {
    send,
    endStreams: client.endStreams,
    /** Waits for requests in flight, then closes the connections. Takes at most twice an operation's time. */
    async close(): Promise<void> {
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      onEnd = resolve;
      // A call between two attempts has no connection that `client.close` could wait for.
      if (inFlight > 0) await Promise.race([ended, sleep(requestTimeoutMs, undefined, { ref: false })]);
      await client.close(requestTimeoutMs);
    },
  };
}

/** The connection of a process to upstream. */
export type Upstream = ReturnType<typeof openUpstream>;
