import type { IncomingHttpHeaders } from 'node:http';

/** A request as it came in. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, undecoded. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}
