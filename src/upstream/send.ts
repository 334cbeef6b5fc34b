import { setTimeout as sleep } from 'node:timers/promises';
import type { ProxyConfig } from '../config/config.ts';
import type { Attempt, FailureReason, SeenAttempt, Send, SendOptions, Sent, UpstreamRequest } from './attempt.ts';
import { Breaker, isUpstreamFailure } from './breaker.ts';
import { createUpstreamClient, maxConnections, maxStreams, type UpstreamClient } from './client.ts';
import { createLanes, type Lane, type Lanes } from './lanes.ts';
import { Permits } from './permits.ts';
import type { RequestLimits } from './rate-budget.ts';
import { judge, RetryBudget, readRetryAfter, retryDelayMs, wasNeverStarted } from './retry.ts';
import type { SharedBudget } from './shared-budget.ts';
import { traceAttempt } from './trace.ts';

/** The part of the remaining time that a first attempt may take: a lost request must leave time for a retry. */
const shareOfTimeLeft = 2 / 3;

/** How many requests may wait for a connection. */
const maxWaiting = 10_000;

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
  /** Called when a request has ended. */
  readonly onEnd?: () => void;
}

/** The state that all calls of a process share. */
interface Road extends SendSetup {
  readonly lanes: Lanes;
  readonly connections: Permits;
  readonly streamConnections: Permits;
  readonly upstreamBreaker: Breaker;
  readonly retryBudget: RetryBudget;
}

function unsent(reason: FailureReason, retryAfterMs?: number): Attempt {
  return { kind: 'failure', mayHaveBeenSent: false, reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** The end of an attempt without a permit, by what the permit is for. */
const noStream = unsent('streams');
const noTime = unsent('timeout');
/** At the next attempt, a connection may be free. */
const noConnection = unsent('unconnected');

const abandoned = unsent('abandoned');
const breakerOpen = unsent('open');

/**
 * One request to upstream, with all of its attempts. An attempt waits for the budgets, takes its permits, checks once more whether it
 * may start, and is sent. Nothing rejects: every end is an {@link Attempt}.
 */
class Call {
  readonly #road: Road;
  readonly #request: UpstreamRequest;
  readonly #options: SendOptions;
  readonly #lane: Lane;
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
    this.#beginBy = options.deadlineAt - road.reserveMs;
  }

  /** Makes attempts until one is final, or a retry would not help. */
  async run(): Promise<Sent> {
    this.#road.retryBudget.countCall();
    try {
      for (;;) {
        const startMs = performance.now();
        const idempotencyKey = this.#options.keyAfter?.(this.#sent.answerCount);
        const attempt = await this.#attempt(idempotencyKey);
        this.#report(attempt, startMs);
        if (!this.#take(attempt, idempotencyKey)) return this.#sent;
        const delayMs = this.#retryDelayMs();
        if (delayMs === undefined) return this.#sent;
        await sleep(delayMs);
      }
    } finally {
      this.#road.onEnd?.();
    }
  }

  get #isRepeatable(): boolean {
    return this.#request.method !== 'POST' && this.#options.isRepeatable !== false;
  }

  #report(attempt: Attempt, startMs: number): void {
    const end = attempt.kind === 'answer' ? attempt.statusCode : attempt.reason;
    this.#road.onAttempt?.({
      method: this.#request.method,
      integration: this.#options.integration ?? null,
      end,
      wasNeverStarted: wasNeverStarted(attempt),
      durationMs: performance.now() - startMs,
    });
  }

  /** Records the end of an attempt. False when the end of an earlier attempt is the better result. */
  #take(attempt: Attempt, idempotencyKey: string | undefined): boolean {
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
    const isRepeatable = this.#isRepeatable;
    const { attempt, attemptCount } = this.#sent;
    const verdict = judge(attempt, method);
    if (verdict === 'final' || (verdict === 'wait' && this.#options.isBackground)) return undefined;
    if (verdict !== 'wait') this.#failureCount += 1;
    const nowMs = performance.now();
    const progress = { method, isRepeatable, attempt, attemptCount, failureCount: this.#failureCount };
    const clocks = { nowMs, timeOfDayMs: Date.now(), beginBy: this.#beginBy, random: Math.random() };
    const delayMs = retryDelayMs({ ...progress, ...clocks });
    // A retry that the breaker would refuse must not use up the shared budget.
    if (delayMs === undefined || this.#options.hasCallerLeft?.() || this.#isOpen) return undefined;
    return this.#road.retryBudget.take(nowMs) ? delayMs : undefined;
  }

  get #isOpen(): boolean {
    return this.#road.upstreamBreaker.isOpen || this.#lane.breaker.isOpen;
  }

  /** Makes one attempt, as soon as the budgets allow it. */
  async #attempt(idempotencyKey: string | undefined): Promise<Attempt> {
    const { sharedBudget } = this.#road;
    const { hasCallerLeft, limitedBy } = this.#options;
    for (;;) {
      if (this.#beginBy <= performance.now()) return noTime;
      if (hasCallerLeft?.()) return abandoned;
      if (this.#isOpen) return breakerOpen;
      if (!this.#lane.isShared) {
        const delayMs = this.#budgetDelayMs();
        const late = delayMs > 0 ? await this.#waitFor(delayMs) : undefined;
        if (late) return late;
      }
      const attempt = await this.#attemptNow(idempotencyKey);
      if (attempt.kind === 'answer' && attempt.statusCode === 429) {
        const retryAfterMs = readRetryAfter(attempt.headers, Date.now()) ?? 0;
        this.#lane.budgets[0].pause(performance.now(), retryAfterMs);
        await sharedBudget?.pause(limitedBy, retryAfterMs);
      }
      if (attempt.kind === 'answer' || attempt.reason !== 'paused') return attempt;
      // Other requests were faster: wait for the budgets again.
      const late = await this.#waitFor(attempt.retryAfterMs ?? 0);
      if (late) return late;
    }
  }

  /** How long a new request must wait for the lane's budgets. */
  #budgetDelayMs(): number {
    const nowMs = performance.now();
    const [account, token] = this.#lane.budgets;
    return Math.max(account.delayMs(nowMs), token.delayMs(nowMs));
  }

  /** Waits, counted by the budgets. Returns a failure when the request could not be sent in time. */
  async #waitFor(delayMs: number): Promise<Attempt | undefined> {
    if (delayMs === 0) return undefined;
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
    const { lanes } = this.#road;
    const { background, streams, requests } = this.#lane;
    const stream = streamsTo === undefined ? undefined : lanes.streamsOf(streamsTo).acquire(this.#beginBy);
    const releaseStream = stream instanceof Promise ? await stream : stream;
    if (streamsTo !== undefined && !releaseStream) return noStream;
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
    const { client, connections, streamConnections, upstreamBreaker, sharedBudget } = this.#road;
    const { breaker } = this.#lane;
    const streams = this.#options.streamsTo !== undefined;
    const answerBy = this.#answerBy();
    const connection = (streams ? streamConnections : connections).acquire(answerBy - this.#road.reserveMs);
    const onDone = connection instanceof Promise ? await connection : connection;
    if (!onDone) return noConnection;
    const shared = sharedBudget && (await this.#takeShared(sharedBudget));
    const unbegun = typeof shared === 'object' ? shared : this.#whyNotStarted(shared === true);
    if (unbegun) {
      onDone();
      return unbegun;
    }
    const [isProbe, isProbeOfAll] = [breaker.begin(), upstreamBreaker.begin()];
    const times = { answerBy, deadlineAt: this.#options.deadlineAt, streams, onDone };
    const traced = traceAttempt(withKey(this.#request, idempotencyKey));
    const attempt = await client.attempt(traced.request, times);
    traced.end(attempt);
    breaker.end(attempt, isProbe);
    upstreamBreaker.end(attempt, isProbeOfAll);
    return attempt;
  }

  /** When the status of this attempt must have arrived. An attempt that can be retried leaves time for that. */
  #answerBy(): number {
    const { deadlineAt } = this.#options;
    const isLast = this.#sent.attemptCount > 0 || !this.#isRepeatable;
    const nowMs = performance.now();
    return isLast ? deadlineAt : nowMs + (deadlineAt - nowMs) * shareOfTimeLeft;
  }

  /** Asks the shared budget. True when the request may be sent, false when the budget is unavailable; else the attempt's end. */
  async #takeShared(sharedBudget: SharedBudget): Promise<Attempt | boolean> {
    const { limitedBy, isBackground = false } = this.#options;
    const lane = this.#lane;
    const delayMs = await sharedBudget.take(limitedBy, isBackground, this.#beginBy);
    lane.isShared = delayMs !== undefined;
    if (delayMs) return unsent('paused', delayMs + sharedBudget.queueDelayMs(lane.budgets[0].waiting));
    return performance.now() < this.#beginBy ? delayMs === 0 : noTime;
  }

  /**
   * The last checks before the request is sent.
   * @param isShared true when the shared budget has counted the request.
   */
  #whyNotStarted(isShared: boolean): Attempt | undefined {
    const { budgets } = this.#lane;
    if (this.#options.hasCallerLeft?.()) return abandoned;
    if (this.#isOpen) return breakerOpen;
    const nowMs = performance.now();
    if (!isShared && !budgets.every((budget) => budget.canTake(nowMs))) return unsent('paused');
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
  const road: Road = {
    ...setup,
    lanes: createLanes(setup.limits),
    connections: new Permits(maxConnections, maxWaiting),
    streamConnections: new Permits(maxStreams, maxWaiting),
    upstreamBreaker: new Breaker(isUpstreamFailure),
    retryBudget: new RetryBudget(performance.now()),
  };
  return (request, options) => new Call(road, request, options).run();
}

/** The most time that must be left of an operation to start another request. */
const maxReserveMs = 500;

/** How much time must be left of an operation to start another request. */
export function reserveMsFor(requestTimeoutMs: number): number {
  return Math.min(maxReserveMs, requestTimeoutMs / 10);
}

/** The settings of the connection to upstream. */
export interface UpstreamOptions extends Pick<SendSetup, 'limits' | 'sharedBudget' | 'onAttempt' | 'onLimit'> {
  readonly baseUrl: URL;
  /** The proxy to upstream. Loopback addresses do not use it. */
  readonly proxy: ProxyConfig | undefined;
  /** The largest body that is collected. */
  readonly maxUpstreamBytes: number;
  /** How long an operation may take. */
  readonly requestTimeoutMs: number;
}

/** The connection of a process to upstream. */
export interface Upstream {
  readonly send: Send;
  /** Ends all streamed bodies with an error. */
  endStreams(): void;
  /** Waits for requests in flight, then closes the connections. Takes at most twice an operation's time. */
  close(): Promise<void>;
}

/** Opens the connection to upstream. */
export function openUpstream(options: UpstreamOptions): Upstream {
  const { baseUrl, proxy, maxUpstreamBytes: maxBytes, requestTimeoutMs } = options;
  const client = createUpstreamClient({ baseUrl, proxy, maxBytes, idleTimeoutMs: requestTimeoutMs });
  let inFlight = 0;
  let settled = () => {};
  function onEnd(): void {
    inFlight -= 1;
    if (inFlight === 0) settled();
  }
  const sendOver = createSend({ ...options, client, reserveMs: reserveMsFor(requestTimeoutMs), onEnd });
  return {
    send(request, sendOptions) {
      inFlight += 1;
      return sendOver(request, sendOptions);
    },
    endStreams: client.endStreams,
    async close() {
      // A call between two attempts has no connection that `client.close` could wait for.
      const isSettled = new Promise<void>((resolve) => {
        settled = resolve;
      });
      if (inFlight > 0) await Promise.race([isSettled, sleep(requestTimeoutMs, undefined, { ref: false })]);
      await client.close(requestTimeoutMs);
    },
  };
}
