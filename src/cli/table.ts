import CliTable from 'cli-table3';
import { type Output, plain } from './output.ts';

const noBorders = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left']
    .concat(['left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'])
    .map((name) => [name, '']),
);

/** The space between two columns. */
const gap = 2;

/** The least that is shown of the last column, however narrow the terminal is. */
const minLastWidth = 20;

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
 * Creates a table whose rows are printed in parts, below one head. Only the last column is cut to the width of the terminal. A column
 * keeps its width from part to part, unless a later part needs more.
 */
export function createTable(head: readonly string[], output: Pick<Output, 'print' | 'say' | 'shown'>) {
  let widths: readonly number[] = [];
  let isFirst = true;
  return {
    /** Prints rows. The first time, it prints the head before them, or says that there are none. */
    print(given: Rows): void {
      if (given.length === 0) {
        if (isFirst) output.say('There are none.');
        return;
      }
      // As they are printed, so that escapes count too.
      const rows = given.map((row) => row.map((text) => output.shown(plain(text))));
      const all = isFirst ? [head, ...rows] : rows;
      isFirst = false;
      const needed = widthsOf(all.map((row) => row.slice(0, -1)));
      widths = needed.map((width, index) => Math.max(width, widths[index] ?? 0));
      const left = (process.stdout.columns || 80) - widths.reduce((sum, width) => sum + width, 0);
      const lines = arrange(all, [...widths, gap + Math.max(left, minLastWidth)]).toString();
      for (const line of lines.split('\n')) output.print(line.trimEnd());
    },
  };
}

/** A time as a column shows it, in UTC: `2026-01-02 03:04`. */
export function minuteOf(time: Date): string {
  return time.toISOString().slice(0, 16).replace('T', ' ');
}
