import type { Socket } from 'node:net';

interface Pending {
  readonly bytes: Buffer | undefined;
  isDue: boolean;
}

/** Sends answers in the order of their requests, however many of those came at once and however long each answer takes. */
export class Connection {
  readonly #socket: Socket;
  #pending: Pending[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** @param bytes undefined: reset the connection. */
  send(bytes: Buffer | undefined, delayMs: number): void {
    if (delayMs === 0 && this.#pending.length === 0) {
      this.#write(bytes);
      return;
    }
    const pending = { bytes, isDue: delayMs === 0 };
    this.#pending.push(pending);
    if (delayMs === 0) return;
    setTimeout(() => {
      pending.isDue = true;
      while (this.#pending[0]?.isDue) this.#write(this.#pending.shift()?.bytes);
    }, delayMs);
  }

  #write(bytes: Buffer | undefined): void {
    if (bytes === undefined) this.#socket.resetAndDestroy();
    else if (!this.#socket.destroyed) this.#socket.write(bytes);
  }
}
