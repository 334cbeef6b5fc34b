import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';

/** A foreign server, which must not receive any request. */
export interface Stranger extends AsyncDisposable {
  /** Host and port. */
  readonly host: string;
  /** The number of connections opened so far. */
  connectionCount(): number;
}

/** Starts a foreign server that answers everything with a record. */
export async function startStranger(): Promise<Stranger> {
  let connectionCount = 0;
  const body = '{"id":"e1","subject":"of a stranger"}';
  const server = createServer((socket) => {
    connectionCount += 1;
    socket.on('error', () => {});
    socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    connectionCount: () => connectionCount,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
