import { createServer, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { listen } from '../support/listen.ts';

/** A request that a client sent. */
export interface Witnessed {
  readonly headers: IncomingHttpHeaders;
  readonly query: string;
}

/** Stands between clients and the server, passes everything on as it is, and tells what clients sent. */
export interface Witness extends AsyncDisposable {
  /** Where clients are to go. */
  readonly endpoint: string;
  /** The requests so far, in order. */
  readonly seen: readonly Witnessed[];
}

/** The headers that say what a request is: those of the connection are for each side to set. */
const passedOn = ['content-type', 'accept', 'authorization', 'idempotency-key'];

/** Starts a witness in front of an endpoint. */
export async function startWitness(endpoint: string): Promise<Witness> {
  const seen: Witnessed[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    seen.push({ headers: request.headers, query: JSON.parse(body.toString()).query });
    const headers = passedOn.flatMap((name) => {
      const value = request.headers[name];
      return typeof value === 'string' ? [[name, value] as [string, string]] : [];
    });
    const answer = await fetch(endpoint, { method: request.method ?? 'POST', headers, body });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  const listening = await listen(server);
  return Object.assign(listening, { endpoint: `${listening.url}/graphql`, seen });
}
