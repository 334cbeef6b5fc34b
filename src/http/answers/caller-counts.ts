/** Counts the long answers of one kind that are under way, so that one caller cannot hold all connections. */
export class CallerCounts {
  readonly #maxPerCaller: number;
  readonly #max: number;
  readonly #byCaller = new Map<string, number>();
  #total = 0;

  constructor(maxPerCaller: number, max: number) {
    this.#maxPerCaller = maxPerCaller;
    this.#max = max;
  }

  /** The limit that one more of the caller would exceed: the caller's own, or that of all callers. */
  findExceeded(callerId: string): 'caller' | 'all' | undefined {
    if ((this.#byCaller.get(callerId) ?? 0) >= this.#maxPerCaller) return 'caller';
    return this.#total >= this.#max ? 'all' : undefined;
  }

  /** Counts one of the caller. Returns the function that ends the count; further calls do nothing. */
  begin(callerId: string): () => void {
    this.#add(callerId, 1);
    let hasEnded = false;
    return () => {
      if (!hasEnded) this.#add(callerId, -1);
      hasEnded = true;
    };
  }

  #add(callerId: string, change: 1 | -1): void {
    this.#total += change;
    const ofCaller = (this.#byCaller.get(callerId) ?? 0) + change;
    if (ofCaller > 0) this.#byCaller.set(callerId, ofCaller);
    else this.#byCaller.delete(callerId);
  }
}
