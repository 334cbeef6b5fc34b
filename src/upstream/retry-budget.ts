/** How many calls earn one retry. */
const callsPerRetry = 10;

/** What a server with hardly any calls may still retry: one a second, and so many at once. */
const freePerSecond = 1;
const freeAtOnce = 10;

/** The most that is saved up: what the last thousand calls have earned. */
const maxSaved = 100;

/**
 * Keeps retries under 10 % of recent calls, plus one a second, so that an outage never multiplies what upstream has to
 * take. One for the whole process.
 */
export class RetryBudget {
  #earned = 0;
  #free = freeAtOnce;
  #refilledAt: number;

  constructor(nowMs: number) {
    this.#refilledAt = nowMs;
  }

  /** Counts one call, however often it will be attempted. */
  countCall(): void {
    this.#earned = Math.min(maxSaved, this.#earned + 1 / callsPerRetry);
  }

  /** Takes one retry out of the budget; false when there is none left. */
  take(nowMs: number): boolean {
    this.#free = Math.min(freeAtOnce, this.#free + (Math.max(0, nowMs - this.#refilledAt) / 1000) * freePerSecond);
    this.#refilledAt = nowMs;
    if (this.#earned >= 1) {
      this.#earned -= 1;
      return true;
    }
    if (this.#free < 1) return false;
    this.#free -= 1;
    return true;
  }
}
