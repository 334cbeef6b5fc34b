import CliTable from 'cli-table3';
import { type ExitCode, exitCodeOf, exitCodes, messageOf, type Output, plain, type ResultKind } from './output.ts';

const noBorders = Object.fromEntries(Object.keys(new CliTable().options.chars).map((name) => [name, '']));
/** The space between two columns, and the least that is shown of the last column, however narrow the terminal is. */
const [gap, minLastWidth] = [2, 20];

type Rows = readonly (readonly string[])[];

function arrange(rows: Rows, colWidths: readonly number[]): InstanceType<typeof CliTable> {
  const style = { 'padding-left': 0, 'padding-right': gap, compact: true };
  const table = new CliTable({ chars: noBorders, style, colWidths: [...colWidths] });
  table.push(...rows.map((row) => [...row]));
  return table;
}

/** How wide the columns are without a cut, with the space after each. A wide character takes two of a terminal's columns. */
function widthsOf(rows: Rows): readonly number[] {
  const table = arrange(rows, []);
  table.toString();
  return table.options.colWidths.map(Number);
}

/**
 * Creates how to print items in parts: as lines of JSON, or for people as rows of a table below one head, or that there are none. Only the
 * last column is cut to the width of the terminal. A column keeps its width from part to part, unless a later part needs more.
 */
export function createTable<Item>(
  output: Output,
  columns: Readonly<Record<string, (item: Item) => string>>,
  lineOf: (item: Item) => object,
): (items: readonly Item[]) => void {
  let widths: readonly number[] = [];
  let isFirst = true;
  return (items) => {
    if (!output.isForPeople) {
      for (const item of items) output.print(JSON.stringify(lineOf(item)));
      return;
    }
    if (items.length === 0) {
      if (isFirst) output.say('There are none.');
      return;
    }
    // As they are printed, so that escapes count too.
    const rows = items.map((item) => Object.values(columns).map((textOf) => output.shown(plain(textOf(item)))));
    const all = isFirst ? [Object.keys(columns), ...rows] : rows;
    isFirst = false;
    const needed = widthsOf(all.map((row) => row.slice(0, -1)));
    widths = needed.map((width, index) => Math.max(width, widths[index] ?? 0));
    const left = (process.stdout.columns || 80) - widths.reduce((sum, width) => sum + width, 0);
    const lines = arrange(all, [...widths, gap + Math.max(left, minLastWidth)]).toString();
    for (const line of lines.split('\n')) output.print(line.trimEnd());
  };
}

/** A time as a column shows it, in UTC: `2026-01-02 03:04`. */
export function minuteOf(time: Date): string {
  return time.toISOString().slice(0, 16).replace('T', ' ');
}

type Page<Item> =
  | {
      readonly kind: 'Page';
      readonly records: readonly Item[];
      readonly nextCursor: string | null;
      readonly isPartial?: boolean;
    }
  | { readonly kind: ResultKind; readonly message?: string };

/** The options of a list. */
export interface ListedPart {
  readonly first: number;
  readonly all?: boolean;
}

const maxPageSize = 100;

/** Prints a list, a page at a time, until it ends or standard output is closed. */
export async function printPages<Item>(
  output: Output,
  { first, all }: ListedPart,
  readPage: (part: { readonly first: number; readonly after: string | null }) => Promise<Page<Item>>,
  print: (items: readonly Item[]) => void,
): Promise<ExitCode> {
  let left = all ? Number.POSITIVE_INFINITY : first;
  const cursors = new Set<string>();
  let code: ExitCode = exitCodes.done;
  for (let after: string | null = null; ; ) {
    const page: Page<Item> = await readPage({ first: Math.min(left, maxPageSize), after });
    if (!('records' in page)) {
      output.say(messageOf(page));
      return exitCodeOf(page.kind);
    }
    print(page.records.slice(0, left));
    if (page.isPartial) {
      output.say('Truto gave only a part of this page.');
      code = exitCodes.notNow;
    }
    left -= page.records.length;
    after = page.nextCursor;
    if (after === null || left <= 0 || output.unread.aborted) return code;
    if (cursors.has(after)) {
      output.say("Truto's list leads back to a page that was read before. It may not be complete.");
      return exitCodes.notNow;
    }
    cursors.add(after);
  }
}
