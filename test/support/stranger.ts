import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';

/** Somebody else's server, where no request of ours may go. */
export interface Stranger extends AsyncDisposable {
  /** Host and port. */
  readonly host: string;
  /** How many connections were ever opened. */
  connectionCount(): number;
}

/** Starts a stranger, who would answer anything with a record. */
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
