import { findAutocannon } from './load/autocannon.ts';
import type { LoadGenerator } from './load/load.ts';
import { findWrk } from './load/wrk.ts';
import { describeMachine, versionOf } from './machine.ts';
import { measure, type WorkResult, warmUp } from './measure.ts';
import type { Options } from './options.ts';
import { beginPinning } from './pinning.ts';
import type { Results } from './results.ts';
import { startTargets } from './targets/start-targets.ts';
import { targets } from './targets/targets.ts';
import { startUpstream } from './upstream/start.ts';
import type { Case, Work } from './work.ts';
import { measureStartup, startupWork } from './works/startup.ts';
import { measureStream, streamWork } from './works/stream.ts';
import { works } from './works/works.ts';

/** How often each server is started, at most, to see how long that takes. */
const maxStarts = 3;

const streamedMegabytes = 256;

/** For the expected time: the bench's own part in a reading, a start and a streamed body. */
const overheadSeconds = { reading: 0.3, start: 1.5, stream: 15 } as const;

/** The expected time of a run: fast servers need a small part of the time that a warm-up may take, slow ones all of it. */
export function expectedSeconds({ only, targets: names, rounds, seconds }: Options): number {
  const workSeconds = works
    .filter(({ name }) => only.includes(name))
    .map((work) => {
      const cases = chosenCases(work, names);
      const serverCount = new Set(cases.flatMap(({ target }) => target ?? [])).size;
      const readingSeconds = cases.length * rounds * (seconds + overheadSeconds.reading);
      return serverCount * (overheadSeconds.start + warmUp.seconds / 2) + readingSeconds;
    });
  const startupSeconds = only.includes(startupWork.name) ? names.length * maxStarts * overheadSeconds.start : 0;
  const streamSeconds = only.includes(streamWork.name) ? overheadSeconds.stream : 0;
  return workSeconds.reduce((sum, each) => sum + each, startupSeconds + streamSeconds);
}

function chosenCases({ cases }: Work, targetNames: readonly string[]): readonly Case[] {
  return cases.filter(({ target }) => target === undefined || targetNames.includes(target));
}

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
  report(`Expected time: ${Math.ceil(expectedSeconds(options) / 60)} minutes.`);
  await using upstream = await startUpstream();
  const failures: string[] = [];

  /** Undefined for a work that is not asked for, and for one that fails: the other works' figures are kept. */
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
    const cases = chosenCases(work, names);
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
    ...{ generator: generator.name, isPinned, asked: only, works: results, startup, stream, failures },
    versions: [...new Set(versions)],
  };
}
