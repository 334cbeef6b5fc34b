import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A client that sends what a test tells it to, at its own pace, whether it is HTTP or not. */
export interface RawClient extends Disposable {
  readonly socket: Socket;
  send(text: string): void;
  /** Everything that came back so far. */
  received(): string;
  /** Settles when the connection is closed. */
  readonly closed: Promise<unknown>;
}

/** Connects to where that address says. */
export async function connectRaw(url: string): Promise<RawClient> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let received = '';
  socket.setEncoding('latin1').on('data', (text) => {
    received += text;
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  // A connection that the server resets is closed like any other.
  socket.on('error', () => {});
  return {
    socket,
    closed,
    send: (text) => void socket.write(text, 'latin1'),
    received: () => received,
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** The beginning of a request, up to and with the empty line. */
export function requestHead(method: string, path: string, headers: readonly string[] = []): string {
  return [`${method} ${path} HTTP/1.1`, 'host: test', ...headers, '', ''].join('\r\n');
}
