import { BulkDeletes } from '../bulk/bulk-deletes.ts';
import { type BulkJob, countOutcomes, stateOf } from '../bulk/job.ts';
import { BulkUnavailable } from '../bulk/job-scripts.ts';
import { JobStore } from '../bulk/job-store.ts';
import { leaseMsFor } from '../bulk/task-queue.ts';
import type { SharedConfig } from '../config/config.ts';
import { createConfirmations } from '../engagement/delete/confirmation.ts';
import { createLog, secretsOf } from '../log/log.ts';
import { connectRedis } from '../redis/shared-memory.ts';
import { canAsk, confirm } from './delete.ts';
import { type ExitCode, exitCodeOf, exitCodes, isForPeople, plain, tokenRefused, UsageError } from './output.ts';
import { sendPatiently } from './patience.ts';
import { findCredential, type Session, withSession } from './session.ts';
import { createTable, minuteOf } from './table.ts';

/** The options of `jobs`. */
export interface JobsOptions {
  readonly account: string;
  readonly first: number;
  readonly all?: boolean;
  /** The id of the bulk delete to pause, resume or cancel, instead of a list. */
  readonly pause?: string;
  readonly resume?: string;
  readonly cancel?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
  readonly patience: number;
  readonly tokenFile?: string;
}

/** The most that are read at once. */
const maxPageSize = 100;

/**
 * `jobs`: prints the bulk deletes that servers run in an account, newest first; or pauses, resumes or cancels one.
 * @throws {ConfigError} or {@link UsageError} before anything is sent.
 */
export async function jobsCommand(options: JobsOptions): Promise<ExitCode> {
  const { config, token } = await findCredential(process.env, options.tokenFile);
  if (!token)
    throw new UsageError(
      'The embedded sandbox of this command has no bulk deletes: a server runs them. Set the token and REDIS_URL of that server.',
    );
  const { shared } = config;
  if (!shared) throw new UsageError('There is no REDIS_URL: set it to that of the server that runs the bulk deletes');
  return withSession(options.tokenFile, (session) => runJobs(session, options, shared));
}

async function runJobs(session: Session, options: JobsOptions, shared: SharedConfig): Promise<ExitCode> {
  const { config, output, ports } = session;
  const faults: string[] = [];
  const write = (line: string) => void faults.push(String(JSON.parse(line).reason ?? ''));
  const log = createLog({ destination: { write }, secrets: secretsOf(config) });
  const memory = await connectRedis(shared.redisUrl, log, shared.keyPrefix);
  try {
    if (!memory.isReachable) throw new BulkUnavailable(faults.at(-1) || 'no answer');
    const bulkDeletes = new BulkDeletes({
      store: new JobStore(memory, leaseMsFor(config.requestTimeoutMs)),
      findAccountIntegration: ports.findAccountIntegration,
      // This command starts no bulk delete and works on none. Servers poll, so they need no wake.
      ...{ worker: { wake() {} }, seal: undefined },
      confirmations: createConfirmations({ isRequired: true }),
      abilities: { upstream: session.upstreamUrl, credential: undefined, keepsUndoFiles: false },
    });
    const how = (['pause', 'resume', 'cancel'] as const).find((name) => options[name] !== undefined);
    return await (how ? control(bulkDeletes, session, options, how) : list(bulkDeletes, session, options));
  } catch (error) {
    if (!(error instanceof BulkUnavailable)) throw error;
    output.say(`Redis cannot be used (${error.message}). Check that it runs, and REDIS_URL. Then run the same again.`);
    return exitCodes.notNow;
  } finally {
    await memory.close();
  }
}

async function list(bulkDeletes: BulkDeletes, session: Session, options: JobsOptions): Promise<ExitCode> {
  const { output } = session;
  const print = printerOf(session, options);
  let left = options.all ? Number.POSITIVE_INFINITY : options.first;
  for (let after: string | null = null; ; ) {
    const page = await readPage(bulkDeletes, session, options, { first: Math.min(left, maxPageSize), after });
    if (page.kind !== 'Jobs') {
      output.say(page.kind === 'Unauthenticated' ? tokenRefused : page.message);
      return exitCodeOf(page.kind);
    }
    print(page.items);
    left -= page.items.length;
    after = page.endCursor;
    if (after === null || left <= 0 || output.unread.aborted) return exitCodes.done;
  }
}

function readPage(
  bulkDeletes: BulkDeletes,
  { caller, config, output, onLimit, onRetry }: Session,
  { account, patience: seconds }: JobsOptions,
  page: { readonly first: number; readonly after: string | null },
) {
  return sendPatiently(() => bulkDeletes.list(account, page, caller, performance.now() + config.requestTimeoutMs), {
    seconds,
    stop: output.unread,
    onLimit,
    onRetry,
  });
}

/** Pauses, resumes or cancels one bulk delete, and prints it. Asks before a cancel at a terminal. */
async function control(
  bulkDeletes: BulkDeletes,
  session: Session,
  options: JobsOptions,
  how: 'pause' | 'resume' | 'cancel',
): Promise<ExitCode> {
  const { caller, config, output } = session;
  const id = options[how] ?? '';
  const job = await bulkDeletes.find(id, caller, performance.now() + config.requestTimeoutMs);
  if (job?.input.integratedAccountId !== options.account) {
    output.say(
      `Nothing was changed. The account has no bulk delete ${plain(id)}, or Truto does not show the account to the token now.`,
    );
    return exitCodes.refused;
  }
  if (how === 'cancel' && canAsk() && !options.yes) {
    const question = `Cancel bulk delete ${id} (${doneOf(job)} done)? It cannot be resumed.`;
    if (!(await confirm(question, output.unread))) {
      output.say('Nothing was changed: you did not confirm it.');
      return exitCodes.notNow;
    }
  }
  const changed = await bulkDeletes.control(job, how);
  printerOf(session, options)(changed ? [changed] : []);
  return exitCodes.done;
}

const doneOf = ({ done, total }: BulkJob) => `${done}/${total}`;

/** The engagements that `BulkDelete.failures` lists. */
function failedOf(job: BulkJob): number {
  const { FAILED = 0, UNKNOWN = 0 } = countOutcomes(job);
  return FAILED + UNKNOWN;
}

function printerOf({ output }: Session, options: JobsOptions): (jobs: readonly BulkJob[]) => void {
  if (isForPeople(options)) {
    const table = createTable(['ID', 'STATE', 'DONE', 'FAILED', 'STARTED', 'REASON'], output);
    return (jobs) => table.print(jobs.map(rowOf));
  }
  return (jobs) => {
    for (const job of jobs) output.print(JSON.stringify(lineOf(job)));
  };
}

/** Bulk deletes are kept for 30 days, so the year is left out. */
function rowOf(job: BulkJob): readonly string[] {
  const reason = job.statusReason ?? (job.input.dryRun ? 'dry run' : '');
  return [
    job.id,
    stateOf(job),
    doneOf(job),
    String(failedOf(job)),
    minuteOf(job.createdAt).slice('2026-'.length),
    reason,
  ];
}

function lineOf(job: BulkJob): object {
  const { id, input, total, done, statusReason, callerId, createdAt, endedAt } = job;
  const { integratedAccountId, dryRun, snapshot } = input;
  const progress = { state: stateOf(job), total, done, failed: failedOf(job), outcomes: countOutcomes(job) };
  return {
    id,
    integratedAccountId,
    ...progress,
    statusReason,
    dryRun,
    snapshot,
    createdBy: callerId,
    createdAt,
    endedAt,
  };
}
