import type { Client } from './client-address.ts';

/** How much may wait for clients at once, and how much of it for one client. */
export interface WaitBounds {
  readonly maxCount: number;
  readonly maxCountPerClient: number;
  readonly maxBytes: number;
  readonly maxBytesPerClient: number;
}

/** Something that the server holds until a client sends, or reads, more. */
export interface Wait {
  /** Says how many bytes are held for it now. */
  hold(bytes: number): void;
  /** The client has done its part, or is gone. May be called again. */
  end(): void;
}

interface Waiting {
  bytes: number;
  readonly cutOff: () => void;
}

/** What waits for one client, the longest first. */
interface Queue {
  readonly client: Client;
  readonly waiting: Set<Waiting>;
  bytes: number;
}

/**
 * Keeps what waits for clients within bounds. Beyond one, what has waited longest is cut off: of the client that is beyond
 * its own bound, or else of the client with the most. So a quick client gets through, however many are slow. A bound of
 * bytes cuts off nothing that is alone.
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
   * Begins to wait for a client.
   * @param cutOff ends it; the wait is over by then.
   */
  begin(client: Client, cutOff: () => void): Wait {
    const queue = this.#queues.get(client.address) ?? { client, waiting: new Set(), bytes: 0 };
    this.#queues.set(client.address, queue);
    const one: Waiting = { bytes: 0, cutOff };
    queue.waiting.add(one);
    this.#count += 1;
    this.#keepCounts(queue);
    return {
      hold: (bytes) => {
        if (!queue.waiting.has(one) || bytes === one.bytes) return;
        this.#bytes += bytes - one.bytes;
        queue.bytes += bytes - one.bytes;
        one.bytes = bytes;
        this.#keepBytes(queue);
      },
      end: () => this.#end(queue, one),
    };
  }

  #end(queue: Queue, one: Waiting): void {
    if (!queue.waiting.delete(one)) return;
    this.#count -= 1;
    this.#bytes -= one.bytes;
    queue.bytes -= one.bytes;
    if (queue.waiting.size === 0) this.#queues.delete(queue.client.address);
  }

  #keepCounts(queue: Queue): void {
    const { maxCount, maxCountPerClient } = this.#bounds;
    if (!queue.client.isProxy && queue.waiting.size > maxCountPerClient) this.#cutOffFirst(queue, () => true);
    if (this.#count > maxCount)
      this.#cutOffFirst(
        this.#longest(({ waiting }) => waiting.size),
        () => true,
      );
  }

  #keepBytes(queue: Queue): void {
    const { maxBytes, maxBytesPerClient } = this.#bounds;
    const holdsBytes = ({ bytes }: Waiting) => bytes > 0;
    while (!queue.client.isProxy && queue.bytes > maxBytesPerClient && queue.waiting.size > 1)
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
    if (!queue) return;
    for (const one of queue.waiting) {
      if (!isMeant(one)) continue;
      this.#end(queue, one);
      one.cutOff();
      return;
    }
  }
}
