import { setImmediate as nextTurn } from 'node:timers/promises';
import { about, type ExitCode, exitCodeOf, exitCodes, type ResultKind, worst } from './output.ts';
import type { Session } from './session.ts';

/** The output that the bar is drawn on. `columns` is undefined or 0 when its width is not known. */
interface Terminal {
  readonly isTTY?: boolean;
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

/** Counts ends, and draws a bar on a terminal. The limits make it take `plannedMs` at least. `sharesTerminal`: results are printed above it. */
export function createProgress(
  terminal: Terminal,
  total: number,
  { plannedMs = 0, sharesTerminal = false, verb = 'deleted', what = 'ids' } = {},
) {
  const startMs = performance.now();
  const counts = new Map<ResultKind, number>();
  const isDrawn = terminal.isTTY === true && total > 0;
  let done = 0;
  let waitsUntilMs = Number.NEGATIVE_INFINITY;
  let drawnMs = Number.NEGATIVE_INFINITY;

  function draw(): void {
    if (!isDrawn) return;
    drawnMs = performance.now();
    const elapsedMs = drawnMs - startMs;
    const rate = elapsedMs > 0 ? ((1_000 * done) / elapsedMs).toFixed(1) : '0.0';
    const countOf = (code: ExitCode) =>
      [...counts].reduce((sum, [kind, count]) => sum + (exitCodeOf(kind) === code ? count : 0), 0);
    const unknown = countOf(exitCodes.unknown);
    const failed = done - countOf(exitCodes.done) - unknown;
    const problems = `${failed > 0 ? `, ${failed} not ${verb}` : ''}${unknown > 0 ? `, ${unknown} unknown` : ''}`;
    const text = `${done}/${total}, ${rate} a second${problems}${outlook(elapsedMs)}`;
    // A terminal would wrap a longer line, and the next drawing would clear only its end.
    const columns = terminal.columns || Number.POSITIVE_INFINITY;
    terminal.write(`\r\x1b[K${(bar(columns - text.length - '[] '.length - 1) + text).slice(0, columns - 1)}`);
  }

  function bar(room: number): string {
    const width = Math.min(room, maxBarWidth);
    return width < minBarWidth ? '' : `[${'#'.repeat(Math.floor((done / total) * width)).padEnd(width, '-')}] `;
  }

  /** How long it will take: as the limits allow, or as it has gone so far if that is slower. And what it waits for. */
  function outlook(elapsedMs: number): string {
    const left = total - done;
    if (left === 0) return '';
    const leftMs = Math.max(plannedMs - elapsedMs, done > 0 ? (elapsedMs / done) * left : 0);
    const waitMs = waitsUntilMs - performance.now();
    const wait = waitMs > 0 ? `, waiting for Truto's limit, ${about(waitMs)}` : '';
    return `${leftMs > 0 ? `, ${about(leftMs)} left` : ''}${wait}`;
  }

  draw();
  const redraw = isDrawn ? setInterval(draw, redrawEveryMs).unref() : undefined;
  return {
    /** Shows that requests wait for a rate limit, until another delete ends or the wait is over. */
    wait(waitMs: number): void {
      if (waitMs < minWaitMs) return;
      waitsUntilMs = performance.now() + waitMs;
      draw();
    },
    /** Counts one more end. `print` prints its result, above the bar. */
    count(kind: ResultKind, print = () => {}): void {
      if (sharesTerminal && isDrawn) {
        terminal.write('\r\x1b[K');
        drawnMs = Number.NEGATIVE_INFINITY;
      }
      print();
      done += 1;
      waitsUntilMs = Number.NEGATIVE_INFINITY;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      if (performance.now() - drawnMs >= drawEveryMs || done === total) draw();
    },
    /** Leaves the bar as it is. Returns one line with the number of each result. */
    end(): string {
      clearInterval(redraw);
      if (isDrawn) terminal.write('\n');
      const parts = [...counts].sort().map(([kind, count]) => `${kind} ${count}`);
      return `${done} of ${total} ${what}${parts.length > 0 ? `: ${parts.join(', ')}` : ''}`;
    },
  };
}

/** Works on items, `most` at once, with a bar on standard error. Reports each end, and returns the highest code of the reports. */
export async function runEach<Item, End extends { readonly kind: ResultKind }>(
  items: readonly Item[],
  { most, ...shown }: { most: number; plannedMs?: number; verb?: string; what?: string },
  { output, showWaits }: Session,
  work: (item: Item) => Promise<End>,
  report: (item: Item, end: End) => ExitCode,
): Promise<ExitCode> {
  const progress = createProgress(process.stderr, items.length, { ...shown, sharesTerminal: process.stdout.isTTY });
  if (process.stderr.isTTY) showWaits(progress.wait);
  const waiting = items.values();
  let code: ExitCode = exitCodes.done;
  async function workInTurn(): Promise<void> {
    for (const item of waiting) {
      // Work that sends nothing would end without a pause, and no signal or answer would be read.
      await nextTurn();
      const end = await work(item);
      progress.count(end.kind, () => {
        code = worst(code, report(item, end));
      });
    }
  }
  try {
    await Promise.all(Array.from({ length: most }, workInTurn));
  } finally {
    output.say(progress.end());
  }
  return code;
}
