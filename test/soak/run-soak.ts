import { setTimeout as sleep } from 'node:timers/promises';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { createCaller } from './caller.ts';
import type { DeleteLog } from './delete-log.ts';
import { type FacadeProcess, startFacadeProcess } from './facade-process.ts';
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
  /** What the facade's log says of the deletes. */
  readonly deleteLog: DeleteLog;
  /** What it printed besides: warnings and errors. */
  readonly complaints: readonly string[];
  readonly exitCode: number | null;
  /** What was still open when the facade had had nothing to do for a while. */
  readonly leftOpen: { readonly sockets: number; readonly sandboxConnections: number };
}

const facadeTimeoutMs = 2_000;
const warmUpShare = 0.2;

/** Up to so many deletes, what the log says of each is kept. */
const maxLinesKept = 20_000;

/** Both ends close a connection that nobody uses within 5 seconds. */
const idleTimeoutMs = 30_000;

/**
 * Resolves to what is open in a facade that has nothing to do: when that is nothing, or when it takes too long. Only a
 * facade that is alive can show it: with a process, all of its sockets end.
 */
async function awaitIdleness(facade: FacadeProcess, sandbox: Sandbox): Promise<SoakResult['leftOpen']> {
  const giveUpAtMs = performance.now() + idleTimeoutMs;
  for (;;) {
    const { sockets } = await facade.vitals();
    const { connectionCount: sandboxConnections } = sandbox;
    const isIdle = sockets === 0 && sandboxConnections === 0;
    if (isIdle || performance.now() > giveUpAtMs) return { sockets, sandboxConnections };
    await sleep(100);
  }
}

/** Opens connections that stay open for a while. */
async function openIdleConnections(endpoint: string): Promise<void> {
  const open = async () => (await fetch(new URL('/health', endpoint))).text();
  await Promise.all(Array.from({ length: 8 }, open));
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
  const env = {
    TRUTO_BASE_URL: sandbox.url,
    AUTH_MODE: 'passthrough',
    REQUEST_TIMEOUT_MS: String(facadeTimeoutMs),
    KEEP_ALIVE_TIMEOUT_MS: '5000',
    // Within the documented limits, 50 in 10 seconds for each account, this would take an hour and prove less.
    TRUTO_RATE_LIMITS: '0',
  };
  await using facade = await startFacadeProcess(env, deletes <= maxLinesKept);
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
  const leftOpen = await awaitIdleness(facade, sandbox);
  // Connections of callers: the facade has to end all the same.
  await openIdleConnections(facade.endpoint);
  const exitCode = await facade.stop();
  await caller.close();
  const { deleteLog } = facade;
  return {
    ...load,
    // Only now may nothing be deleted any more: a caller who hung up is not waited for.
    comparison: ledger.compare((target) => ({
      wasDeleted: sandbox.wasDeleted(target.account, target.id),
      deletesUpstream: faults.deletesOf(target.account, target.id),
      logLines: deleteLog.of(target).lines,
      attemptsLogged: deleteLog.of(target).attempts,
    })),
    strikes: faults.strikes,
    attempts: countAttempts(targets, faults),
    refusals: caller.refusals(),
    heapSlopePercent: growth(load.samples, deletes),
    deleteLog,
    complaints: facade.complaints(),
    exitCode,
    leftOpen,
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
