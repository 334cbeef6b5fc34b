import type { Caller, FindAccountIntegration } from '../engagement/account.ts';
import type { AuditEvent } from '../engagement/delete/audit.ts';
import { isAccountWide } from '../engagement/delete-errors.ts';
import { readEngagements } from '../engagement/read.ts';
import type { DeleteEngagementError } from '../engagement/result.ts';
import type { Log } from '../log/log.ts';
import type { Send } from '../upstream/attempt.ts';
import type { BulkJob } from './job.ts';
import type { JobStore } from './job-store.ts';
import type { UndoStore } from './undo-store.ts';

/** What a worker needs of the outside world. */
export interface WorkPorts {
  readonly store: JobStore;
  /** Yields to interactive requests. */
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
  /** Where records are kept before they are deleted; undefined without `UNDO_STORE`. */
  readonly undoStore: UndoStore | undefined;
  /**
   * Who the job's requests are made for; undefined when this server keeps no tokens, and has to leave it to others.
   * @throws when the token cannot be opened.
   */
  readonly callerOf: (job: BulkJob) => Promise<Caller | undefined>;
  readonly recordDelete: (event: AuditEvent & { readonly bulkDeleteId: string }) => void;
  /** How long a request may take, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** True once this process is about to end: then nothing further is begun. */
  readonly isStopping: () => boolean;
  readonly log: Log;
}

/** The work on a job, and who it is for. */
export interface JobWork extends WorkPorts {
  readonly job: BulkJob;
  readonly caller: Caller;
}

/** What became of the work on a part of a bulk delete. */
export type WorkEnd =
  /** It is done, or another server has it. */
  | { readonly kind: 'done' }
  /** There is more to do, after so many milliseconds; `isFree`: others need not wait for that. */
  | { readonly kind: 'later'; readonly afterMs: number; readonly isFree?: true };

/** There is more to do, after so many milliseconds. */
export const later = (afterMs: number): WorkEnd => ({ kind: 'later', afterMs });

/** The same, and others need not wait for that. */
export const laterWithoutHold = (afterMs: number): WorkEnd => ({ kind: 'later', afterMs, isFree: true });

/** How often a paused bulk delete is looked at, in milliseconds: so much later does it go on. */
export const pausedLookMs = 2_000;

/** How long to wait before another try, in milliseconds: longer each time, up to a minute. */
export function backoffMs(waits: number): number {
  return Math.min(60_000, 1_000 * 2 ** Math.min(waits, 6));
}

/** How long to wait before the next look at one item, in milliseconds: longer each time. Twelve are some minutes with requests of ten seconds. */
export function lookPauseMs(looks: number, { requestTimeoutMs }: Pick<WorkPorts, 'requestTimeoutMs'>): number {
  return Math.min(3 * requestTimeoutMs, (requestTimeoutMs / 10) * 2 ** Math.min(looks, 6));
}

/** What the requests of the work are bounded by. */
export function boundsOf({ requestTimeoutMs, isStopping }: WorkPorts) {
  return { deadlineAt: performance.now() + requestTimeoutMs, hasCallerLeft: isStopping };
}

/** Who the job's requests are made for; undefined when this server cannot open the token: it pauses the job if no server can. */
export async function openCaller(job: BulkJob, { callerOf, store, log }: WorkPorts): Promise<Caller | undefined> {
  try {
    return await callerOf(job);
  } catch (err) {
    log.error({ err, bulkDeleteId: job.id }, "a bulk delete's token cannot be opened");
    const why = 'The token that this was started with can no longer be opened. Nothing more is sent. Start another.';
    await store.stop(job, 'pause', why);
    return undefined;
  }
}

/** What keeps a bulk delete from going on, though nothing is known against it: it is paused, upstream fails, or a limit wants a pause. */
export type Obstacle = 'paused' | 'trouble' | { readonly afterMs: number };

/** The shortest and the longest wait for a limit, in milliseconds. */
const minWaitMs = 1_000;
const maxWaitMs = 60_000;

const tokenRefused =
  'Upstream no longer accepts the token that this was started with. Nothing further is deleted: start another.';

/** A message without the advice for a caller who waits for an answer: a bulk delete does it itself. */
export function withoutAdvice(message: string): string {
  return message.replace(/ Try again\.(?= |$)/, '');
}

/**
 * What a refusal means for all that is to come: the job is paused for what somebody has to fix, and says why it waits. Undefined for
 * one that is about what was asked.
 */
export async function findObstacle(
  said: DeleteEngagementError | { readonly kind: 'Unauthenticated' },
  work: JobWork,
): Promise<Obstacle | undefined> {
  const { job, caller, store, isStopping, findAccountIntegration } = work;
  switch (said.kind) {
    case 'RateLimitedError':
      return { afterMs: Math.min(Math.max(said.retryAfterMs ?? 0, minWaitMs), maxWaitMs) };
    case 'UpstreamUnavailableError':
      if (!isStopping()) await store.note(job.id, `${withoutAdvice(said.message)} It is retried automatically.`);
      return 'trouble';
    case 'Unauthenticated':
      await store.stop(job, 'pause', tokenRefused);
      return 'paused';
    case 'NotFoundError': {
      if (said.accountFound) return undefined;
      // What only kept the account from being checked for now must not make an account that is missing look like records that are.
      const { deadlineAt } = boundsOf(work);
      const { refusal } = await findAccountIntegration(caller, job.input.integratedAccountId, deadlineAt, 'fresh');
      if (!refusal || refusal.kind === 'NotFoundError') return undefined;
      // An answer that is not about the account says no more than none.
      if (refusal.kind === 'RemoteApiError')
        return findObstacle({ kind: 'UpstreamUnavailableError', message: refusal.message }, work);
      return findObstacle(refusal, work);
    }
    case 'UnsupportedIntegrationError':
      return undefined;
    default:
      if (!isAccountWide(said.kind)) return undefined;
      await store.stop(job, 'pause', `${said.message} Fix this, then resume.`);
      return 'paused';
  }
}

/**
 * Finds out whether upstream answers at all, by a list of one engagement: what keeps it from that, or undefined. So one record that
 * cannot be read is told from an outage, which has no answer for lists either.
 */
export async function findOutage(work: JobWork): Promise<Obstacle | undefined> {
  const { job, caller } = work;
  const { integratedAccountId, filter = {} } = job.input;
  const options = { caller, selected: new Set<never>(), ...boundsOf(work) };
  const page = await readEngagements({ integratedAccountId, first: 1, filter }, options, work);
  return page.kind === 'Page' ? undefined : findObstacle(page, work);
}
