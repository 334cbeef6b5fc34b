import { type BlockList, isIPv6, SocketAddress } from 'node:net';

/**
 * A client, as the limits per client count it: an IPv4 address, or the /64 network of an IPv6 address, since a client usually has all
 * addresses in one. Many clients share the address of a trusted proxy (`isProxy`), so no limit per client applies to it.
 */
export type Client = { readonly address: string; readonly isProxy: boolean };

type Ip = { readonly address: string; readonly family: 'ipv4' | 'ipv6' };

/** Parses an address in the form of sockets and proxies, perhaps with a port. */
function parseIp(text: string): Ip | undefined {
  const plain = text.trim().replace(/^::ffff:(?=\d+\.)/i, '');
  // A zone names an interface of this host, not a client.
  const parsed = SocketAddress.parse(isIPv6(plain) ? `[${plain.split('%', 1)[0]}]` : plain);
  return parsed && { address: parsed.address, family: parsed.family as Ip['family'] };
}

/** The first four groups of an IPv6 address in its shortest form. */
function networkOf({ address, family }: Ip): string {
  if (family === 'ipv4') return address;
  const [left = [], right = []] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
}

/**
 * Finds the client of a request: the address of the connection. If that is a trusted proxy, the client is the last address
 * in `X-Forwarded-For` that is not a trusted proxy. Earlier addresses there may be forged.
 */
export function findClient(
  remoteAddress: string | undefined,
  forwardedFor: string | undefined,
  trustedProxies: BlockList | undefined,
): Client {
  const isTrusted = ({ address, family }: Ip) => trustedProxies?.check(address, family) ?? false;
  const remote = parseIp(remoteAddress ?? '');
  // A client that has disconnected has no address.
  if (!remote) return { address: '', isProxy: false };
  if (!isTrusted(remote)) return { address: networkOf(remote), isProxy: false };
  for (const text of forwardedFor?.split(',').reverse() ?? []) {
    const forwarded = parseIp(text);
    // A trusted proxy may write `unknown`.
    if (!forwarded) break;
    if (!isTrusted(forwarded)) return { address: networkOf(forwarded), isProxy: false };
  }
  return { address: networkOf(remote), isProxy: true };
}

/** Limits on waits for clients: in total, and for one client. */
export type WaitBounds = Readonly<Record<'maxCount' | 'maxCountPerClient' | 'maxBytes' | 'maxBytesPerClient', number>>;

/** Memory or a connection that the server holds until a client sends or reads more. */
export type Wait = ReturnType<Waits['begin']>;

type Amounts = Record<'count' | 'bytes', number>;

/** The waits for one client, oldest first. */
interface Queue extends Amounts {
  readonly client: Client;
  first: Waiting | undefined;
  last: Waiting | undefined;
}

/** An entry of a linked list. A `Set` whose members change often is rebuilt by V8, in memory that is seldom collected. */
interface Waiting {
  readonly queue: Queue;
  readonly cutOff: () => void;
  bytes: number;
  isOver: boolean;
  before: Waiting | undefined;
  after: Waiting | undefined;
}

/**
 * Keeps waits for clients within bounds. Beyond a bound, the oldest wait is cut off: of the client that exceeds its own bound,
 * or else of the client with the most. So a fast client is served, for any number of slow ones. A bound of bytes never cuts off
 * the only wait.
 */
export class Waits {
  readonly #bounds: WaitBounds;
  readonly #queues = new Map<string, Queue>();
  readonly #total: Amounts = { count: 0, bytes: 0 };

  constructor(bounds: WaitBounds) {
    this.#bounds = bounds;
  }

  /** Starts a wait for a client. @param cutOff called when it exceeds a bound, after the wait has ended. */
  begin(client: Client, cutOff: () => void) {
    let queue = this.#queues.get(client.address);
    if (!queue) {
      queue = { client, first: undefined, last: undefined, count: 0, bytes: 0 };
      this.#queues.set(client.address, queue);
    }
    const one: Waiting = { queue, cutOff, bytes: 0, isOver: false, before: queue.last, after: undefined };
    if (queue.last) queue.last.after = one;
    else queue.first = one;
    queue.last = one;
    queue.count += 1;
    this.#total.count += 1;
    this.#keep(queue, 'count', this.#bounds.maxCount, this.#bounds.maxCountPerClient);
    /** `hold` sets how many bytes are held for it now. `end` ends it, and may be called again. */
    return { hold: (bytes: number) => this.#hold(one, bytes), end: () => this.#end(one) };
  }

  #hold(one: Waiting, bytes: number): void {
    if (one.isOver || bytes === one.bytes) return;
    this.#total.bytes += bytes - one.bytes;
    one.queue.bytes += bytes - one.bytes;
    one.bytes = bytes;
    this.#keep(one.queue, 'bytes', this.#bounds.maxBytes, this.#bounds.maxBytesPerClient);
  }

  #end(one: Waiting): void {
    if (one.isOver) return;
    const { queue, before, after, bytes } = one;
    one.isOver = true;
    if (before) before.after = after;
    else queue.first = after;
    if (after) after.before = before;
    else queue.last = before;
    one.before = one.after = undefined;
    for (const amounts of [this.#total, queue]) {
      amounts.count -= 1;
      amounts.bytes -= bytes;
    }
    if (queue.count === 0) this.#queues.delete(queue.client.address);
  }

  /** Cuts off waits until an amount is within the bounds again, of the client and in total. */
  #keep(queue: Queue, amount: keyof Amounts, max: number, maxPerClient: number): void {
    while (!queue.client.isProxy && queue[amount] > maxPerClient && queue.count > 1) this.#cutOffFirst(queue, amount);
    while (this.#total[amount] > max && this.#total.count > 1) {
      let longest: Queue | undefined;
      for (const other of this.#queues.values()) if (!longest || other[amount] > longest[amount]) longest = other;
      this.#cutOffFirst(longest, amount);
    }
  }

  #cutOffFirst(queue: Queue | undefined, amount: keyof Amounts): void {
    let one = queue?.first;
    while (one && amount === 'bytes' && one.bytes === 0) one = one.after;
    if (!one) return;
    this.#end(one);
    one.cutOff();
  }
}
