import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** What somebody wants to hear who listens in on a server of this process. */
export interface TapOptions {
  /** True for the connections that matter. */
  readonly isOurs: (socket: Socket) => boolean;
  /** Gets every piece that the server writes to a client, whatever kind of answer it is part of, before it goes. */
  readonly onAnswer: (piece: string, socket: Socket) => void;
  /** Gets the credential of every request that has one, without its scheme. */
  readonly onToken: (token: string) => void;
}

type Write = Socket['write'];

/** Shows the socket's writes, as they are made, and changes nothing about them. */
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
 * Listens in on the servers of this process, below HTTP: no client has to be told, and none is missed, be it `fetch`, a
 * bare socket, or a reader of results in parts.
 * @returns what ends it.
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
