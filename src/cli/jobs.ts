import { BulkDeletes } from '../bulk/bulk-deletes.ts';
import { type BulkJob, countOutcomes, stateOf } from '../bulk/job.ts';
import { BulkUnavailable } from '../bulk/job-scripts.ts';
import { JobStore } from '../bulk/job-store.ts';
import type { SharedConfig } from '../config/config.ts';
import { createConfirmations } from '../engagement/delete/confirmation.ts';
import { createLog, secretsOf } from '../log/log.ts';
import { connectRedis } from '../redis/shared-memory.ts';
import { type ExitCode, exitCodes, plain, UsageError } from './output.ts';
import { type AccountOptions, findCredential, isAsked, type Session, withSession } from './session.ts';
import { createTable, type ListedPart, minuteOf, printPages } from './table.ts';

const controls = ['pause', 'resume', 'cancel'] as const;

type Control = (typeof controls)[number];

/** The options of `jobs`: with a {@link Control}, the id of the bulk delete to change, instead of a list. */
type JobsOptions = AccountOptions & ListedPart & { readonly [How in Control]?: string };

/** `jobs`: prints the bulk deletes that servers run in an account, newest first; or pauses, resumes or cancels one. */
export async function jobsCommand(options: JobsOptions): Promise<ExitCode> {
  const { config, token } = await findCredential(process.env, options.tokenFile);
  if (!token)
    throw new UsageError(
      'The embedded sandbox of this command has no bulk deletes: a server runs them. Set the token and REDIS_URL of that server.',
    );
  const { shared } = config;
  if (!shared) throw new UsageError('There is no REDIS_URL: set it to that of the server that runs the bulk deletes');
  return withSession(options, (session) => runJobs(session, options, shared));
}

async function runJobs(session: Session, options: JobsOptions, shared: SharedConfig): Promise<ExitCode> {
  const { config, output, ports, patiently } = session;
  const faults: string[] = [];
  const write = (line: string) => void faults.push(String(JSON.parse(line).reason ?? ''));
  const log = createLog({ destination: { write }, secrets: secretsOf(config) });
  const memory = await connectRedis(shared.redisUrl, log, shared.keyPrefix);
  try {
    if (!memory.isReachable) throw new BulkUnavailable(faults.at(-1) || 'no answer');
    const abilities = { upstream: session.upstreamUrl, credential: undefined, keepsUndoFiles: false };
    const bulkDeletes = new BulkDeletes({
      store: new JobStore(memory, abilities, config.requestTimeoutMs),
      findAccountIntegration: ports.findAccountIntegration,
      // This command starts no bulk delete and works on none. Servers poll, so they need no wake.
      ...{ worker: { wake() {} }, seal: undefined },
      confirmations: createConfirmations({ isRequired: true }),
    });
    const print = createTable(output, columns, lineOf);
    const how = controls.find((name) => options[name] !== undefined);
    if (how) return await control(bulkDeletes, session, options, how, print);
    async function readPage(part: { readonly first: number; readonly after: string | null }) {
      const page = await patiently(({ caller, deadlineAt }) =>
        bulkDeletes.list(options.account, part, caller, deadlineAt),
      );
      if (page.kind !== 'Jobs') return page;
      return { kind: 'Page', records: page.items, nextCursor: page.endCursor } as const;
    }
    return await printPages(output, options, readPage, print);
  } catch (error) {
    if (!(error instanceof BulkUnavailable)) throw error;
    output.say(`Redis cannot be used (${error.message}). Check that it runs, and REDIS_URL. Then run the same again.`);
    return exitCodes.notNow;
  } finally {
    await memory.close();
  }
}

/** Pauses, resumes or cancels one bulk delete, and prints it. Asks before a cancel at a terminal. */
async function control(
  bulkDeletes: BulkDeletes,
  { caller, output, terms, confirm }: Session,
  options: JobsOptions,
  how: Control,
  print: (jobs: readonly BulkJob[]) => void,
): Promise<ExitCode> {
  const id = options[how] ?? '';
  const job = await bulkDeletes.find(id, caller, terms().deadlineAt);
  if (job?.input.integratedAccountId !== options.account) {
    output.say(
      `Nothing was changed. The account has no bulk delete ${plain(id)}, or Truto does not show the account to the token now.`,
    );
    return exitCodes.refused;
  }
  const question = `Cancel bulk delete ${id} (${doneOf(job)} done)? It cannot be resumed.`;
  if (how === 'cancel' && isAsked(options) && !(await confirm(question))) {
    output.say('Nothing was changed: you did not confirm it.');
    return exitCodes.notNow;
  }
  const changed = await bulkDeletes.control(job, how);
  print(changed ? [changed] : []);
  return exitCodes.done;
}

const doneOf = ({ done, total }: BulkJob) => `${done}/${total}`;

/** The engagements that `BulkDelete.failures` lists. */
function failedOf(job: BulkJob): number {
  const { FAILED = 0, UNKNOWN = 0 } = countOutcomes(job);
  return FAILED + UNKNOWN;
}

const columns = {
  ID: ({ id }: BulkJob) => id,
  STATE: stateOf,
  DONE: doneOf,
  FAILED: (job: BulkJob) => String(failedOf(job)),
  // Bulk deletes are kept for 30 days, so the year is left out.
  STARTED: ({ createdAt }: BulkJob) => minuteOf(createdAt).slice('2026-'.length),
  REASON: ({ statusReason, input }: BulkJob) => statusReason ?? (input.dryRun ? 'dry run' : ''),
};

function lineOf(job: BulkJob): object {
  const { id, input, total, done, statusReason, callerId: createdBy, createdAt, endedAt } = job;
  const { integratedAccountId, dryRun, snapshot } = input;
  const progress = { state: stateOf(job), total, done, failed: failedOf(job), outcomes: countOutcomes(job) };
  return { id, integratedAccountId, ...progress, statusReason, dryRun, snapshot, createdBy, createdAt, endedAt };
}
