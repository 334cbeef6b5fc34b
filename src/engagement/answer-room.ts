/** How many bodies of `MAX_UPSTREAM_BYTES` one answer has room for. */
const bodiesInAnswer = 8;

/** About how many characters of JSON the value has. */
export function jsonLength(value: unknown): number {
  if (typeof value === 'string') return value.length + 2;
  if (Buffer.isBuffer(value)) return Math.ceil(value.length / 3) * 4 + 2;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + 1 + jsonLength(item), 2);
  if (typeof value !== 'object' || value === null) return 8;
  let length = 2;
  for (const [key, item] of Object.entries(value)) length += key.length + 4 + jsonLength(item);
  return length;
}

/**
 * How much of upstream's data one operation may still hold, or put into its answer: an answer is made in one piece, during which
 * nobody else is served, and stays in memory until its client has read it.
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
