import type { Socket } from 'node:net';
import { buildConnector } from 'undici';

const continueHead = Buffer.from('HTTP/1.1 100');

/** More than any interim head has: the parser may say what is wrong with the rest. */
const maxHeldBytes = 16_384;

/** True when the bytes begin an interim "100 Continue", as far as there are any. */
function beginsContinue(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, continueHead.length);
  return bytes.subarray(0, length).equals(continueHead.subarray(0, length));
}

/**
 * Leaves out each "100 Continue" in front of a response: undici closes the connection when one comes that it did not ask for,
 * and a client may ignore it (RFC 9110 section 15.2.1), as undici does with 103.
 * @param onRequest is called right before a request is written.
 */
function watch(socket: Socket, onRequest: (socket: Socket) => void): void {
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket) as (...parts: unknown[]) => boolean;
  let isHeadDue = false;
  let held: Buffer = Buffer.alloc(0);
  socket.write = (...parts: unknown[]) => {
    isHeadDue = true;
    onRequest(socket);
    return write(...parts);
  };
  socket.read = (size?: number) => {
    const chunk: Buffer | null = read(size);
    if (!isHeadDue || chunk === null) return chunk;
    held = Buffer.concat([held, chunk]);
    while (beginsContinue(held)) {
      const end = held.indexOf('\r\n\r\n');
      if (end === -1 && held.length < maxHeldBytes) return null;
      if (end === -1) break;
      held = held.subarray(end + 4);
      if (held.length === 0) return null;
    }
    const head = held;
    held = Buffer.alloc(0);
    isHeadDue = false;
    return head;
  };
}

/**
 * Makes undici's connections to upstream, HTTP/1.1 only.
 * @param onRequest is called with its connection right before a request is written.
 */
export function createConnector(onRequest: (socket: Socket) => void): buildConnector.connector {
  const connect = buildConnector({ allowH2: false });
  return (options, callback) =>
    connect(options, (...result) => {
      const [, socket] = result;
      if (socket) watch(socket, onRequest);
      callback(...result);
    });
}
