import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Which connections of this process's servers to observe, and the functions that get what they carry. */
export interface TapOptions {
  /** True for the connections to watch. */
  readonly isOurs: (socket: Socket) => boolean;
  /** Gets every piece that the server writes to a client, before it is sent. */
  readonly onAnswer: (piece: string, socket: Socket) => void;
  /** Gets the credential of every request that has one, without its scheme. */
  readonly onToken: (token: string) => void;
}

type Write = Socket['write'];

/** Observes the socket's writes, and does not change them. */
function listenIn(socket: Socket, onAnswer: TapOptions['onAnswer']): void {
  for (const name of ['write', 'end'] as const) {
    const original = socket[name] as (...args: unknown[]) => unknown;
    const shown = (...args: unknown[]) => {
      const [piece] = args;
      if (typeof piece === 'string') onAnswer(piece, socket);
      else if (piece instanceof Uint8Array) onAnswer(Buffer.from(piece).toString(), socket);
      return original.apply(socket, args);
    };
    socket[name] = shown as Write & Socket['end'];
  }
}

/**
 * Observes the servers of this process, below HTTP. So it sees every client, without its help: `fetch`, a bare socket, or a
 * reader of incremental results.
 * @returns a function that ends it.
 */
export function tapServers({ isOurs, onAnswer, onToken }: TapOptions): () => void {
  const onConnection = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    if (isOurs(socket)) listenIn(socket, onAnswer);
  };
  const onRequest = (message: unknown): void => {
    const { request } = message as { request: IncomingMessage };
    const token = request.headers.authorization?.replace(/^\w+ +/, '');
    if (token !== undefined && isOurs(request.socket)) onToken(token);
  };
  subscribe('net.server.socket', onConnection);
  subscribe('http.server.request.start', onRequest);
  return () => {
    unsubscribe('net.server.socket', onConnection);
    unsubscribe('http.server.request.start', onRequest);
  };
}
