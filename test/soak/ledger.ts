import type { Answer, Told } from './answer.ts';
import type { Asked } from './caller.ts';
import type { Target } from './targets.ts';

/** What the caller of one delete goes away with. */
export interface Entry {
  readonly target: Target;
  /** The kind of operation. */
  readonly operation: string;
  readonly answer: Answer;
  /** How often the facade executed the operation. */
  readonly executed: Asked['executed'];
}

/** What really became of one engagement. */
export interface Truth {
  readonly wasDeleted: boolean;
  /** How often upstream got its delete. */
  readonly deletesUpstream: number;
  /** How many lines of the facade's log tell of its delete, repetitions among them. */
  readonly logLines: number;
  /** How often the facade attempted its delete, as those lines say. */
  readonly attemptsLogged: number;
}

/** What is wrong with an entry. */
export type Contradiction =
  | 'told deleted but present'
  | 'told not deleted but gone'
  | 'told nothing'
  | 'executed without a line in the log, or with too many'
  | 'sent more often than the log says';

/** What callers were told, beside what really happened. */
export interface Comparison {
  readonly contradictions: ReadonlyMap<Contradiction, readonly Entry[]>;
  /** How many of each, by what is really the case. */
  readonly counts: Readonly<Record<Told, { readonly gone: number; readonly present: number }>>;
  /** How often each result came, the most frequent first. */
  readonly results: readonly (readonly [result: string, count: number])[];
}

function contradictionsOf({ answer: { told }, executed }: Entry, truth: Truth): readonly Contradiction[] {
  const { wasDeleted, deletesUpstream, logLines, attemptsLogged } = truth;
  const all: readonly [Contradiction, boolean][] = [
    ['told deleted but present', told === 'deleted' && !wasDeleted],
    ['told not deleted but gone', told === 'not deleted' && wasDeleted],
    ['told nothing', told === 'nothing'],
    [
      'executed without a line in the log, or with too many',
      logLines < Math.max(executed.least, Math.min(1, deletesUpstream)) || logLines > executed.most,
    ],
    // One that broke before upstream had read it was attempted all the same.
    ['sent more often than the log says', deletesUpstream > attemptsLogged],
  ];
  return all.filter(([, isSo]) => isSo).map(([contradiction]) => contradiction);
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
  compare(truthOf: (target: Target) => Truth): Comparison {
    const none = () => ({ gone: 0, present: 0 });
    const counts = { deleted: none(), 'not deleted': none(), unknown: none(), nothing: none(), left: none() };
    const results = new Map<string, number>();
    const contradictions = new Map<Contradiction, Entry[]>();
    for (const entry of this.#entries) {
      const { told, result } = entry.answer;
      const truth = truthOf(entry.target);
      counts[told][truth.wasDeleted ? 'gone' : 'present'] += 1;
      results.set(result, (results.get(result) ?? 0) + 1);
      for (const contradiction of contradictionsOf(entry, truth)) {
        contradictions.set(contradiction, [...(contradictions.get(contradiction) ?? []), entry]);
      }
    }
    return { contradictions, counts, results: [...results].sort(([, left], [, right]) => right - left) };
  }
}
