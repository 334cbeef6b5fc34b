import { about, type ExitCode, exitCodeOf, exitCodes, type ResultKind } from './output.ts';

/** The output that the bar is drawn on. */
export interface Terminal {
  readonly isTTY?: boolean;
  /** How wide it is; undefined or 0 when that is not known. */
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** How wide the bar is where the line has room for it, and the least at which it is drawn. */
const [maxBarWidth, minBarWidth] = [30, 5];

/** Drawing for each of thousands of deletes would cost more than the deletes. */
const drawEveryMs = 100;

/** How often the bar is drawn while nothing ends: the wait for a limit is counted down. */
const redrawEveryMs = 1_000;

/** The least wait for a limit that the bar shows. */
const minWaitMs = 1_000;

/** Counts how many deletes or restores end, and draws a bar on a terminal. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #total: number;
  readonly #sharesTerminal: boolean;
  readonly #verb: string;
  readonly #startMs = performance.now();
  readonly #counts = new Map<ResultKind, number>();
  readonly #plannedMs: number;
  readonly #redraw: NodeJS.Timeout | undefined;
  #done = 0;
  #waitsUntilMs = Number.NEGATIVE_INFINITY;
  #drawnMs = Number.NEGATIVE_INFINITY;

  /**
   * @param plannedMs how long the rate limits make it take at least.
   * @param sharesTerminal true when the results are printed on the same terminal, above the bar.
   * @param verb what is done.
   */
  constructor(terminal: Terminal, total: number, plannedMs = 0, sharesTerminal = false, verb = 'deleted') {
    this.#verb = verb;
    this.#terminal = terminal;
    this.#total = total;
    this.#plannedMs = plannedMs;
    this.#sharesTerminal = sharesTerminal;
    this.#draw();
    if (this.#isDrawn) this.#redraw = setInterval(() => this.#draw(), redrawEveryMs).unref();
  }

  /** Shows that requests wait for a rate limit, until another delete ends or the wait is over. */
  wait(waitMs: number): void {
    if (waitMs < minWaitMs) return;
    this.#waitsUntilMs = performance.now() + waitMs;
    this.#draw();
  }

  /** Removes the bar from the line where a result is to be printed. */
  makeRoom(): void {
    if (!this.#sharesTerminal || !this.#isDrawn) return;
    this.#terminal.write('\r\x1b[K');
    this.#drawnMs = Number.NEGATIVE_INFINITY;
  }

  /** Counts one more delete. */
  count(kind: ResultKind): void {
    this.#done += 1;
    this.#waitsUntilMs = Number.NEGATIVE_INFINITY;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (performance.now() - this.#drawnMs >= drawEveryMs || this.#done === this.#total) this.#draw();
  }

  /** Leaves the bar as it is. Returns one line with the number of each result. `what` is what they are results of. */
  end(what = 'ids'): string {
    clearInterval(this.#redraw);
    if (this.#isDrawn) this.#terminal.write('\n');
    const parts = [...this.#counts].sort().map(([kind, count]) => `${kind} ${count}`);
    return `${this.#done} of ${this.#total} ${what}${parts.length > 0 ? `: ${parts.join(', ')}` : ''}`;
  }

  get #isDrawn(): boolean {
    return this.#terminal.isTTY === true && this.#total > 0;
  }

  #draw(): void {
    if (!this.#isDrawn) return;
    this.#drawnMs = performance.now();
    const elapsedMs = this.#drawnMs - this.#startMs;
    const rate = elapsedMs > 0 ? ((1_000 * this.#done) / elapsedMs).toFixed(1) : '0.0';
    const countOf = (code: ExitCode) =>
      [...this.#counts].reduce((sum, [kind, count]) => sum + (exitCodeOf(kind) === code ? count : 0), 0);
    const unknown = countOf(exitCodes.unknown);
    const failed = this.#done - countOf(exitCodes.done) - unknown;
    const problems = `${failed > 0 ? `, ${failed} not ${this.#verb}` : ''}${unknown > 0 ? `, ${unknown} unknown` : ''}`;
    const outlook = this.#outlook(elapsedMs);
    const text = `${this.#done}/${this.#total}, ${rate} a second${problems}${outlook}`;
    // A terminal would wrap a longer line, and the next drawing would clear only its end.
    const columns = this.#terminal.columns || Number.POSITIVE_INFINITY;
    const line = (this.#bar(columns - text.length - '[] '.length - 1) + text).slice(0, columns - 1);
    this.#terminal.write(`\r\x1b[K${line}`);
  }

  #bar(room: number): string {
    const width = Math.min(room, maxBarWidth);
    if (width < minBarWidth) return '';
    return `[${'#'.repeat(Math.floor((this.#done / this.#total) * width)).padEnd(width, '-')}] `;
  }

  /** How long it will take: as the limits allow, or as it has gone so far if that is slower. And what it waits for. */
  #outlook(elapsedMs: number): string {
    const left = this.#total - this.#done;
    if (left === 0) return '';
    const soFarMs = this.#done > 0 ? (elapsedMs / this.#done) * left : 0;
    const leftMs = Math.max(this.#plannedMs - elapsedMs, soFarMs);
    const waitMs = this.#waitsUntilMs - performance.now();
    const wait = waitMs > 0 ? `, waiting for Truto's limit, ${about(waitMs)}` : '';
    return `${leftMs > 0 ? `, ${about(leftMs)} left` : ''}${wait}`;
  }
}
