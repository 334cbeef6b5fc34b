import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A client that sends any bytes, at the pace of the test, valid HTTP or not. */
export interface RawClient extends Disposable {
  readonly socket: Socket;
  send(text: string): void;
  /** Everything that it has received so far. */
  received(): string;
  /** Settles when the connection is closed. */
  readonly closed: Promise<unknown>;
}

/**
 * Connects to that address.
 * @param localAddress the client's own address: all of 127.0.0.0/8 belong to this machine.
 */
export async function connectRaw(url: string, localAddress = '127.0.0.1'): Promise<RawClient> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress });
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

/** The head of a request, with the empty line. */
export function requestHead(method: string, path: string, headers: readonly string[] = []): string {
  return [`${method} ${path} HTTP/1.1`, 'host: test', ...headers, '', ''].join('\r\n');
}
