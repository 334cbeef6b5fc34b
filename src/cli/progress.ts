import type { EndKind } from './exit-code.ts';

/** What a bar is drawn on. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const width = 30;

/** Drawing for each of thousands would cost more than deleting them. */
const drawEveryMs = 100;

/** Counts what becomes of many deletes, and draws a bar where a person looks on. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #total: number;
  readonly #startMs = performance.now();
  readonly #counts = new Map<EndKind, number>();
  #done = 0;
  #drawnMs = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal, total: number) {
    this.#terminal = terminal;
    this.#total = total;
    this.#draw();
  }

  /** One more is done. */
  count(kind: EndKind): void {
    this.#done += 1;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (performance.now() - this.#drawnMs >= drawEveryMs || this.#done === this.#total) this.#draw();
  }

  /** Leaves the bar as it is, and says in one line what became of all. */
  end(): string {
    if (this.#terminal.isTTY && this.#total > 0) this.#terminal.write('\n');
    const parts = [...this.#counts].sort().map(([kind, count]) => `${kind} ${count}`);
    return `${this.#done} of ${this.#total} ids${parts.length > 0 ? `: ${parts.join(', ')}` : ''}`;
  }

  #draw(): void {
    if (!this.#terminal.isTTY || this.#total === 0) return;
    this.#drawnMs = performance.now();
    const filled = Math.floor((this.#done / this.#total) * width);
    const seconds = (this.#drawnMs - this.#startMs) / 1_000;
    const rate = seconds > 0 ? (this.#done / seconds).toFixed(1) : '0.0';
    const failed = this.#done - (this.#counts.get('DeleteEngagementSuccess') ?? 0);
    const bar = '#'.repeat(filled).padEnd(width, '-');
    const planned = this.#counts.get('DeleteEngagementPlan') ?? 0;
    const trouble = failed - planned > 0 ? `, ${failed - planned} not deleted` : '';
    this.#terminal.write(`\r\x1b[K[${bar}] ${this.#done}/${this.#total}, ${rate} a second${trouble}`);
  }
}
