import type { Answer, Told } from './answer.ts';
import type { Target } from './targets.ts';

/** What the caller of one delete goes away with. */
export interface Entry {
  readonly target: Target;
  /** The kind of operation. */
  readonly operation: string;
  readonly answer: Answer;
}

/** What callers were told, beside what really happened. */
export interface Comparison {
  readonly toldDeletedButPresent: readonly Entry[];
  readonly toldNotDeletedButGone: readonly Entry[];
  /** How many of each, by what is really the case. */
  readonly counts: Readonly<Record<Told, { readonly gone: number; readonly present: number }>>;
  /** How often each result came, the most frequent first. */
  readonly results: readonly (readonly [result: string, count: number])[];
}

/** What every caller was told in the end. */
export class Ledger {
  readonly #entries: Entry[] = [];

  /** Writes down one delete. */
  record(entry: Entry): void {
    this.#entries.push(entry);
  }

  /** How many deletes are written down. */
  get size(): number {
    return this.#entries.length;
  }

  /** Compares with the truth. Whatever may still delete something must have ended. */
  compare(wasDeleted: (target: Target) => boolean): Comparison {
    const none = () => ({ gone: 0, present: 0 });
    const counts = { deleted: none(), 'not deleted': none(), unknown: none(), nothing: none(), left: none() };
    const results = new Map<string, number>();
    const toldDeletedButPresent: Entry[] = [];
    const toldNotDeletedButGone: Entry[] = [];
    for (const entry of this.#entries) {
      const { told, result } = entry.answer;
      const isGone = wasDeleted(entry.target);
      counts[told][isGone ? 'gone' : 'present'] += 1;
      results.set(result, (results.get(result) ?? 0) + 1);
      if (told === 'deleted' && !isGone) toldDeletedButPresent.push(entry);
      if (told === 'not deleted' && isGone) toldNotDeletedButGone.push(entry);
    }
    const frequent = [...results].sort(([, left], [, right]) => right - left);
    return { toldDeletedButPresent, toldNotDeletedButGone, counts, results: frequent };
  }
}
