import { setTimeout as sleep } from 'node:timers/promises';
import { askAll, requestHeaders } from './ask.ts';
import type { Load, LoadGenerator } from './load/load.ts';
import { shuffled } from './statistics.ts';
import type { IdleTarget, RunningTargets } from './targets/start-targets.ts';
import type { Upstream } from './upstream/start.ts';
import type { Case, Work } from './work.ts';

/** How many questions are asked again at the end. */
const askedAgain = 100;

/**
 * Each server is warmed up by this many requests in each work, or for this long if they take longer: V8 compiles a function
 * only after many calls. Cases of one server share them.
 */
export const warmUp = { requests: 20_000, seconds: 20 } as const;

/** Warm-up requests are sent in slices, to stop soon after the last that is needed. */
const warmUpSliceSeconds = 1;

/** A server is quiet when it uses no CPU time for `quietMs`. */
const settling = { quietMs: 50, atMostMs: 5_000 } as const;

/** One reading of one case. */
export interface Reading {
  /** Without failures: a refusal is fast, and no work done. */
  readonly requestsPerSecond: number;
  /** CPU time of the server's processes for each request; undefined where the system does not tell. */
  readonly cpuUs: number | undefined;
  /** The server's memory at the end of the load; undefined where the system does not tell. */
  readonly rssBytes: number | undefined;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failureCount: number;
  /** Requests to upstream for each answered request. */
  readonly upstreamRequests: number;
}

/** All figures of one case. */
export interface CaseResult {
  readonly name: string;
  readonly target: string | undefined;
  readonly connections: number;
  /** One a round, in the order of the rounds; empty when it was not measured. */
  readonly readings: readonly Reading[];
  readonly idleRssBytes: number | undefined;
  readonly peakRssBytes: number | undefined;
  /** Why it was not measured, or the first wrong answer; undefined when all answers were right, before and after. */
  readonly complaint: string | undefined;
}

/** All figures of a work. */
export interface WorkResult {
  readonly work: Work;
  readonly cases: readonly CaseResult[];
}

/** How a work is measured. */
export interface MeasureOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly generator: LoadGenerator;
  readonly upstream: Upstream;
  readonly report: (line: string) => void;
}

interface Prepared {
  readonly case: Case;
  readonly load: Load;
  /** Undefined: upstream itself. */
  readonly server: IdleTarget | undefined;
  readonly readings: Reading[];
  /** Why it was dropped while it was measured. */
  problem: string | undefined;
  /** Checks the answers, all of them at first, some of them later. Returns the first wrong one. */
  readonly check: (isFirst: boolean) => Promise<string | undefined>;
}

function prepare(each: Case, server: IdleTarget | undefined, { seconds, upstream }: MeasureOptions): Prepared {
  const { asked, connections } = each;
  const common = { case: each, server, readings: [], problem: undefined };
  if (asked.kind === 'upstream' || server === undefined) {
    const id = asked.kind === 'upstream' ? asked.engagementId : '';
    const url = `${upstream.url}/unified/crm/engagements/${id}?integrated_account_id=a`;
    const headers = { accept: 'application/json' };
    return {
      ...common,
      load: { url, method: 'DELETE', headers, bodies: [], connections, seconds },
      check: async () => undefined,
    };
  }
  const { url, target } = server;
  const questions = asked.of(target.dialect);
  const bodies = questions.map(({ body }) => body);
  return {
    ...common,
    load: { url, method: 'POST', headers: requestHeaders, bodies, connections, seconds },
    // A smoke run times nothing, and asks only some of the thousands of questions.
    check: (isFirst) => askAll(url, isFirst && seconds > 0 ? questions : questions.slice(0, askedAgain)),
  };
}

/** Waits until the server has finished the requests in flight at the load's end: they must not count in the next reading. */
async function settle(server: IdleTarget | undefined): Promise<void> {
  const endsAt = performance.now() + settling.atMostMs;
  let before: number | undefined;
  for (
    let now = server?.figures()?.cpuMs;
    now !== before && performance.now() < endsAt;
    now = server?.figures()?.cpuMs
  ) {
    before = now;
    await sleep(settling.quietMs);
  }
}

async function read({ load, server }: Prepared, { generator, upstream }: MeasureOptions): Promise<Reading> {
  const before = server?.figures();
  const askedBefore = await upstream.requestCount();
  const { requestCount, seconds, p50Ms, p99Ms, failureCount } = await generator.generate(load);
  const rssBytes = server?.figures()?.rssBytes;
  await settle(server);
  // The last request on each connection is cut off, yet it was worked on.
  const begun = requestCount + load.connections;
  const upstreamRequests = ((await upstream.requestCount()) - askedBefore) / begun;
  const after = server?.figures();
  const cpuUs = before && after && ((after.cpuMs - before.cpuMs) * 1000) / begun;
  const requestsPerSecond = Math.max(0, requestCount - failureCount) / seconds;
  return { requestsPerSecond, cpuUs, rssBytes, p50Ms, p99Ms, failureCount, upstreamRequests };
}

/** @param share how much of its server's warm-up the case gets. */
async function warm({ case: each, load, server }: Prepared, share: number, options: MeasureOptions): Promise<void> {
  const { warmUpConnections: connections = load.connections } = each;
  const seconds = Math.min(warmUpSliceSeconds, options.seconds);
  let requests = 0;
  for (
    let elapsed = 0;
    elapsed < warmUp.seconds * share && requests < warmUp.requests * share;
    elapsed += warmUpSliceSeconds
  ) {
    requests += (await options.generator.generate({ ...load, connections, seconds })).requestCount;
    // A smoke run times nothing.
    if (seconds === 0) return;
  }
  await settle(server);
}

/** Runs an action for a case unless it was dropped. When its server ends, only this case is dropped. */
async function attempt(each: Prepared, action: () => Promise<void>): Promise<void> {
  if (each.problem !== undefined) return;
  try {
    await action();
  } catch (error) {
    each.problem = each.server?.whyEnded() ?? String(error);
  }
}

/** Measures a work: every round all cases in a new order, once all are warm; answers compared before and after. */
export async function measure(
  work: Work,
  { running, whyNot }: RunningTargets,
  options: MeasureOptions,
): Promise<WorkResult> {
  const complaints = new Map<Case, string>();
  const prepared: Prepared[] = [];
  for (const each of work.cases) {
    const server = running.get(each.target ?? '');
    if (each.target !== undefined && server === undefined) {
      complaints.set(each, whyNot.get(each.target) ?? 'it was not started');
      continue;
    }
    const next = prepare(each, server, options);
    const complaint = await next.check(true);
    if (complaint === undefined) prepared.push(next);
    else {
      complaints.set(each, `not the expected answer: ${complaint}`);
      options.report(`  WRONG ${each.name}: ${complaint}`);
    }
  }
  for (const each of prepared) {
    if (each.server === undefined) continue;
    const casesOfServer = prepared.filter(({ server }) => server === each.server).length;
    await attempt(each, () => warm(each, 1 / casesOfServer, options));
  }
  options.report('  warm');
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const each of shuffled(prepared)) {
      await attempt(each, async () => void each.readings.push(await read(each, options)));
    }
    options.report(`  round ${round} of ${options.rounds}`);
  }
  for (const each of prepared) {
    const complaint = each.problem ?? each.server?.whyEnded() ?? (await each.check(false));
    if (complaint === undefined) continue;
    complaints.set(each.case, complaint);
    options.report(`  WRONG in the end, ${each.case.name}: ${complaint}`);
  }
  const cases = work.cases.map((each): CaseResult => {
    const { name, target, connections } = each;
    const { readings = [], server } = prepared.find((one) => one.case === each) ?? {};
    const rss = { idleRssBytes: server?.idle?.rssBytes, peakRssBytes: server?.figures()?.peakRssBytes };
    return { name, target, connections, readings, ...rss, complaint: complaints.get(each) };
  });
  return { work, cases };
}
