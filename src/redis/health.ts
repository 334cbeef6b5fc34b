import type { Log } from '../log/log.ts';
import { faultOf, type RedisFault, withoutCommand } from './fault.ts';

/** How long Redis must be well until a loss is the first again. */
const steadyMs = 60_000;

/** How often a Redis that comes and goes must be found well before it is used again: twice as often after each loss, up to 2 to this. */
const maxDoublings = 5;

/** How long another fault lasts before it is logged too, while the first is not over. */
const changedMs = 10_000;

/** How often a question that Redis refuses, while all is well otherwise, is logged: once for each kind in so long. */
const complaintMs = 60_000;

/**
 * What is known of Redis, and what the log says of it: one line when something is wrong, with what to do, and one when that is over,
 * however long it lasts and whatever is asked meanwhile.
 */
export class RedisHealth {
  readonly #log: Log;
  #isUp = false;
  #isStarting = true;
  #isClosed = false;
  #backSince: number | undefined;
  #losses = 0;
  #goodInARow = 0;
  #fault: RedisFault | undefined;
  #faultSince = 0;
  readonly #told = new Set<string>();
  readonly #complainedAt = new Map<string, number>();
  #lastAdvice = '';

  constructor(log: Log) {
    this.#log = log;
  }

  /** True when the last that was asked was done. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** The moment (by `performance.now()`) when it was used again after it could not be; undefined when that never was. */
  get backSince(): number | undefined {
    return this.#backSince;
  }

  /** Everything that a server needs has just been done. */
  succeed(): void {
    this.#goodInARow += 1;
    if (this.#isUp || this.#isClosed || this.#goodInARow < 2 ** this.#losses) return;
    this.#isUp = true;
    this.#isStarting = false;
    this.#fault = undefined;
    if (this.#told.size > 0) this.#backSince = performance.now();
    this.#told.clear();
    this.#log.info('connected to Redis: limits, repeated deletes and bulk deletes are shared');
  }

  /** Redis cannot be used, or not reached. */
  fail(error: unknown): void {
    if (this.#isClosed) return;
    const fault = faultOf(error);
    const now = performance.now();
    this.#goodInARow = 0;
    if (this.#isUp) {
      const isFirst = this.#backSince === undefined || now - this.#backSince > steadyMs;
      this.#losses = isFirst ? 0 : Math.min(this.#losses + 1, maxDoublings);
      this.#isUp = false;
    }
    if (this.#fault?.kind !== fault.kind) {
      this.#fault = fault;
      this.#faultSince = now;
    }
    const hasLasted = now - this.#faultSince > changedMs && !this.#told.has(fault.kind);
    if (this.#isStarting ? fault.isRefusal : this.#told.size === 0 || hasLasted) this.#tell(fault, error);
  }

  /** The start waits no longer. */
  endStart(error: unknown): void {
    const wasStarting = this.#isStarting;
    this.#isStarting = false;
    if (wasStarting && this.#told.size === 0) this.fail(error);
  }

  /** Redis refused one question, while it does all else. */
  complain(error: unknown): void {
    const { message } = withoutCommand(error);
    const kind = /^[A-Z]+\b/.exec(message)?.[0] ?? 'other';
    const last = this.#complainedAt.get(kind);
    if (last !== undefined && performance.now() - last < complaintMs) return;
    this.#complainedAt.set(kind, performance.now());
    this.#log.error({ reason: message }, 'Redis refused one question of this server, and does all else');
  }

  /** What may be wrong later, of which nothing is seen yet; logged again only when it is something else. */
  advise(advice: readonly string[]): void {
    const text = advice.join(' ');
    if (text !== '' && text !== this.#lastAdvice) this.#log.warn(`Redis may forget what it is to keep. ${text}`);
    this.#lastAdvice = text;
  }

  /** Nothing is logged from now on, and nothing asked. */
  close(): void {
    this.#isClosed = true;
    this.#isUp = false;
  }

  #tell({ kind, what, todo }: RedisFault, error: unknown): void {
    // What ends the start has been waited for.
    this.#isStarting = false;
    this.#told.add(kind);
    this.#log.warn(
      { reason: withoutCommand(error).message, kind },
      `${what}. ${todo} Until then this replica keeps its own share of the limits, and bulk deletes wait.`,
    );
  }
}
