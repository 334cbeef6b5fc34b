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
}

/** What kept an answer from coming. */
export type FailureReason = 'timeout' | 'refused' | 'dns' | 'tls' | 'reset' | 'protocol';

/** No answer came. Only `mayHaveBeenSent` says whether upstream can have acted on the request. */
export interface UpstreamFailure {
  readonly kind: 'failure';
  /** False when not one byte left for upstream: then surely nothing happened there. */
  readonly mayHaveBeenSent: boolean;
  readonly reason: FailureReason;
}

/** How one request to upstream ended. It never throws: every end is one of these. */
export type Attempt = UpstreamAnswer | UpstreamFailure;

/** How a request is sent. */
export interface SendOptions {
  /** The moment (milliseconds since the epoch) by which the answer must be complete, or have begun when it streams. */
  readonly deadlineAt: number;
  /** Hand a 2xx body over as a stream instead of collecting it. Default false. */
  readonly streams?: boolean;
}

/** Sends one request and tells how it ended. */
export type Send = (request: UpstreamRequest, options: SendOptions) => Promise<Attempt>;
