import { type EngagementKey, engagementDigest } from '../engagement/known-deletes.ts';
import type { BulkJob } from './job.ts';
import { hasEnded } from './job.ts';
import type { JobStore } from './job-store.ts';

/** An engagement of a bulk delete that an event has settled. */
interface SettledItem {
  readonly job: BulkJob;
  readonly engagementId: string;
  /** Its state before. `begun`: it had no final outcome. */
  readonly before: 'begun' | 'ACCEPTED' | 'OutcomeUnknownError';
}

const mustReconnect =
  "Truto's event integrated_account:authentication_error: the integrated account must be connected again. Unless you pause it too, it continues when Truto reports that the account is active again. You can also resume it.";

/** What Truto's events change in bulk deletes. All methods reject with `BulkUnavailable` while Redis cannot be reached. */
export class AccountEvents {
  readonly #store: JobStore;
  readonly #wake: () => void;

  /** @param wake starts the work on jobs that an event has resumed. */
  constructor(store: JobStore, wake: () => void) {
    this.#store = store;
    this.#wake = wake;
  }

  /** Settles engagements that were deleted at a moment, in each bulk delete that waits for that and sent its delete before. */
  async *settle(keys: readonly EngagementKey[], at: Date): AsyncGenerator<SettledItem> {
    const awaiting = keys.map(async (key) => {
      const engagement = engagementDigest(key);
      return { key, engagement, places: await this.#store.readAwaiting(engagement) };
    });
    for (const { key, engagement, places } of await Promise.all(awaiting))
      for (const place of places) {
        const job = place.sentAtMs <= at.getTime() ? await this.#store.read(place.jobId) : null;
        const before = job && (await this.#store.settle(job, place, engagement));
        if (job && before) yield { job, engagementId: key.id, before };
      }
  }

  /** Pauses the bulk deletes of an account that must be connected again. Returns how many. */
  pause(integratedAccountId: string, at: Date): Promise<number> {
    return this.#control(integratedAccountId, 'pause', mustReconnect, at);
  }

  /** Resumes those that {@link AccountEvents.pause} has paused. Returns how many. */
  async resume(integratedAccountId: string, at: Date): Promise<number> {
    const count = await this.#control(integratedAccountId, 'resume', '', at);
    if (count > 0) this.#wake();
    return count;
  }

  async #control(integratedAccountId: string, how: 'pause' | 'resume', why: string, at: Date): Promise<number> {
    let count = 0;
    for await (const job of this.#store.list(integratedAccountId, null))
      if (!hasEnded(job) && (await this.#store.controlByEvent(job, how, why, at))) count += 1;
    return count;
  }
}
