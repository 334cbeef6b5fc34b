import type { EngagementType } from '../engagement/input.ts';
import { type EngagementPage, readEngagements } from '../engagement/read.ts';
import type { EngagementRecord } from '../engagement/record.ts';
import { summarize, summaryFields } from '../engagement/resources.ts';
import { type ExitCode, exitCodeOf, exitCodes, isForPeople, tokenRefused } from './output.ts';
import { sendPatiently } from './patience.ts';
import { type Session, withSession } from './session.ts';
import { createTable, minuteOf } from './table.ts';

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
      code = Math.max(code, printPage(page.records.slice(0, left))) as ExitCode;
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

type PrintPage = (records: EngagementPage['records']) => ExitCode;

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
  if (isForPeople(options)) {
    const table = createTable(['ID', 'TYPE', 'CREATED', 'SUBJECT'], output);
    return (records) => {
      table.print(records.map(rowOf));
      return exitCodes.done;
    };
  }
  const { account: integratedAccountId } = options;
  return (records) => {
    for (const record of records) {
      const line = { id: record.id, integratedAccountId, ...(isSandbox && { sandbox: true }) };
      output.print(JSON.stringify({ ...line, ...summarize(record) }));
    }
    return exitCodes.done;
  };
}

/** A record as a row of the table. */
function rowOf(record: EngagementRecord): readonly string[] {
  const { engagementType, subject, createdAt } = summarize(record);
  return [record.id, engagementType ?? '', createdAt ? minuteOf(new Date(createdAt)) : '', subject ?? ''];
}
