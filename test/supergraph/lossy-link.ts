import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

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
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    loseAnswers(count) {
      lossCount = count;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
