import type { Caller, FindAccountIntegration } from '../engagement/account.ts';
import type { AuditEvent } from '../engagement/delete/audit.ts';
import type { Log } from '../log/log.ts';
import type { Send } from '../upstream/attempt.ts';
import type { BulkJob } from './job.ts';
import type { JobStore } from './job-store.ts';
import type { UndoStore } from './undo-store.ts';

/** What a worker needs of the outside world. */
export interface PagePorts {
  readonly store: JobStore;
  /** Lets those go first who wait for an answer. */
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
  /** Where records are kept before they are deleted; undefined when nobody said. */
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

/** What became of the work on a part of a bulk delete. */
export type WorkEnd =
  /** It is done, or is nobody's any more. */
  | { readonly kind: 'done' }
  /** There is more to do, after so many milliseconds; `isFree`: others need not wait for that. */
  | { readonly kind: 'later'; readonly afterMs: number; readonly isFree?: true };

/** How often a paused bulk delete is looked at, in milliseconds: so much later does it go on. */
export const pausedLookMs = 2_000;

/** How long to wait before another try, in milliseconds: longer each time, up to a minute. */
export function backoffMs(waits: number): number {
  return Math.min(60_000, 1_000 * 2 ** Math.min(waits, 6));
}

/**
 * How long to wait before the next look at one item, in milliseconds: longer each time, up to three times as long as a request may take.
 * Twelve of them are some minutes where that is ten seconds.
 */
export function lookPauseMs(looks: number, { requestTimeoutMs }: Pick<PagePorts, 'requestTimeoutMs'>): number {
  return Math.min(3 * requestTimeoutMs, (requestTimeoutMs / 10) * 2 ** Math.min(looks, 6));
}

/** Who the job's requests are made for; undefined when that cannot be had here: with the job paused, if nobody else can either. */
export async function openCaller(job: BulkJob, { callerOf, store, log }: PagePorts): Promise<Caller | undefined> {
  try {
    return await callerOf(job);
  } catch (err) {
    log.error({ err, bulkDeleteId: job.id }, "a bulk delete's token cannot be opened");
    const why = 'The token that this was started with can no longer be opened. Nothing more is sent. Start another.';
    await store.stop(job, 'pause', why);
    return undefined;
  }
}
