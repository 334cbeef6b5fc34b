import type { End } from './output.ts';

/** The output that the bar is drawn on. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const width = 30;

/** Drawing for each of thousands of deletes would cost more than the deletes. */
const drawEveryMs = 100;

/** Counts how many deletes end, and draws a bar on a terminal. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #total: number;
  readonly #sharesTerminal: boolean;
  readonly #startMs = performance.now();
  readonly #counts = new Map<End['kind'], number>();
  #done = 0;
  #drawnMs = Number.NEGATIVE_INFINITY;

  /** @param sharesTerminal true when the results are printed on the same terminal, above the bar. */
  constructor(terminal: Terminal, total: number, sharesTerminal = false) {
    this.#terminal = terminal;
    this.#total = total;
    this.#sharesTerminal = sharesTerminal;
    this.#draw();
  }

  /** Removes the bar from the line where a result is to be printed. */
  makeRoom(): void {
    if (!this.#sharesTerminal || !this.#isDrawn) return;
    this.#terminal.write('\r\x1b[K');
    this.#drawnMs = Number.NEGATIVE_INFINITY;
  }

  /** Counts one more delete. */
  count(kind: End['kind']): void {
    this.#done += 1;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (performance.now() - this.#drawnMs >= drawEveryMs || this.#done === this.#total) this.#draw();
  }

  /** Leaves the bar as it is. Returns one line with the number of each result. */
  end(): string {
    if (this.#isDrawn) this.#terminal.write('\n');
    const parts = [...this.#counts].sort().map(([kind, count]) => `${kind} ${count}`);
    return `${this.#done} of ${this.#total} ids${parts.length > 0 ? `: ${parts.join(', ')}` : ''}`;
  }

  get #isDrawn(): boolean {
    return this.#terminal.isTTY === true && this.#total > 0;
  }

  #draw(): void {
    if (!this.#isDrawn) return;
    this.#drawnMs = performance.now();
    const filled = Math.floor((this.#done / this.#total) * width);
    const seconds = (this.#drawnMs - this.#startMs) / 1_000;
    const rate = seconds > 0 ? (this.#done / seconds).toFixed(1) : '0.0';
    const bar = '#'.repeat(filled).padEnd(width, '-');
    const count = (kind: End['kind']) => this.#counts.get(kind) ?? 0;
    const unknown = count('OutcomeUnknownError');
    const failed = this.#done - count('DeleteEngagementSuccess') - count('DeleteEngagementPlan') - unknown;
    const problems = `${failed > 0 ? `, ${failed} not deleted` : ''}${unknown > 0 ? `, ${unknown} unknown` : ''}`;
    this.#terminal.write(`\r\x1b[K[${bar}] ${this.#done}/${this.#total}, ${rate} a second${problems}`);
  }
}
