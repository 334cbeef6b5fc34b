import Table from 'cli-table3';
import type { EngagementType } from '../engagement/input.ts';
import { type EngagementPage, readEngagements } from '../engagement/read.ts';
import type { EngagementRecord } from '../engagement/record.ts';
import { summarize, summaryFields } from '../engagement/resources.ts';
import { type ExitCode, exitCodeOf, exitCodes, isForPeople, plain, tokenRefused } from './output.ts';
import { sendPatiently } from './patience.ts';
import { type Session, withSession } from './session.ts';

/** The options of `list`. */
export interface ListOptions {
  readonly account: string;
  readonly first: number;
  readonly all?: boolean;
  readonly type?: EngagementType;
  readonly ids?: boolean;
  readonly json?: boolean;
  readonly patience: number;
  readonly tokenFile?: string;
}

/** The most that upstream lists on one page. */
const maxPageSize = 100;

/** `list`: prints engagements of an account, a page at a time: as a table, as lines of JSON, or as ids. */
export function listCommand(options: ListOptions): Promise<ExitCode> {
  return withSession(options.tokenFile, async (session) => {
    const { output } = session;
    const printPage = printerOf(session, options);
    let left = options.all ? Number.POSITIVE_INFINITY : options.first;
    let code: ExitCode = exitCodes.done;
    const cursors = new Set<string>();
    for (let after: string | null = null; ; ) {
      const page = await readPage(session, options, after, Math.min(left, maxPageSize));
      if (page.kind !== 'Page') {
        output.say(page.kind === 'Unauthenticated' ? tokenRefused : page.message);
        return exitCodeOf(page.kind);
      }
      code = Math.max(code, printPage(page.records.slice(0, left), after === null)) as ExitCode;
      if (page.isPartial) output.say('Truto gave only a part of this page.');
      left -= page.records.length;
      after = page.nextCursor;
      if (after === null || left <= 0 || output.unread.aborted) return code;
      if (cursors.has(after)) {
        output.say("Truto's list leads back to a page that was read before. It may not be complete.");
        return exitCodes.notNow;
      }
      cursors.add(after);
    }
  });
}

function readPage(session: Session, options: ListOptions, after: string | null, first: number) {
  const { caller, config, ports, output, onLimit, onRetry } = session;
  const { account: integratedAccountId, type: engagementType, patience: seconds } = options;
  return sendPatiently(
    () => {
      const deadlineAt = performance.now() + config.requestTimeoutMs;
      const terms = { caller, selected: summaryFields, deadlineAt, hasCallerLeft: () => output.unread.aborted };
      return readEngagements({ integratedAccountId, first, after, filter: { engagementType } }, terms, ports);
    },
    { seconds, stop: output.unread, onLimit, onRetry },
  );
}

type PrintPage = (records: EngagementPage['records'], isFirst: boolean) => ExitCode;

function printerOf({ output, isSandbox }: Session, options: ListOptions): PrintPage {
  if (options.ids)
    return (records) => {
      // `bulk` must read each line as the same id.
      const isSafe = ({ id }: EngagementRecord) =>
        output.shown(id) === id && id.trim() === id && id.isWellFormed() && !/\p{Cc}/u.test(id);
      for (const record of records) {
        if (isSafe(record)) output.print(record.id);
        else output.say(`An id was left out, since a line cannot hold it: ${JSON.stringify(record.id)}. Use --json.`);
      }
      return records.every(isSafe) ? exitCodes.done : exitCodes.refused;
    };
  if (isForPeople(options))
    return (records, isFirst) => {
      if (isFirst && records.length === 0) output.say('There are none.');
      else for (const row of tableRows(records, isFirst, process.stdout.columns || 80, output.shown)) output.print(row);
      return exitCodes.done;
    };
  const { account: integratedAccountId } = options;
  return (records) => {
    for (const record of records) {
      const line = { id: record.id, integratedAccountId, ...(isSandbox && { sandbox: true }) };
      output.print(JSON.stringify({ ...line, ...summarize(record) }));
    }
    return exitCodes.done;
  };
}

const noBorders = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left']
    .concat(['left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'])
    .map((name) => [name, '']),
);

/** The space between two columns. */
const gap = 2;

/** The least that is shown of a subject, however narrow the terminal is. */
const minSubjectWidth = 20;

function createTable(rows: readonly (readonly string[])[], colWidths: number[]): InstanceType<typeof Table> {
  const style = { 'padding-left': 0, 'padding-right': gap, compact: true };
  const table = new Table({ chars: noBorders, style, colWidths });
  table.push(...rows.map((row) => [...row]));
  return table;
}

/** How wide the columns are without a cut, with the space after each. A wide character takes two of a terminal's columns. */
function widthsOf(rows: readonly (readonly string[])[]): readonly number[] {
  const table = createTable(rows, []);
  table.toString();
  return table.options.colWidths.map(Number);
}

/** The records in columns. Only a subject is cut to the width of the terminal. */
function tableRows(
  records: readonly EngagementRecord[],
  hasHead: boolean,
  columns: number,
  shown: (text: string) => string,
): readonly string[] {
  const rows = records.map((record) => {
    const { engagementType, subject, createdAt } = summarize(record);
    const created = createdAt ? new Date(createdAt).toISOString().slice(0, 16).replace('T', ' ') : '';
    // As they are printed, so that escapes count too.
    return [record.id, engagementType ?? '', created, subject ?? ''].map((text) => shown(plain(text)));
  });
  const all = hasHead ? [['ID', 'TYPE', 'CREATED', 'SUBJECT'], ...rows] : rows;
  const widths = widthsOf(all.map((row) => row.slice(0, 3)));
  const left = columns - widths.reduce((sum, width) => sum + width, 0);
  return createTable(all, [...widths, gap + Math.max(left, minSubjectWidth)])
    .toString()
    .split('\n')
    .map((row) => row.trimEnd());
}
