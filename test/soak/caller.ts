import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { sandboxToken } from '../../src/sandbox/accounts.ts';
import { type Answer, noAnswer, type ResponseBody, readAnswer } from './answer.ts';
import type { Operation } from './operations.ts';

/** How an operation is sent. */
export interface AskOptions {
  readonly idempotencyKey?: string;
  /** The caller disconnects after this time. */
  readonly hangsUpAfterMs?: number;
}

/** The result of an operation. */
export interface Asked {
  /** One for each of its deletes. */
  readonly answers: readonly Answer[];
  /** How often the facade executed it. A range, because a caller that hangs up cannot know. */
  readonly executed: { readonly least: number; readonly most: number };
}

/** Callers of a facade, on keep-alive connections. */
export interface Caller {
  /**
   * Sends the operation, and sends it again after `Retry-After` while the facade sheds it. Never rejects.
   */
  ask(operation: Operation, options: AskOptions): Promise<Asked>;
  /** How often the facade shed an operation. */
  refusals(): number;
  close(): Promise<void>;
}

/** The first part of a multipart response. It has the members; the other parts have only chunks. */
function firstPart(text: string): string {
  if (!text.endsWith('\r\n-----\r\n')) throw new Error('the response ends too early');
  const [, part = ''] = text.split('\r\n---');
  return part.slice(part.indexOf('\r\n\r\n') + 4);
}

/** How often an operation is sent again after a 503. */
const maxRefusals = 60;

/** Connects up to `concurrency` callers to the endpoint. */
export function createCaller(endpoint: string, concurrency: number): Caller {
  const { origin, pathname: path } = new URL(endpoint);
  const pool = new Pool(origin, { connections: concurrency, pipelining: 1 });
  let refusals = 0;

  async function post({ document, variables, accept }: Operation, key: string | undefined, signal: AbortSignal) {
    const headers = {
      'content-type': 'application/json',
      accept,
      authorization: `Bearer ${sandboxToken}`,
      ...(key !== undefined && { 'idempotency-key': key }),
    };
    const sent = JSON.stringify({ query: document, variables });
    const response = await pool.request({ method: 'POST', path, headers, body: sent, signal });
    const text = await response.body.text();
    const isMultipart = String(response.headers['content-type']).startsWith('multipart/');
    const body: ResponseBody = JSON.parse(isMultipart ? firstPart(text) : text);
    return { statusCode: response.statusCode, retryAfterSeconds: Number(response.headers['retry-after'] ?? 0), body };
  }

  async function postPatiently(operation: Operation, key: string | undefined, signal: AbortSignal) {
    for (let tries = 0; ; tries += 1) {
      const { statusCode, retryAfterSeconds, body } = await post(operation, key, signal);
      if (statusCode !== 503 || tries === maxRefusals) return { body, times: statusCode === 503 ? 0 : 1 };
      refusals += 1;
      await sleep(retryAfterSeconds * 1000, undefined, { signal });
    }
  }

  async function ask(operation: Operation, { idempotencyKey, hangsUpAfterMs }: AskOptions): Promise<Asked> {
    const aliases = 'id2' in operation.variables ? ['first', 'second'] : ['first'];
    const patience = new AbortController();
    if (hangsUpAfterMs !== undefined) void sleep(hangsUpAfterMs).then(() => patience.abort());
    try {
      const { body, times } = await postPatiently(operation, idempotencyKey, patience.signal);
      const answers = aliases.map((alias) => readAnswer(body, alias));
      return { answers, executed: { least: times, most: times } };
    } catch (error) {
      const hungUp = patience.signal.aborted;
      const answers = aliases.map(() => noAnswer(hungUp ? 'left' : 'nothing', hungUp ? '' : String(error)));
      return { answers, executed: { least: 0, most: 1 } };
    }
  }

  return { ask, refusals: () => refusals, close: () => pool.destroy() };
}
