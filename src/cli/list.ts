import { readEngagement, readEngagements } from '../engagement/read.ts';
import { type EngagementRecord, plainRecord, wholeSelection } from '../engagement/record.ts';
import { summarize, summaryFields } from '../engagement/resources.ts';
import { type ExitCode, exitCodeOf, exitCodes, messageOf, type Output, plain, worst } from './output.ts';
import { type AccountOptions, withSession } from './session.ts';
import { createTable, type ListedPart, minuteOf, printPages } from './table.ts';

type Row = { readonly id: string } & ReturnType<typeof summarize>;

const columns = {
  ID: ({ id }: Row) => id,
  TYPE: ({ engagementType }: Row) => engagementType ?? '',
  CREATED: ({ createdAt }: Row) => (createdAt ? minuteOf(new Date(createdAt)) : ''),
  SUBJECT: ({ subject }: Row) => subject ?? '',
};

/** `list`: prints engagements of an account, a page at a time: as a table, as lines of JSON, or as ids. */
export function listCommand(options: AccountOptions & ListedPart & { readonly ids?: boolean }): Promise<ExitCode> {
  const { account: integratedAccountId, type: engagementType } = options;
  return withSession(options, async ({ output, patiently, ports, lineOf }) => {
    let code: ExitCode = exitCodes.done;
    const printRows = createTable(output, columns, (row) => ({ ...lineOf(row.id, integratedAccountId), ...row }));
    function print(records: readonly EngagementRecord[]): void {
      if (!options.ids) printRows(records.map((record) => ({ id: record.id, ...summarize(record) })));
      else for (const { id } of records) if (!printId(id, output)) code = exitCodes.refused;
    }
    const readPage = (part: { readonly first: number; readonly after: string | null }) =>
      patiently((now) => {
        const input = { integratedAccountId, ...part, filter: { engagementType } };
        return readEngagements(input, { ...now, selected: summaryFields }, ports);
      });
    const end = await printPages(output, options, readPage, print);
    return worst(end, code);
  });
}

/** Prints an id if `bulk` reads the line as the same id. Else says that it is left out, and returns false. */
function printId(id: string, { shown, print, say }: Output): boolean {
  const isSafe = shown(id) === id && id.trim() === id && id.isWellFormed() && !/\p{Cc}/u.test(id);
  if (isSafe) print(id);
  else say(`An id was left out, since a line cannot hold it: ${JSON.stringify(id)}. Use --json.`);
  return isSafe;
}

/** `get <id>`: prints one engagement with all of its fields. Its notes are ids. */
export function getCommand(id: string, options: AccountOptions): Promise<ExitCode> {
  const { account: integratedAccountId, type: engagementType } = options;
  return withSession(options, async ({ output, patiently, ports, lineOf }) => {
    const key = { id, integratedAccountId, engagementType };
    const found = await patiently((now) => readEngagement(key, { ...now, selected: wholeSelection.fields }, ports));
    const line = lineOf(id, integratedAccountId);
    if (found.kind !== 'Found') {
      const { kind, ...rest } = found;
      const message = messageOf(found);
      output.report([`${plain(id)}  ${kind}: ${message}`], { ...line, result: kind, ...rest, message });
      return exitCodeOf(kind);
    }
    const engagement = plainRecord(found.record);
    // People need not see the provider's own data, which may be pages.
    const rows = Object.entries(engagement).filter(([name, value]) => name !== 'remote_data' && value != null);
    output.report(rows.map(rowOf), { ...line, result: 'Engagement', engagement });
    return exitCodes.done;
  });
}

function rowOf([name, value]: [string, unknown]): string {
  return `${name.padEnd(17)} ${plain(typeof value === 'string' ? value : JSON.stringify(value))}`;
}
