import type { Socket } from 'node:net';
import { buildConnector } from 'undici';

const interimStart = Buffer.from('HTTP/1.1 1');
const headEnd = '\r\n\r\n';

/** So many bytes say whether a head is interim. */
const statusEnd = interimStart.length;

/** More than any interim head has: the parser may say what is wrong with the rest. */
const maxHeldBytes = 16_384;

/** True when the bytes begin an interim head, as far as there are any. */
function beginsInterim(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, interimStart.length);
  for (let index = 0; index < length; index += 1) if (bytes[index] !== interimStart[index]) return false;
  return true;
}

/**
 * Leaves out each "100 Continue" in front of a response, and passes on the others, such as 103.
 * @returns what of the bytes to parse now, and what to hold until more have come; undefined when the response itself has begun.
 */
function skipContinue(bytes: Buffer): { readonly passed: readonly Buffer[]; readonly held: Buffer | undefined } {
  const passed: Buffer[] = [];
  let rest = bytes;
  while (beginsInterim(rest)) {
    const end = rest.indexOf(headEnd);
    const status = rest.subarray(9, 12).toString('latin1');
    // What follows 101 is another protocol; an endless head is for the parser to refuse.
    if (status === '101' || (end === -1 && rest.length >= maxHeldBytes)) break;
    if (end === -1) return { passed, held: rest };
    if (status !== '100') passed.push(rest.subarray(0, end + headEnd.length));
    rest = rest.subarray(end + headEnd.length);
  }
  return { passed: [...passed, rest], held: undefined };
}

/**
 * Leaves out what undici would close the connection for: a "100 Continue" that it did not ask for. A client may ignore it
 * (RFC 9110 section 15.2.1).
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
    if (held.length === 0 && chunk.length >= statusEnd && !beginsInterim(chunk)) {
      isHeadDue = false;
      return chunk;
    }
    const skipped = skipContinue(Buffer.concat([held, chunk]));
    isHeadDue = skipped.held !== undefined;
    held = skipped.held ?? Buffer.alloc(0);
    return skipped.passed.length === 0 ? null : Buffer.concat(skipped.passed);
  };
}

/**
 * Makes undici's connections to upstream, HTTP/1.1 only.
 * @param onRequest is called with its connection right before a request is written.
 * @param connect opens them, such as through a proxy. @default directly
 */
export function createConnector(
  onRequest: (socket: Socket) => void,
  connect: buildConnector.connector = buildConnector({ allowH2: false }),
): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...result) => {
      const [, socket] = result;
      if (socket) watch(socket, onRequest);
      callback(...result);
    });
}
