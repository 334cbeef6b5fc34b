import type { EngagementType } from '../engagement/input.ts';
import { readEngagement } from '../engagement/read.ts';
import { plainRecord, wholeSelection } from '../engagement/record.ts';
import { type ExitCode, exitCodeOf, exitCodes, isForPeople, plain, tokenRefused } from './output.ts';
import { sendPatiently } from './patience.ts';
import { withSession } from './session.ts';

/** The options of `get`. */
export interface GetOptions {
  readonly account: string;
  readonly type?: EngagementType;
  readonly json?: boolean;
  readonly patience: number;
  readonly tokenFile?: string;
}

/** `get <id>`: prints one engagement with all of its fields. Its notes are ids. */
export function getCommand(id: string, options: GetOptions): Promise<ExitCode> {
  return withSession(options.tokenFile, async ({ caller, config, ports, output, isSandbox, onLimit, onRetry }) => {
    const { account: integratedAccountId, type: engagementType, patience: seconds } = options;
    const hasCallerLeft = () => output.unread.aborted;
    const found = await sendPatiently(
      () => {
        const deadlineAt = performance.now() + config.requestTimeoutMs;
        const terms = { caller, selected: wholeSelection.fields, deadlineAt, hasCallerLeft };
        return readEngagement({ id, integratedAccountId, engagementType }, terms, ports);
      },
      { seconds, stop: output.unread, onLimit, onRetry },
    );
    const line = { id, integratedAccountId, ...(isSandbox && { sandbox: true }) };
    if (found.kind !== 'Found') {
      const { kind, ...rest } = found;
      const details = kind === 'Unauthenticated' ? { message: tokenRefused } : rest;
      if (isForPeople(options)) output.print(`${plain(id)}  ${kind}: ${details.message}`);
      else output.print(JSON.stringify({ ...line, result: kind, ...details }));
      return exitCodeOf(kind);
    }
    const engagement = plainRecord(found.record);
    if (!isForPeople(options)) output.print(JSON.stringify({ ...line, result: 'Engagement', engagement }));
    else
      for (const [name, value] of Object.entries(engagement))
        if (isShown(name, value)) output.print(rowOf(name, value));
    return exitCodes.done;
  });
}

/** People need not see the provider's own data, which may be pages. */
function isShown(name: string, value: unknown): boolean {
  return name !== 'remote_data' && value !== null && value !== undefined;
}

function rowOf(name: string, value: unknown): string {
  return `${name.padEnd(17)} ${plain(typeof value === 'string' ? value : JSON.stringify(value))}`;
}
