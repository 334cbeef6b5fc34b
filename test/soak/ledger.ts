import type { Answer, Reported } from './answer.ts';
import type { Asked } from './caller.ts';
import type { Target } from './targets.ts';

/** One delete, and the answer that its caller got. */
export interface Entry {
  readonly target: Target;
  /** The kind of operation. */
  readonly operation: string;
  readonly answer: Answer;
  /** How often the facade executed the operation. */
  readonly executed: Asked['executed'];
}

/** What really happened to one engagement. */
export interface Truth {
  readonly wasDeleted: boolean;
  /** How often upstream got its delete. */
  readonly deletesUpstream: number;
  /** How many lines of the facade's log are about its delete, including repetitions. */
  readonly logLines: number;
  /** How often the facade attempted its delete, according to those lines. */
  readonly attemptsLogged: number;
}

/** What is wrong with an entry. */
export type Contradiction =
  | 'reported deleted but present'
  | 'reported not deleted but gone'
  | 'reported nothing'
  | 'executed without a line in the log, or with too many'
  | 'sent more often than the log says';

/** The results that callers got, compared with what really happened. */
export interface Comparison {
  readonly contradictions: ReadonlyMap<Contradiction, readonly Entry[]>;
  /** How many results of each kind, by whether the engagement is gone. */
  readonly counts: Readonly<Record<Reported, { readonly gone: number; readonly present: number }>>;
  /** How many deletes had each result, the most frequent first. */
  readonly results: readonly (readonly [result: string, count: number])[];
}

function contradictionsOf({ answer: { reported }, executed }: Entry, truth: Truth): readonly Contradiction[] {
  const { wasDeleted, deletesUpstream, logLines, attemptsLogged } = truth;
  const all: readonly [Contradiction, boolean][] = [
    ['reported deleted but present', reported === 'deleted' && !wasDeleted],
    ['reported not deleted but gone', reported === 'not deleted' && wasDeleted],
    ['reported nothing', reported === 'nothing'],
    [
      'executed without a line in the log, or with too many',
      logLines < Math.max(executed.least, Math.min(1, deletesUpstream)) || logLines > executed.most,
    ],
    // The log may count more: an attempt that breaks before upstream reads it is still an attempt.
    ['sent more often than the log says', deletesUpstream > attemptsLogged],
  ];
  return all.filter(([, isSo]) => isSo).map(([contradiction]) => contradiction);
}

/** The final result of every delete. */
export class Ledger {
  readonly #entries: Entry[] = [];

  /** Adds one delete. */
  record(entry: Entry): void {
    this.#entries.push(entry);
  }

  /** How many deletes are in the ledger. */
  get size(): number {
    return this.#entries.length;
  }

  /** Compares all entries with the truth. Call it only when no delete is in flight. */
  compare(truthOf: (target: Target) => Truth): Comparison {
    const none = () => ({ gone: 0, present: 0 });
    const counts = { deleted: none(), 'not deleted': none(), unknown: none(), nothing: none(), left: none() };
    const results = new Map<string, number>();
    const contradictions = new Map<Contradiction, Entry[]>();
    for (const entry of this.#entries) {
      const { reported, result } = entry.answer;
      const truth = truthOf(entry.target);
      counts[reported][truth.wasDeleted ? 'gone' : 'present'] += 1;
      results.set(result, (results.get(result) ?? 0) + 1);
      for (const contradiction of contradictionsOf(entry, truth)) {
        contradictions.set(contradiction, [...(contradictions.get(contradiction) ?? []), entry]);
      }
    }
    return { contradictions, counts, results: [...results].sort(([, left], [, right]) => right - left) };
  }
}
