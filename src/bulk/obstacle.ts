import { GraphQLError } from 'graphql';
import type { DeleteEngagementResult } from '../engagement/result.ts';
import type { BulkJob } from './job.ts';
import type { PagePorts } from './page-ports.ts';

/** What keeps a bulk delete from going on, though nothing is known against it. */
export type Obstacle =
  /** It waits for somebody. */
  | { readonly kind: 'paused' }
  /** Upstream is in trouble. */
  | { readonly kind: 'trouble' }
  /** Upstream, or a limit, wants a pause of so many milliseconds. */
  | { readonly kind: 'limited'; readonly afterMs: number };

/** How long to wait for a place, in milliseconds. */
const minWaitMs = 1_000;
const maxWaitMs = 60_000;

/** An answer, or the want of one, with a sentence for callers. */
type Said = Exclude<DeleteEngagementResult, { kind: 'DeleteEngagementSuccess' | 'DeleteEngagementPlan' }>;

/**
 * What an answer of upstream's means for all that is to come: the job is paused for what somebody has to mend, and says why it
 * waits. Undefined for an answer that is about what was asked.
 */
export async function findObstacle(
  said: Said,
  job: BulkJob,
  { store, isStopping }: Pick<PagePorts, 'store' | 'isStopping'>,
): Promise<Obstacle | undefined> {
  switch (said.kind) {
    case 'RateLimitedError':
      return { kind: 'limited', afterMs: Math.min(Math.max(said.retryAfterMs ?? 0, minWaitMs), maxWaitMs) };
    case 'UpstreamUnavailableError':
      if (!isStopping()) await store.note(job.id, `${said.message} It is tried again by itself.`);
      return { kind: 'trouble' };
    case 'AccountNeedsReauthError':
    case 'AccountBlockedError':
      await store.stop(job, 'pause', `${said.message} Mend that, then resume.`);
      return { kind: 'paused' };
    default:
      return undefined;
  }
}

/**
 * Pauses the job when upstream does not take its caller's token: nothing was done with it.
 * @throws what anything else threw.
 */
export async function pauseForToken(
  error: unknown,
  job: BulkJob,
  { store }: Pick<PagePorts, 'store'>,
): Promise<{ readonly kind: 'paused' }> {
  if (!(error instanceof GraphQLError)) throw error;
  await store.stop(job, 'pause', 'Upstream no longer takes the token that this was started with: start another.');
  return { kind: 'paused' };
}
