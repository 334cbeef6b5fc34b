import { createRandom } from '../../src/sandbox/random.ts';
import type { Caller } from './caller.ts';
import { converse } from './converse.ts';
import type { Vitals } from './facade-process.ts';
import { Ledger } from './ledger.ts';
import { pickOperation } from './operations.ts';
import type { Target } from './targets.ts';

/** The facade at one moment of the soak. */
export interface Sample extends Vitals {
  /** How many deletes have their final answer. */
  readonly operations: number;
  /** Since the first. */
  readonly seconds: number;
  readonly sandboxConnections: number;
}

/** The load, and how it is observed. */
export interface LoadOptions {
  readonly caller: Caller;
  readonly targets: readonly Target[];
  readonly seed: string;
  /** How many operations are in flight at once. */
  readonly concurrency: number;
  /** Measures the facade. */
  readonly observe: () => Promise<Omit<Sample, 'operations' | 'seconds'>>;
  /** Called with each sample as it is taken. */
  readonly onSample: (sample: Sample) => void;
}

/** The results of the load. */
export interface LoadResult {
  readonly ledger: Ledger;
  /** How many operations of each kind there were. */
  readonly operationKinds: ReadonlyMap<string, number>;
  readonly samples: readonly Sample[];
  /** The facade after the last answer. */
  readonly idle: Sample;
}

/** Only the first part has keys: the facade keeps their outcomes for 10 minutes, which would look like a leak. */
const keyedShare = 0.1;
const leastKeyed = 1_000;

/** The least number of deletes between two samples. Each sample stops the facade for a garbage collection. */
function sampleInterval(deletes: number): number {
  return deletes / Math.min(100, Math.max(10, deletes / 1_000));
}

/** Deletes all targets, `concurrency` operations at once, and records the answers in the ledger. */
export async function applyLoad(options: LoadOptions): Promise<LoadResult> {
  const { caller, targets, seed, concurrency, observe, onSample } = options;
  const ledger = new Ledger();
  const operationKinds = new Map<string, number>();
  const samples: Sample[] = [];
  const lastKeyed = Math.max(leastKeyed, targets.length * keyedShare);
  const intervalDeletes = sampleInterval(targets.length);
  let nextSampleAt = intervalDeletes;
  let nextTarget = 0;
  const startMs = performance.now();

  async function takeSample(): Promise<Sample> {
    const seconds = (performance.now() - startMs) / 1000;
    return { operations: ledger.size, seconds, ...(await observe()) };
  }

  async function sample(): Promise<void> {
    const taken = await takeSample();
    samples.push(taken);
    onSample(taken);
  }

  async function work(): Promise<void> {
    for (let target = targets[nextTarget]; target; target = targets[nextTarget]) {
      const random = createRandom(`${seed} operation ${nextTarget}`);
      const picked = pickOperation(random, [target, targets[nextTarget + 1]]);
      const mayUseKey = nextTarget < lastKeyed;
      nextTarget += picked.targets.length;
      const { name: operation } = picked.operation;
      operationKinds.set(operation, (operationKinds.get(operation) ?? 0) + 1);
      const { answers, executed } = await converse(caller, picked.operation, random, mayUseKey);
      for (const [index, answer] of answers.entries()) {
        ledger.record({ target: picked.targets[index] ?? target, operation, answer, executed });
      }
      if (ledger.size < nextSampleAt) continue;
      nextSampleAt += intervalDeletes;
      // If the facade has ended, the last sample fails.
      sampling = sampling.then(sample).catch(() => {});
    }
  }

  let sampling = sample();
  await sampling;
  await Promise.all(Array.from({ length: concurrency }, work));
  await sampling;
  return { ledger, operationKinds, samples, idle: await takeSample() };
}
