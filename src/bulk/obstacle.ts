import type { Caller } from '../engagement/account.ts';
import { isAccountWide } from '../engagement/delete-errors.ts';
import { readEngagements } from '../engagement/read.ts';
import type { DeleteEnd } from '../engagement/result.ts';
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

/** What it takes to tell an obstacle. */
type ObstaclePorts = Pick<PagePorts, 'store' | 'isStopping' | 'findAccountIntegration' | 'requestTimeoutMs'>;

/** How long to wait for a place, in milliseconds. */
const minWaitMs = 1_000;
const maxWaitMs = 60_000;

const noFields: ReadonlySet<never> = new Set();

/** An answer, or the want of one, with a sentence for callers. */
type Said = Exclude<DeleteEnd, { kind: 'DeleteEngagementSuccess' | 'DeleteEngagementPlan' }>;

/**
 * What an answer of upstream's means for all that is to come: the job is paused for what somebody has to mend, and says why it
 * waits. Undefined for an answer that is about what was asked.
 */
export async function findObstacle(
  said: Said,
  job: BulkJob,
  caller: Caller,
  ports: ObstaclePorts,
): Promise<Obstacle | undefined> {
  const { store, isStopping, findAccountIntegration, requestTimeoutMs } = ports;
  switch (said.kind) {
    case 'RateLimitedError':
      return { kind: 'limited', afterMs: Math.min(Math.max(said.retryAfterMs ?? 0, minWaitMs), maxWaitMs) };
    case 'UpstreamUnavailableError':
      if (!isStopping()) await store.note(job.id, `${withoutAdvice(said.message)} It is retried automatically.`);
      return { kind: 'trouble' };
    case 'Unauthenticated':
      return pauseForToken(job, ports);
    case 'NotFoundError': {
      if (said.accountFound) return undefined;
      // What only kept the account from being checked for now must not make an account that is missing look like records that are.
      const deadlineAt = performance.now() + requestTimeoutMs;
      const { refusal } = await findAccountIntegration(caller, job.input.integratedAccountId, deadlineAt, 'anew');
      if (!refusal || refusal.kind === 'NotFoundError') return undefined;
      // An answer that is not about the account says no more than none.
      if (refusal.kind === 'RemoteApiError') {
        return findObstacle({ kind: 'UpstreamUnavailableError', message: refusal.message }, job, caller, ports);
      }
      return findObstacle(refusal, job, caller, ports);
    }
    case 'UnsupportedIntegrationError':
      return undefined;
    default:
      if (!isAccountWide(said.kind)) return undefined;
      await store.stop(job, 'pause', `${said.message} Fix this, then resume.`);
      return { kind: 'paused' };
  }
}

/** A message without what a caller who waits for an answer should do: a bulk delete does it itself. */
export function withoutAdvice(message: string): string {
  return message.replace(/ Try again\.(?= |$)/, '');
}

/**
 * Finds out whether upstream answers at all, by a list of one engagement: what keeps it from that, or undefined. So one record that
 * cannot be read is told from an outage, which has no answer for lists either.
 */
export async function findOutage(
  job: BulkJob,
  caller: Caller,
  ports: ObstaclePorts & Pick<PagePorts, 'send'>,
): Promise<Obstacle | undefined> {
  const { integratedAccountId, filter = {} } = job.input;
  const deadlineAt = performance.now() + ports.requestTimeoutMs;
  const options = { caller, selected: noFields, deadlineAt, hasCallerLeft: ports.isStopping };
  const page = await readEngagements({ integratedAccountId, first: 1, filter }, options, ports);
  return page.kind === 'Page' ? undefined : findObstacle(page, job, caller, ports);
}

/** Pauses the job when upstream does not take its caller's token: nothing was done with it. */
async function pauseForToken(job: BulkJob, { store }: Pick<PagePorts, 'store'>): Promise<{ readonly kind: 'paused' }> {
  await store.stop(
    job,
    'pause',
    'Upstream no longer accepts the token that this was started with. Nothing further is deleted: start another.',
  );
  return { kind: 'paused' };
}
