import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller, FindAccountIntegration } from '../engagement/account.ts';
import type { DeletedEvents } from '../engagement/known-deletes.ts';
import { readEngagements } from '../engagement/read.ts';
import { type DeleteEngagementError, engagementErrors } from '../engagement/result.ts';
import type { AuditEvent, Verb } from '../engagement/write.ts';
import type { Log } from '../log/log.ts';
import type { LimitedBy, Send } from '../upstream/attempt.ts';
import { type BulkJob, loggedId } from './job.ts';
import type { JobStore } from './job-store.ts';
import type { Pace } from './pace.ts';
import type { UndoStore } from './undo-store.ts';

/** What a line of the log has in addition, if a job did it. */
type JobDetail = 'bulkDeleteId' | 'bulkRestoreId' | 'restoredEngagementId';

/** The services that a worker needs. */
export interface WorkPorts {
  readonly store: JobStore;
  /** Yields to interactive requests. */
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
  /** Undefined without `UNDO_STORE`. */
  readonly undoStore: UndoStore | undefined;
  /** The caller of the job's requests; undefined when this server keeps no tokens. @throws when the token cannot be opened. */
  readonly callerOf: (job: BulkJob) => Promise<Caller | undefined>;
  readonly recordEnd: (verb: Verb, event: AuditEvent & Partial<Record<JobDetail, string>>) => void;
  /** Truto's events, which settle unknown outcomes; undefined when this server gets none. */
  readonly deletedEvents?: DeletedEvents | undefined;
  readonly paceOf: (limitedBy: LimitedBy) => Pace;
  readonly requestTimeoutMs: number;
  /** True when so many tasks run in this process that none of them may wait for a limit: other accounts have their turn. */
  readonly isCrowded: () => boolean;
  /** True once this process drains: then no further delete is begun. */
  readonly isStopping: () => boolean;
  readonly log: Log;
}

/** The work on a job, with its caller. */
export type JobWork = WorkPorts & { readonly job: BulkJob; readonly caller: Caller };

/** How the work on a task ended: it is `done`, or due again after so many milliseconds. `isFree`: the job's next page may start meanwhile. */
export type WorkEnd = 'done' | { readonly afterMs: number; readonly isFree?: true };

/** Fails a job that cannot continue. @param why a sentence for callers. */
export async function fail(job: BulkJob, why: string, { store }: Pick<WorkPorts, 'store'>): Promise<WorkEnd> {
  await store.stop(job, 'fail', why);
  // It has not failed if a caller has just resumed it.
  return { afterMs: 0 };
}

/** How often a paused job is checked, in milliseconds. */
export const pausedLookMs = 2_000;

/** How long to wait before a retry, in milliseconds: doubled each time, up to a minute. */
export const backoffMs = (waits: number): number => Math.min(60_000, 1_000 * 2 ** Math.min(waits, 6));

/** How long to wait before the next read of an item, in milliseconds: doubled each time. With 10 s for a request, twelve take some minutes. */
export function lookPauseMs(looks: number, { requestTimeoutMs }: Pick<WorkPorts, 'requestTimeoutMs'>): number {
  return Math.min(3 * requestTimeoutMs, (requestTimeoutMs / 10) * 2 ** Math.min(looks, 6));
}

const redisPauseMs = 250;

/** Asks Redis again until it answers, or this process stops. @throws the last error then. */
export async function retryUntilAnswered<Answer>(ask: () => Promise<Answer>, isStopping: () => boolean) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (isStopping()) throw error;
      await sleep(redisPauseMs);
    }
  }
}

/** The bounds of one request. */
export function requestBounds({ requestTimeoutMs, isStopping }: WorkPorts) {
  return { deadlineAt: performance.now() + requestTimeoutMs, hasCallerLeft: isStopping };
}

/** Opens the job's token. Undefined when this server keeps no tokens; also when the token cannot be opened, and then the job is paused. */
export async function openCaller(job: BulkJob, { callerOf, store, log }: WorkPorts): Promise<Caller | undefined> {
  try {
    return await callerOf(job);
  } catch (err) {
    log.error({ err, ...loggedId(job) }, 'the stored token of a bulk delete or restore cannot be opened');
    const why = 'The stored token can no longer be opened. Nothing more is sent. Start another.';
    await store.stop(job, 'TOKEN_UNREADABLE', why);
    return undefined;
  }
}

/** Why a bulk delete cannot continue now: it is paused, upstream fails, or a rate limit requires a wait in milliseconds. */
export type Obstacle = 'paused' | 'outage' | { readonly afterMs: number };

/** The shortest and the longest wait for a rate limit, and the wait when its end is unknown. */
const minWaitMs = 250;
const maxWaitMs = 60_000;
const unknownWaitMs = 1_000;

/** How long to wait after a refusal by a rate limit, in milliseconds. */
export function limitWaitMs({ retryAfterMs }: { readonly retryAfterMs: number | null }): number {
  return Math.min(Math.max(retryAfterMs ?? unknownWaitMs, minWaitMs), maxWaitMs);
}

const tokenRefused = 'Truto no longer accepts the token of its start. Nothing further is sent. Start another.';

/** Removes "Try again." from a message: a bulk delete retries by itself. */
export const withoutAdvice = (message: string): string => message.replace(/ Try again\.(?= |$)/, '');

/** What a refusal means for the job, which it pauses if a person must fix something. Undefined when it is only about this engagement. */
export async function findObstacle(
  said: DeleteEngagementError | { readonly kind: 'Unauthenticated' },
  work: JobWork,
): Promise<Obstacle | undefined> {
  const { job, caller, store, isStopping, findAccountIntegration } = work;
  switch (said.kind) {
    case 'RateLimitedError':
      return { afterMs: limitWaitMs(said) };
    case 'UpstreamUnavailableError':
      if (!isStopping()) await store.note(job.id, `${withoutAdvice(said.message)} It is retried automatically.`);
      return 'outage';
    case 'Unauthenticated':
      await store.stop(job, 'UNAUTHENTICATED', tokenRefused);
      return 'paused';
    case 'NotFoundError': {
      if (said.accountFound) return undefined;
      // Truto answers 404 for a missing account too. Until the account was checked, nothing counts as NOT_FOUND.
      const { deadlineAt } = requestBounds(work);
      const { refusal } = await findAccountIntegration(caller, job.input.integratedAccountId, deadlineAt, 'fresh');
      if (!refusal || refusal.kind === 'NotFoundError') return undefined;
      // Not Truto's answer: it proves nothing.
      if (refusal.kind === 'RemoteApiError')
        return findObstacle({ kind: 'UpstreamUnavailableError', message: refusal.message }, work);
      return findObstacle(refusal, work);
    }
    case 'IntegratedAccountNotFoundError':
    case 'AccountNeedsReauthError':
    case 'AccountBlockedError':
      await store.stop(job, engagementErrors[said.kind].code, `${said.message} Fix this, then resume.`);
      return 'paused';
    default:
      return undefined;
  }
}

/** Lists one engagement: undefined if upstream answers at all. So a record that cannot be read is not mistaken for an outage. */
export async function findOutage(work: JobWork): Promise<Obstacle | undefined> {
  const { job, caller } = work;
  const { integratedAccountId, filter = {} } = job.input;
  const options = { caller, selected: new Set<never>(), ...requestBounds(work) };
  const page = await readEngagements({ integratedAccountId, first: 1, filter }, options, work);
  return page.kind === 'Page' ? undefined : findObstacle(page, work);
}
