import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { deleteEngagement } from '../engagement/delete/delete-engagement.ts';
import { type DeleteItem, nameOf } from '../engagement/delete/delete-many.ts';
import type { EngagementType } from '../engagement/input.ts';
import { type Selection, wireFieldsOf } from '../engagement/record.ts';
import type { DeleteEnd } from '../engagement/result.ts';
import type { Session } from './session.ts';

/** How deletes of a command are done. */
export interface DeleteSettings {
  readonly account: string;
  readonly type?: EngagementType | undefined;
  readonly dryRun?: boolean;
  readonly snapshot?: boolean;
  readonly idempotencyKey?: string | undefined;
  /** How long a delete that came to nothing, or to nobody knows what, is tried again. */
  readonly patienceMs: number;
  /** Aborted once nothing further is to be sent. */
  readonly stop: AbortSignal;
}

/** Nothing of it was sent, since the command was told to stop. */
export class NotSentError extends Error {
  override readonly name = 'NotSentError';
}

/** How long to wait before another try where nobody says. */
const usualDelayMs = 1_000;

const nothing: Selection = { fields: new Set(), noteFields: new Set(), chunks: false };

/** With a snapshot the line is all that is left of the engagement. */
const everything: Selection = {
  fields: new Set(wireFieldsOf('engagements')),
  noteFields: new Set(wireFieldsOf('notes').filter((field) => field !== 'id')),
  chunks: false,
};

/** How long to wait before the same delete is tried again; undefined when its result is final. */
function delayBeforeNext(result: DeleteEnd): number | undefined {
  if (result.kind === 'RateLimitedError') return Math.max(result.retryAfterMs ?? usualDelayMs, 1);
  const mayBeTried =
    result.kind === 'UpstreamUnavailableError' || (result.kind === 'OutcomeUnknownError' && result.retrySafe);
  return mayBeTried ? usualDelayMs : undefined;
}

/**
 * Makes the function that deletes one engagement, and again for as long as there is patience where the result says to try
 * again: as further attempts of the same delete, so that one that is found gone then was deleted.
 * @returns a function that throws {@link NotSentError} once the command is told to stop.
 */
export function createPatientDelete(session: Session, settings: DeleteSettings) {
  const { account: integratedAccountId, type: engagementType, patienceMs, stop } = settings;
  const { dryRun = false, snapshot = false } = settings;
  const key = settings.idempotencyKey ?? randomUUID();
  const hasCallerLeft = () => stop.aborted;

  function attempt(item: DeleteItem): Promise<DeleteEnd> {
    if (stop.aborted) throw new NotSentError('Nothing was sent: the command was told to stop.');
    const deadlineAt = performance.now() + session.requestTimeoutMs;
    const selection = snapshot ? everything : nothing;
    const callerKey = [key, nameOf(item)] as const;
    const options = { caller: session.caller, selection, dryRun, snapshot, callerKey, deadlineAt, hasCallerLeft };
    return deleteEngagement({ ...item, integratedAccountId, format: 'unified' }, options, {
      ...session.ports,
      // What the command prints is its record.
      recordDelete: () => {},
      recordRepetition: () => {},
    });
  }

  return async ({ id }: Pick<DeleteItem, 'id'>): Promise<DeleteEnd> => {
    const giveUpAt = performance.now() + patienceMs;
    for (;;) {
      const result = await attempt({ id, engagementType });
      const delayMs = delayBeforeNext(result);
      if (delayMs === undefined || stop.aborted || performance.now() + delayMs > giveUpAt) return result;
      // Told to stop, it says what it came to so far.
      const isStopped = await sleep(delayMs, false, { signal: stop }).catch(() => true);
      if (isStopped) return result;
    }
  };
}
