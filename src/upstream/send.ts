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

/** What of the time left the first attempts may wait for an answer: a lost request must leave time to be sent again. */
const shareOfTimeLeft = 2 / 3;

/** How many requests may wait for a connection. */
const maxWaiting = 10_000;

/** How sending is set up. */
export interface SendSetup {
  readonly client: Pick<UpstreamClient, 'attempt'>;
  /** A request that has less time than this left is not begun. */
  readonly reserveMs: number;
  /** What this process keeps by itself, by waiting; undefined for no limits. */
  readonly limits: RequestLimits | undefined;
  /** What it keeps together with others, as long as that can be had; by itself else. */
  readonly sharedBudget?: SharedBudget | undefined;
  /** Called for each attempt. */
  readonly onAttempt?: (seen: SeenAttempt) => void;
  /** Called when a request has its end. */
  readonly onEnd?: () => void;
}

/** Everything that all calls of a process share. */
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

/** What keeps an attempt from a permit, by what the permit is for. */
const noStream = unsent('streams');
const noTime = unsent('timeout');
/** By the next attempt, others may be through. */
const noConnection = unsent('unconnected');

const abandoned = unsent('abandoned');
const breakerOpen = unsent('open');

/**
 * One request to upstream, however often it is attempted. An attempt waits for the budgets, takes its permits, looks once more for
 * what would hold it back, and goes. Nothing rejects: every end is an {@link Attempt}.
 */
class Call {
  readonly #road: Road;
  readonly #request: UpstreamRequest;
  readonly #options: SendOptions;
  readonly #lane: Lane;
  /** By when an attempt must have begun. */
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

  /** Makes attempts until one is final, or another would not help. */
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

  /** Takes over how an attempt ended; false when what an earlier one came to says more. */
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
    const { isRepeatable = true } = this.#options;
    const { attempt, attemptCount } = this.#sent;
    const verdict = judge(attempt, method);
    if (verdict === 'final') return undefined;
    if (verdict !== 'wait') this.#failureCount += 1;
    const nowMs = performance.now();
    const progress = { method, isRepeatable, attempt, attemptCount, failureCount: this.#failureCount };
    const clocks = { nowMs, timeOfDayMs: Date.now(), beginBy: this.#beginBy, random: Math.random() };
    const delayMs = retryDelayMs({ ...progress, ...clocks });
    // A retry that the breaker would hold back must not be taken out of everybody's budget.
    if (delayMs === undefined || this.#options.hasCallerLeft?.() || this.#isOpen) return undefined;
    return this.#road.retryBudget.take(nowMs) ? delayMs : undefined;
  }

  get #isOpen(): boolean {
    return this.#road.upstreamBreaker.isOpen || this.#lane.breaker.isOpen;
  }

  /** One attempt, as soon as the budgets allow it. */
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
      // Others were quicker: it waits for the budgets again.
      const late = await this.#waitFor(attempt.retryAfterMs ?? 0);
      if (late) return late;
    }
  }

  /** The longest that one of the lane's budgets makes a request wait that comes now. */
  #budgetDelayMs(): number {
    const nowMs = performance.now();
    const [account, token] = this.#lane.budgets;
    return Math.max(account.delayMs(nowMs), token.delayMs(nowMs));
  }

  /** Waits for so long, counted by the budgets. Undefined then; else what keeps the request from being sent in time. */
  async #waitFor(delayMs: number): Promise<Attempt | undefined> {
    if (delayMs === 0) return undefined;
    if (this.#options.isBackground || performance.now() + delayMs > this.#beginBy)
      return unsent('paused', Math.ceil(delayMs));
    const [account, token] = this.#lane.budgets;
    await token.whileWaiting(account.whileWaiting(sleep(Math.ceil(delayMs))));
    return undefined;
  }

  /**
   * One attempt with its permits: the caller's, then the lane's, and last the connection's, so that calls that wait for one another
   * do not take the permits of others. A streamed body keeps them to its end.
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

  /** Takes a connection and sends the request, unless something holds it back now that its turn has come. */
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

  /** When the status of this attempt must be there: one that can be repeated leaves time for that. */
  #answerBy(): number {
    const { isRepeatable = true, deadlineAt } = this.#options;
    const isLast = this.#sent.attemptCount > 0 || !isRepeatable;
    const nowMs = performance.now();
    return isLast ? deadlineAt : nowMs + (deadlineAt - nowMs) * shareOfTimeLeft;
  }

  /** Asks for a part of what all share. True when there is one, false when nobody can say; else how the attempt ends. */
  async #takeShared(sharedBudget: SharedBudget): Promise<Attempt | boolean> {
    const { limitedBy, isBackground = false } = this.#options;
    const lane = this.#lane;
    const delayMs = await sharedBudget.take(limitedBy, isBackground, this.#beginBy);
    lane.isShared = delayMs !== undefined;
    if (delayMs) return unsent('paused', delayMs + sharedBudget.queueDelayMs(lane.budgets[0].waiting));
    return performance.now() < this.#beginBy ? delayMs === 0 : noTime;
  }

  /**
   * The last checks: all that follows is undici's own look at whether a kept connection still is one.
   * @param isShared the budgets that all share have counted it already.
   */
  #whyNotStarted(isShared: boolean): Attempt | undefined {
    const { budgets } = this.#lane;
    if (this.#options.hasCallerLeft?.()) return abandoned;
    if (this.#isOpen) return breakerOpen;
    const nowMs = performance.now();
    if (!isShared && !budgets.every((budget) => budget.canTake(nowMs))) return unsent('paused');
    // Counted here too when all share: should that be lost, this process goes on from what it sent.
    for (const budget of budgets) budget.take(nowMs);
    return undefined;
  }
}

function withKey(request: UpstreamRequest, idempotencyKey: string | undefined): UpstreamRequest {
  if (idempotencyKey === undefined) return request;
  return { ...request, headers: { ...request.headers, 'idempotency-key': idempotencyKey } };
}

/** Makes the one way in which requests are sent: again where that is safe and may help, never after the deadline. */
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

/** The most time that must be left of an operation for another request to begin. */
const maxReserveMs = 500;

/** How much time must be left of an operation that may take so long for another request to begin. */
export function reserveMsFor(requestTimeoutMs: number): number {
  return Math.min(maxReserveMs, requestTimeoutMs / 10);
}

/** Where upstream is, and how it is spoken to. */
export interface UpstreamOptions extends Pick<SendSetup, 'limits' | 'sharedBudget' | 'onAttempt'> {
  readonly baseUrl: URL;
  /** The proxy that upstream is reached by, if it is not loopback. */
  readonly proxy: ProxyConfig | undefined;
  /** The largest body that is collected. */
  readonly maxUpstreamBytes: number;
  /** How long an operation may take. */
  readonly requestTimeoutMs: number;
}

/** The way to upstream of a process. */
export interface Upstream {
  readonly send: Send;
  /** Ends the bodies that are being streamed: their readers get an error. */
  endStreams(): void;
  /** Waits for what is under way, closes the connections, and is back after twice an operation's time at the latest. */
  close(): Promise<void>;
}

/** Opens the way to upstream. */
export function openUpstream(options: UpstreamOptions): Upstream {
  const { baseUrl, proxy, maxUpstreamBytes: maxBytes, requestTimeoutMs } = options;
  const client = createUpstreamClient({ baseUrl, proxy, maxBytes, idleTimeoutMs: requestTimeoutMs });
  let underWay = 0;
  let settled = () => {};
  function onEnd(): void {
    underWay -= 1;
    if (underWay === 0) settled();
  }
  const sendOver = createSend({ ...options, client, reserveMs: reserveMsFor(requestTimeoutMs), onEnd });
  return {
    send(request, sendOptions) {
      underWay += 1;
      return sendOver(request, sendOptions);
    },
    endStreams: client.endStreams,
    async close() {
      // Between two attempts, a call is on no connection.
      const isSettled = new Promise<void>((resolve) => {
        settled = resolve;
      });
      if (underWay > 0) await Promise.race([isSettled, sleep(requestTimeoutMs, undefined, { ref: false })]);
      await client.close(requestTimeoutMs);
    },
  };
}
