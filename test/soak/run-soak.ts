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

/** The size of a soak, and its faults. */
export interface SoakOptions {
  readonly deletes: number;
  /** Decides the kind of each delete and its faults, but not the order of events. */
  readonly seed: string;
  /** The percentage of requests to the sandbox that get a fault. @default 5 */
  readonly faultPercent?: number;
  /** How many operations are in flight at once. @default 64 */
  readonly concurrency?: number;
  /** Called with each sample as it is taken. */
  readonly onSample?: (sample: Sample) => void;
}

/** The results of a soak. */
export interface SoakResult extends Omit<LoadResult, 'ledger'> {
  readonly comparison: Comparison;
  /** How often each fault struck a delete. */
  readonly strikes: ReadonlyMap<string, number>;
  /** At each index, how many engagements the sandbox got that many deletes for. */
  readonly attempts: readonly number[];
  /** How often the facade shed an operation, and its caller sent it again later. */
  readonly refusals: number;
  /** The growth of the heap in 100,000 deletes, after the first fifth of them. */
  readonly heapSlopePercent: number;
  /** The lines about deletes in the facade's log. */
  readonly deleteLog: DeleteLog;
  /** The warnings and errors that it printed. */
  readonly complaints: readonly string[];
  readonly exitCode: number | null;
  /** Sockets and connections still open after the facade was idle for a while. */
  readonly leftOpen: { readonly sockets: number; readonly sandboxConnections: number };
}

const facadeTimeoutMs = 2_000;
const warmUpShare = 0.2;

/** With at most this many deletes, the log lines of each are kept. */
const maxLinesKept = 20_000;

/** Both ends close an idle connection within 5 seconds. */
const idleTimeoutMs = 30_000;

/**
 * Waits until nothing is open in an idle facade, or until `idleTimeoutMs`, and resolves to what is open then. The facade must
 * still run: a process that ends closes all of its sockets.
 */
async function awaitIdleness(facade: FacadeProcess, sandbox: Sandbox): Promise<SoakResult['leftOpen']> {
  const giveUpAtMs = performance.now() + idleTimeoutMs;
  for (;;) {
    const { sockets } = await facade.vitals();
    const sandboxConnections = await sandbox.countConnections();
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

/** Leaves out the first part, in which code is still being compiled, and the end, where the load decreases. */
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
    // Within the documented limits (50 in 10 s for each account), a soak would take an hour and prove less.
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
      return { sandboxConnections: await sandbox.countConnections(), ...(await facade.vitals()) };
    },
  });
  const leftOpen = await awaitIdleness(facade, sandbox);
  // The facade must end although callers keep connections open.
  await openIdleConnections(facade.endpoint);
  const exitCode = await facade.stop();
  await caller.close();
  const { deleteLog } = facade;
  return {
    ...load,
    // Only now can no delete be in flight: the load does not wait for deletes whose caller hung up.
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
 * Deletes engagements of a sandbox with faults, through a facade in its own process. Then ends the facade, and compares the
 * results that callers got with what the sandbox deleted.
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
