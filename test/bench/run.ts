import { findAutocannon } from './load/autocannon.ts';
import type { LoadGenerator } from './load/load.ts';
import { findWrk } from './load/wrk.ts';
import { describeMachine, versionOf } from './machine.ts';
import { measure, type WorkResult } from './measure.ts';
import type { Options } from './options.ts';
import { beginPinning } from './pinning.ts';
import type { Results } from './results.ts';
import { startTargets } from './targets/start-targets.ts';
import { targets } from './targets/targets.ts';
import { startUpstream } from './upstream/start.ts';
import type { Work } from './work.ts';
import { measureStartup, startupWork } from './works/startup.ts';
import { measureStream, streamWork } from './works/stream.ts';
import { works } from './works/works.ts';

/** How often each server is started, at most, to see how long that takes. */
const maxStarts = 5;

const streamedMegabytes = 256;

function findGenerator(): LoadGenerator {
  const generator = findWrk() ?? findAutocannon();
  if (!generator) throw new Error('neither wrk nor autocannon is there');
  return generator;
}

/** Measures what the options name. */
export async function run(options: Options, command: string, report: (line: string) => void): Promise<Results> {
  const isPinned = beginPinning();
  const { rounds, seconds, only, targets: names } = options;
  const generator = findGenerator();
  await using upstream = await startUpstream();
  const failures: string[] = [];

  /** What is not asked for, or fails, is undefined: an hour of figures must not go with it. */
  async function attempt<Result>(
    { name, title }: { readonly name: string; readonly title: string },
    measureIt: () => Promise<Result>,
  ): Promise<Result | undefined> {
    if (!only.includes(name)) return undefined;
    report(`${name}: ${title}`);
    try {
      return await measureIt();
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : error}`);
      report(`  FAILED ${failures.at(-1)}`);
      return undefined;
    }
  }

  async function measureWork(work: Work): Promise<WorkResult> {
    const cases = work.cases.filter(({ target }) => target === undefined || names.includes(target));
    // Each work has servers of its own, so that no memory of one is in another's figures.
    const asked = cases.flatMap(({ target }) => target ?? []);
    await using servers = await startTargets(asked, upstream.url, report);
    return await measure({ ...work, cases }, servers, { rounds, seconds, generator, upstream, report });
  }

  const results: WorkResult[] = [];
  for (const work of works) {
    const result = await attempt(work, () => measureWork(work));
    if (result) results.push(result);
  }
  const times = Math.min(rounds, maxStarts);
  const startup = await attempt(startupWork, () => measureStartup({ times, names, upstream }));
  const stream = await attempt(streamWork, () => measureStream({ megabytes: streamedMegabytes, sleepMs: 3_000 }));
  const versions = targets
    .filter(({ name }) => names.includes(name))
    .flatMap(({ packages, isPeer }) => packages.map((name) => `${name} ${versionOf(name, isPeer)}`));
  return {
    ...{ date: new Date().toISOString().slice(0, 10), command, rounds, seconds, machine: describeMachine() },
    ...{ generator: generator.name, isPinned, works: results, startup, stream, failures },
    versions: [...new Set(versions)],
  };
}
