import type { Readable } from 'node:stream';

/** One REST request: everything but the host, which only the configuration knows. */
export interface UpstreamRequest {
  readonly method: 'DELETE' | 'GET';
  /** Path and query, starting with a slash, as it goes on the wire. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Why a body could not be had although the status line was read. */
export type UnreadableReason = 'too-large' | 'interrupted' | 'timeout' | 'encoded';

/** What followed the headers. */
export type UpstreamBody =
  | { readonly kind: 'complete'; readonly bytes: Buffer }
  /** The caller of `send` asked for a stream and must read it to its end or destroy it. */
  | { readonly kind: 'streaming'; readonly stream: Readable }
  | { readonly kind: 'unreadable'; readonly reason: UnreadableReason };

/** Upstream answered: the status is known, whatever became of the body. */
export interface UpstreamAnswer {
  readonly kind: 'answer';
  readonly statusCode: number;
  /** Lower-case names; a header that came twice is joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: UpstreamBody;
  /** Closes the connection that it came on: for an answer that belongs to another request. */
  disconnect(): void;
}

/**
 * What kept an answer from coming. `unconnected`: no connection in time; `paused`: the rate budget has no place before
 * the deadline; `streams`: the caller has as many streamed bodies open as it may; `open`: the breaker is; `abandoned`: nobody
 * waits for the answer any more. None of those is ever sent.
 */
export type FailureReason =
  | 'timeout'
  | 'refused'
  | 'dns'
  | 'tls'
  | 'proxy'
  | 'reset'
  | 'protocol'
  | 'unconnected'
  | 'paused'
  | 'streams'
  | 'open'
  | 'abandoned';

/** No answer came. Only `mayHaveBeenSent` says whether upstream can have acted on the request. */
export interface UpstreamFailure {
  readonly kind: 'failure';
  /** False when not one byte left for upstream: then surely nothing happened there. */
  readonly mayHaveBeenSent: boolean;
  readonly reason: FailureReason;
  /** With `paused`: from when on there is a place again, in milliseconds from now. */
  readonly retryAfterMs?: number;
}

/** How one request to upstream ended. It never throws: every end is one of these. */
export type Attempt = UpstreamAnswer | UpstreamFailure;

/** What became of an attempt, for whoever counts them. */
export interface SeenAttempt {
  readonly method: UpstreamRequest['method'];
  /** The integration that the request was for, as far as that was known. */
  readonly integration: string | null;
  /** The status, or why there is none. */
  readonly end: number | FailureReason;
  /** True when it was never begun. */
  readonly wasNeverStarted: boolean;
  readonly durationMs: number;
}

/** Whose limits a request counts against: one upstream token's, and one of its integrated accounts'. */
export interface LimitedBy {
  /** Tells tokens apart without being one. */
  readonly tokenId: string;
  readonly integratedAccountId: string;
}

/** How a request is sent, however often it is attempted. */
export interface SendOptions {
  /** The moment (by `performance.now()`) by which the answer must be complete, or have begun when it streams. */
  readonly deadlineAt: number;
  readonly limitedBy: LimitedBy;
  /** Hand a 2xx body over as a stream instead of collecting it, to the caller of that id: each may have so many at once. */
  readonly streamsTo?: string | undefined;
  /** False when carrying the request out twice may do more than once: then it is not sent again once it may have left. */
  readonly isRepeatable?: boolean;
  /** True once nobody waits for the answer: then nothing further is sent. */
  readonly hasCallerLeft?: () => boolean;
  /**
   * The `Idempotency-Key` of the next attempt, after so many were answered: upstream may repeat what it answered under a key.
   * Default: the request's own headers, unchanged.
   */
  readonly keyAfter?: (answerCount: number) => string;
  /** The integration that the request is for, where that is known: for whoever counts attempts. */
  readonly integration?: string | null;
  /** Nobody waits for the answer right now: those who do go first. Without a place in the budgets it does not wait for one. */
  readonly isBackground?: boolean;
}

/** How a request that may have been attempted more than once ended. */
export interface Sent {
  /** The last attempt. */
  readonly attempt: Attempt;
  readonly attemptCount: number;
  /** How many attempts were answered, whatever the answers say. */
  readonly answerCount: number;
  /** The `Idempotency-Key` of the last attempt that was begun; undefined without `keyAfter`, or when none was. */
  readonly idempotencyKey: string | undefined;
  /** True when an attempt before the last may have been carried out: the last one's refusal then proves nothing. */
  readonly mayHaveActedBefore: boolean;
}

/** Sends a request, again where that is safe and may help, and tells how it ended. Never rejects. */
export type Send = (request: UpstreamRequest, options: SendOptions) => Promise<Sent>;
