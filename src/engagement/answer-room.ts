import { type DeleteEnd, withoutRecord } from './result.ts';

/** How many bodies of `MAX_UPSTREAM_BYTES` fit into one answer. */
const bodiesInAnswer = 8;

/** The approximate number of characters of the value as JSON. */
function jsonLength(value: unknown): number {
  return typeof value === 'string' ? value.length + 2 : (JSON.stringify(value)?.length ?? 0);
}

/**
 * How many characters of upstream's data one operation may still hold, or put into its answer. Writing an answer blocks all other
 * requests, and it stays in memory until its client has read it.
 */
export class AnswerRoom {
  readonly #characters: number;
  #left: number;

  constructor(maxUpstreamBytes: number) {
    this.#characters = bodiesInAnswer * maxUpstreamBytes;
    this.#left = this.#characters;
  }

  /** Takes room for the value. False when there is not enough: then leave the value out. */
  take(value: unknown): boolean {
    const length = jsonLength(value);
    if (length > this.#left) return false;
    this.#left -= length;
    return true;
  }

  /** Takes room for a value that cannot be left out. */
  mustTake(value: unknown): void {
    this.#left -= jsonLength(value);
  }

  /** Frees all room, for another answer of the same operation, such as an event of a subscription. */
  reset(): void {
    this.#left = this.#characters;
  }
}

/** The reason why a value is not in an answer, and what to do. */
export const leftOut = `One answer has room for ${bodiesInAnswer} times MAX_UPSTREAM_BYTES of data from Truto. Select less, or send several operations.`;

/** The result, without its record if the answer has no room for it. */
export function withinRoom<End extends DeleteEnd>(result: End, room: AnswerRoom): End {
  const without = withoutRecord(result, `The record was left out. The result of the delete is unchanged. ${leftOut}`);
  return without === result || room.take(result) ? result : without;
}
