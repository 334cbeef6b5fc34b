import type { Socket } from 'node:net';
import { buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool, fetch as undiciFetch } from 'undici';
import type { ProxyConfig } from '../config/config.ts';

/** How long a proxy may take to answer a CONNECT, in milliseconds: as long as any connection. */
const connectTimeoutMs = 10_000;

/** On a loopback address, a proxy would connect to its own host. */
const neverByProxy = 'localhost,127.0.0.1,::1';

/** Creates the pool of connections to one origin. `connect` opens them through the proxy's tunnel; undefined: directly. */
export type MakePool = (origin: string | URL, connect: buildConnector.connector | undefined) => Dispatcher;

/**
 * All connections to other hosts: through the proxy, or directly to excepted hosts. Does not read the environment. All hosts but
 * loopback use https, so a proxy sees host names, but no requests.
 */
export function createOutbound(proxy: ProxyConfig | undefined, makePool?: MakePool): Dispatcher {
  return new EnvHttpProxyAgent({
    httpProxy: '',
    httpsProxy: proxy?.url.reveal() ?? '',
    noProxy: `${neverByProxy},${proxy?.exceptFor ?? ''}`,
    allowH2: false,
    clientFactory: (origin, options) => new Pool(origin, { ...options, headersTimeout: connectTimeoutMs }),
    ...(makePool && {
      factory: (origin: string | URL, { connect }: { connect?: buildConnector.connector }) => makePool(origin, connect),
    }),
  });
}

/** Like the global `fetch`, but by the configured proxy instead of Node's own settings. */
export function createOutboundFetch(proxy: ProxyConfig | undefined): typeof fetch {
  const dispatcher = createOutbound(proxy);
  // Node's own fetch has another version of undici, which cannot use this dispatcher.
  const fetchOut = (url: string | URL, init?: Parameters<typeof undiciFetch>[1]) =>
    undiciFetch(url, { ...init, dispatcher });
  return fetchOut as unknown as typeof fetch;
}

const interimStart = Buffer.from('HTTP/1.1 1');
const headEnd = '\r\n\r\n';

/** More than any interim head has. Longer heads are left to the parser. */
const maxHeldBytes = 16_384;

/** True when the bytes may begin an interim head. */
function beginsInterim(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, interimStart.length);
  for (let index = 0; index < length; index += 1) if (bytes[index] !== interimStart[index]) return false;
  return true;
}

/**
 * Removes each "100 Continue" before a response, and keeps other interim responses, such as 103.
 * @returns the bytes to parse now, and those to hold until more arrive; `held` is undefined when the response itself has begun.
 */
function skipContinue(bytes: Buffer): { readonly passed: readonly Buffer[]; readonly held: Buffer | undefined } {
  const passed: Buffer[] = [];
  let rest = bytes;
  while (beginsInterim(rest)) {
    const end = rest.indexOf(headEnd);
    const status = rest.subarray(9, 12).toString('latin1');
    // After 101 another protocol follows. An endless head is left to the parser, which refuses it.
    if (status === '101' || (end === -1 && rest.length >= maxHeldBytes)) break;
    if (end === -1) return { passed, held: rest };
    if (status !== '100') passed.push(rest.subarray(0, end + headEnd.length));
    rest = rest.subarray(end + headEnd.length);
  }
  return { passed: [...passed, rest], held: undefined };
}

/**
 * Removes a "100 Continue" that undici did not ask for, since undici would close the connection. A client may ignore it (RFC 9110
 * section 15.2.1).
 * @param onRequest called right before a request is written.
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
    if (held.length === 0 && !beginsInterim(chunk)) {
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
 * @param onRequest called with its connection right before a request is written.
 * @param connect opens the connections, such as through a proxy. @default directly
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
