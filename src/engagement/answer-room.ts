/** How many bodies of `MAX_UPSTREAM_BYTES` one answer has room for. */
const bodiesInAnswer = 8;

/** About how many characters the value takes as JSON. */
function jsonLength(value: unknown): number {
  if (typeof value === 'string') return value.length + 2;
  return JSON.stringify(value)?.length ?? 0;
}

/**
 * How much of upstream's data one operation may still hold, or put into its answer: an answer is made in one piece, during which
 * no other request is served, and stays in memory until its client has read it.
 */
export class AnswerRoom {
  readonly #characters: number;
  #left: number;

  constructor(maxUpstreamBytes: number) {
    this.#characters = bodiesInAnswer * maxUpstreamBytes;
    this.#left = this.#characters;
  }

  /** Takes room for the value. False when there is not enough: then none is taken, and the value has to be left out. */
  take(value: unknown): boolean {
    const length = jsonLength(value);
    if (length > this.#left) return false;
    this.#left -= length;
    return true;
  }

  /** Takes room for a value that must not be left out. */
  mustTake(value: unknown): void {
    this.#left -= jsonLength(value);
  }

  /** Begins anew: another answer of the same operation, as each event of a subscription is. */
  empty(): void {
    this.#left = this.#characters;
  }
}

/** Why a value is not in an answer, and what to do. */
export const leftOut = `One answer has room for ${bodiesInAnswer} times MAX_UPSTREAM_BYTES of upstream's data. Select less, or send several operations.`;
