import type { Client } from './client-address.ts';

/** Limits on waits for clients: in total, and for one client. */
export interface WaitBounds {
  readonly maxCount: number;
  readonly maxCountPerClient: number;
  readonly maxBytes: number;
  readonly maxBytesPerClient: number;
}

/** Memory or a connection that the server holds until a client sends or reads more. */
export interface Wait {
  /** Sets how many bytes are held for it now. */
  hold(bytes: number): void;
  /** Ends the wait: the client has sent or read its part, or has disconnected. May be called again. */
  end(): void;
}

/** The waits for one client, oldest first. */
interface Queue {
  readonly client: Client;
  first: Waiting | undefined;
  last: Waiting | undefined;
  count: number;
  bytes: number;
}

/** An entry of a linked list. A `Set` whose members change often is rebuilt by V8, in memory that is seldom collected. */
class Waiting implements Wait {
  readonly #waits: Waits;
  readonly queue: Queue;
  readonly cutOff: () => void;
  bytes = 0;
  isOver = false;
  before: Waiting | undefined;
  after: Waiting | undefined;

  constructor(waits: Waits, queue: Queue, cutOff: () => void) {
    this.#waits = waits;
    this.queue = queue;
    this.cutOff = cutOff;
  }

  hold(bytes: number): void {
    if (!this.isOver && bytes !== this.bytes) this.#waits.hold(this, bytes);
  }

  end(): void {
    if (!this.isOver) this.#waits.end(this);
  }
}

/**
 * Keeps waits for clients within bounds. Beyond a bound, the oldest wait is cut off: of the client that exceeds its own bound,
 * or else of the client with the most. So a fast client is served, for any number of slow ones. A bound of bytes never cuts off
 * the only wait.
 */
export class Waits {
  readonly #bounds: WaitBounds;
  readonly #queues = new Map<string, Queue>();
  #count = 0;
  #bytes = 0;

  constructor(bounds: WaitBounds) {
    this.#bounds = bounds;
  }

  /**
   * Starts a wait for a client.
   * @param cutOff called when it exceeds a bound, after the wait has ended.
   */
  begin(client: Client, cutOff: () => void): Wait {
    let queue = this.#queues.get(client.address);
    if (!queue) {
      queue = { client, first: undefined, last: undefined, count: 0, bytes: 0 };
      this.#queues.set(client.address, queue);
    }
    const one = new Waiting(this, queue, cutOff);
    one.before = queue.last;
    if (queue.last) queue.last.after = one;
    else queue.first = one;
    queue.last = one;
    queue.count += 1;
    this.#count += 1;
    this.#keepCounts(queue);
    return one;
  }

  hold(one: Waiting, bytes: number): void {
    this.#bytes += bytes - one.bytes;
    one.queue.bytes += bytes - one.bytes;
    one.bytes = bytes;
    this.#keepBytes(one.queue);
  }

  end(one: Waiting): void {
    const { queue, before, after, bytes } = one;
    one.isOver = true;
    if (before) before.after = after;
    else queue.first = after;
    if (after) after.before = before;
    else queue.last = before;
    one.before = one.after = undefined;
    this.#count -= 1;
    this.#bytes -= bytes;
    queue.count -= 1;
    queue.bytes -= bytes;
    if (queue.count === 0) this.#queues.delete(queue.client.address);
  }

  #keepCounts(queue: Queue): void {
    const { maxCount, maxCountPerClient } = this.#bounds;
    if (!queue.client.isProxy && queue.count > maxCountPerClient) this.#cutOffFirst(queue, () => true);
    if (this.#count > maxCount)
      this.#cutOffFirst(
        this.#longest(({ count }) => count),
        () => true,
      );
  }

  #keepBytes(queue: Queue): void {
    const { maxBytes, maxBytesPerClient } = this.#bounds;
    const holdsBytes = ({ bytes }: Waiting) => bytes > 0;
    while (!queue.client.isProxy && queue.bytes > maxBytesPerClient && queue.count > 1)
      this.#cutOffFirst(queue, holdsBytes);
    while (this.#bytes > maxBytes && this.#count > 1)
      this.#cutOffFirst(
        this.#longest(({ bytes }) => bytes),
        holdsBytes,
      );
  }

  #longest(lengthOf: (queue: Queue) => number): Queue | undefined {
    let longest: Queue | undefined;
    for (const queue of this.#queues.values()) if (!longest || lengthOf(queue) > lengthOf(longest)) longest = queue;
    return longest;
  }

  #cutOffFirst(queue: Queue | undefined, isMeant: (one: Waiting) => boolean): void {
    let one = queue?.first;
    while (one && !isMeant(one)) one = one.after;
    if (!one) return;
    this.end(one);
    one.cutOff();
  }
}
