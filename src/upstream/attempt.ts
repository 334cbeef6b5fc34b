import type { Readable } from 'node:stream';

/** One REST request without its host, which the configuration has. */
export interface UpstreamRequest {
  readonly method: 'DELETE' | 'GET' | 'POST';
  /** Path and query, encoded, starting with a slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body of a `POST`. */
  readonly body?: string;
}

/** Why a body could not be read although the status was. */
export type UnreadableReason = 'too-large' | 'too-dense' | 'interrupted' | 'timeout' | 'encoded';

/** The body of an answer. */
export type UpstreamBody =
  | { readonly kind: 'complete'; readonly bytes: Buffer }
  /** The caller of `send` asked for a stream. It must read it to its end or destroy it. */
  | { readonly kind: 'streaming'; readonly stream: Readable }
  | { readonly kind: 'unreadable'; readonly reason: UnreadableReason };

/** Upstream answered. The status is known, even if the body could not be read. */
export interface UpstreamAnswer {
  readonly kind: 'answer';
  readonly statusCode: number;
  /** Names are in lower case. Repeated headers are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: UpstreamBody;
  /** Closes its connection: for an answer that belongs to another request. */
  disconnect(): void;
}

/**
 * Why there is no answer. `unconnected`: no connection in time. `paused`: the rate limit allows no request before the deadline.
 * `streams`: the caller has too many streamed bodies open. `open`: the breaker is open. `abandoned`: the caller has disconnected.
 * These five are never sent.
 */
export type FailureReason =
  | ('timeout' | 'refused' | 'dns' | 'tls' | 'proxy' | 'reset' | 'protocol')
  | ('unconnected' | 'paused' | 'streams' | 'open' | 'abandoned');

/** There is no answer. Only `mayHaveBeenSent` says whether upstream may have acted on the request. */
export interface UpstreamFailure {
  readonly kind: 'failure';
  /** False when no byte was sent: then upstream did nothing. */
  readonly mayHaveBeenSent: boolean;
  readonly reason: FailureReason;
  /** With `paused`: when a request is allowed again, in milliseconds from now. */
  readonly retryAfterMs?: number;
}

/** How one request to upstream ended. Requests never throw. */
export type Attempt = UpstreamAnswer | UpstreamFailure;

/** The end of an attempt, for metrics. */
export interface SeenAttempt {
  readonly method: UpstreamRequest['method'];
  /** The integration of the account, if it was known. */
  readonly integration: string | null;
  /** The status, or why there is none. */
  readonly end: number | FailureReason;
  /** True when no request was started. */
  readonly wasNeverStarted: boolean;
  readonly durationMs: number;
}

/** The limits that a request counts against: those of an upstream token, and of one of its integrated accounts. */
export interface LimitedBy {
  /** Identifies a token without revealing it. */
  readonly tokenId: string;
  readonly integratedAccountId: string;
}

/** How a request is sent, for all of its attempts. */
export interface SendOptions {
  /** The moment (by `performance.now()`) by which the answer must be complete; a streamed answer must have begun. */
  readonly deadlineAt: number;
  readonly limitedBy: LimitedBy;
  /** The id of the caller to stream a 2xx body to, instead of collecting it. The number of streams per caller is limited. */
  readonly streamsTo?: string | undefined;
  /** False when a second execution may have a further effect. Then, as every `POST`, the request is not retried once it may have been sent. */
  readonly isRepeatable?: boolean;
  /** True once the caller has disconnected: then nothing further is sent. */
  readonly hasCallerLeft?: () => boolean;
  /**
   * The `Idempotency-Key` of the next attempt, by how many attempts were answered: upstream may repeat its answer for a key.
   * @default the request's own headers, unchanged
   */
  readonly keyAfter?: (answerCount: number) => string;
  /** The integration of the account, if known: for metrics. */
  readonly integration?: string | null;
  /** True for a request without a waiting caller. Interactive requests go first, and this one fails at a limit instead of waiting. */
  readonly isBackground?: boolean;
}

/** How a request ended, after one or more attempts. */
export interface Sent {
  /** The last attempt. */
  readonly attempt: Attempt;
  readonly attemptCount: number;
  /** How many attempts were answered, with any status. */
  readonly answerCount: number;
  /** The `Idempotency-Key` of the last started attempt. Undefined without `keyAfter`, or when none was started. */
  readonly idempotencyKey: string | undefined;
  /** True when an attempt before the last may have been executed: then a refusal of the last proves nothing. */
  readonly mayHaveActedBefore: boolean;
}

/** Sends a request, with retries where they are safe and may help. Never rejects. */
export interface Send {
  (request: UpstreamRequest, options: SendOptions): Promise<Sent>;
  /** The one behind it, if it only adds options: they are one connection. */
  readonly behind?: Send;
}
