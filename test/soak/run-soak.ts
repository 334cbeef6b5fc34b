import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { createCaller } from './caller.ts';
import { startFacadeProcess } from './facade-process.ts';
import { createSoakFaults, type SoakFaults } from './faults.ts';
import type { Comparison } from './ledger.ts';
import { applyLoad, type LoadResult, type Sample } from './load.ts';
import { slopePercent } from './slope.ts';
import { engagementsNeeded, listTargets, type Target } from './targets.ts';

/** What a soak is made of. */
export interface SoakOptions {
  readonly deletes: number;
  /** Which deletes are of which kind, and which faults strike them. What it does not decide is the order of events. */
  readonly seed: string;
  /** Of a hundred requests to the sandbox, so many are struck by a fault. @default 5 */
  readonly faultPercent?: number;
  /** How many operations are under way at once. @default 64 */
  readonly concurrency?: number;
  /** Hears of each sample as it is taken. */
  readonly onSample?: (sample: Sample) => void;
}

/** What a soak found out. */
export interface SoakResult extends Omit<LoadResult, 'ledger'> {
  readonly comparison: Comparison;
  /** How often each fault struck a delete. */
  readonly strikes: ReadonlyMap<string, number>;
  /** At each index, how many engagements the sandbox was asked so often to delete. */
  readonly attempts: readonly number[];
  /** How often the facade was too busy to look at an operation, and its caller came back later. */
  readonly refusals: number;
  /** The growth of the heap in 100,000 deletes, after the first fifth of them. */
  readonly heapSlopePercent: number;
  /** How many lines of the facade's log tell of a delete. */
  readonly deleteLines: number;
  /** What it printed besides: warnings and errors. */
  readonly complaints: readonly string[];
  readonly exitCode: number | null;
  /** Connections to the sandbox after the facade had ended. */
  readonly openConnections: number;
}

const facadeTimeoutMs = 2_000;
const warmUpShare = 0.2;

/** Resolves to how many connections are left: when there are none, or when that takes too long. */
async function awaitDisconnection(sandbox: Sandbox): Promise<number> {
  for (let tries = 0; sandbox.connectionCount > 0 && tries < 100; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return sandbox.connectionCount;
}

function countAttempts(targets: readonly Target[], faults: SoakFaults): readonly number[] {
  const attempts: number[] = [];
  for (const { account, id } of targets) {
    const count = faults.deletesOf(account, id);
    attempts[count] = (attempts[count] ?? 0) + 1;
  }
  return Array.from(attempts, (count) => count ?? 0);
}

/** In the first part code is still being compiled; at the end there is less and less under way. */
function growth(samples: readonly Sample[], deletes: number): number {
  const warm = samples.filter(({ operations }) => operations >= deletes * warmUpShare && operations < deletes);
  return slopePercent(warm.map(({ operations, heapUsedBytes: value }) => ({ operations, value })));
}

async function soak(sandbox: Sandbox, faults: SoakFaults, options: SoakOptions): Promise<SoakResult> {
  const { deletes, seed, concurrency = 64, onSample = () => {} } = options;
  await using facade = await startFacadeProcess({
    TRUTO_BASE_URL: sandbox.url,
    AUTH_MODE: 'passthrough',
    REQUEST_TIMEOUT_MS: String(facadeTimeoutMs),
    // Within the documented limits, 50 in 10 seconds for each account, this would take an hour and prove less.
    TRUTO_RATE_LIMITS: '0',
  });
  const caller = createCaller(facade.endpoint, concurrency);
  const targets = listTargets(deletes);
  const { ledger, ...load } = await applyLoad({
    caller,
    targets,
    seed,
    concurrency,
    onSample,
    async observe() {
      return { sandboxConnections: sandbox.connectionCount, ...(await facade.vitals()) };
    },
  });
  // The callers' connections stay open: the facade has to end all the same.
  const exitCode = await facade.stop();
  const openConnections = await awaitDisconnection(sandbox);
  await caller.close();
  return {
    ...load,
    // Only now may nothing be deleted any more: a caller who hung up is not waited for.
    comparison: ledger.compare(({ account, id }) => sandbox.wasDeleted(account, id)),
    strikes: faults.strikes,
    attempts: countAttempts(targets, faults),
    refusals: caller.refusals(),
    heapSlopePercent: growth(load.samples, deletes),
    deleteLines: facade.deleteLines(),
    complaints: facade.complaints(),
    exitCode,
    openConnections,
  };
}

/**
 * Deletes that many engagements of a sandbox that faults strike, through a facade in a process of its own; ends the
 * facade, and compares what the callers were told with what the sandbox really deleted.
 * @throws when the facade ends by itself.
 */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const faults = createSoakFaults(options.seed, options.faultPercent ?? 5);
  const sandbox = await startSandbox({
    engagementsPerAccount: engagementsNeeded(options.deletes),
    slowMs: facadeTimeoutMs + 500,
    pickFault: faults.pick,
  });
  try {
    return await soak(sandbox, faults, options);
  } finally {
    await sandbox.close();
  }
}
