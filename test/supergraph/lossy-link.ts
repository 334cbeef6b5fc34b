import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { listen } from '../support/listen.ts';

/** A link to a server that can lose an answer after the server has done everything: the case that makes retries dangerous. */
export interface LossyLink extends AsyncDisposable {
  readonly url: string;
  /** Loses the next answers. Their clients get a 503 with `Retry-After: 0`. */
  loseAnswers(count: number): void;
}

/** Starts a link in front of a server's endpoint. */
export async function startLossyLink(target: string): Promise<LossyLink> {
  let lossCount = 0;
  const server = createServer(async (incoming, outgoing) => {
    const { host: _, connection: __, 'content-length': ___, ...headers } = incoming.headers;
    const sent = await text(incoming);
    const answer = await fetch(new URL(incoming.url ?? '', target), {
      method: incoming.method ?? '',
      headers: headers as Record<string, string>,
      ...(sent !== '' && { body: sent }),
    });
    const body = await answer.text();
    if (lossCount > 0) {
      lossCount -= 1;
      outgoing.writeHead(503, { 'retry-after': '0' }).end('the answer was lost');
      return;
    }
    outgoing.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(body);
  });
  const listening = await listen(server);
  return Object.assign(listening, {
    url: `${listening.url}/graphql`,
    loseAnswers(count: number) {
      lossCount = count;
    },
  });
}
