import type { StrangerEffect } from './faults.ts';

/** A complete answer. No `body` means that nothing follows the headers. */
export interface PlainAnswer {
  readonly kind: 'plain';
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** True for `truto_response_format=stream`: sent in pieces, without a Content-Length. */
  readonly isChunked?: boolean;
}

/** What the server does in reply to one request; all but `plain` are faults. */
export type Answer =
  | PlainAnswer
  /** A body that claims to be JSON and is not. */
  | { readonly kind: 'bad-json'; readonly status: number }
  /** A JSON object with the id and a content of `sizeBytes`, made while it is sent. */
  | { readonly kind: 'huge'; readonly id: string; readonly sizeBytes: number; readonly isChunked: boolean }
  /** The connection ends without a word. */
  | { readonly kind: 'reset' }
  /** Somebody else's answer, as it is. */
  | StrangerEffect
  /** An unsolicited interim "100 Continue", then the answer. */
  | { readonly kind: 'continue'; readonly answer: PlainAnswer }
  /** The status line and a part of the body, then the connection ends. */
  | { readonly kind: 'cut'; readonly answer: PlainAnswer }
  /** The answer, but only after `delayMs`. */
  | { readonly kind: 'late'; readonly delayMs: number; readonly answer: PlainAnswer };
