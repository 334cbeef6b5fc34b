import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessFigures } from './process-figures.ts';
import { type RunningTarget, startTarget } from './start-target.ts';
import { targets } from './targets.ts';

/** How long servers get no request before their memory counts as idle. */
const idleMs = 1_000;

/** A target that runs, and its memory before the load. */
export interface IdleTarget extends RunningTarget {
  readonly idle: ProcessFigures | undefined;
}

/** Targets that run at the same time. */
export interface RunningTargets extends AsyncDisposable {
  readonly running: ReadonlyMap<string, IdleTarget>;
  /** Why others do not run, by their names. */
  readonly whyNot: ReadonlyMap<string, string>;
}

/** Starts the targets with these names. Reports which ones do not run, and why. */
export async function startTargets(
  names: readonly string[],
  upstreamUrl: string,
  report: (line: string) => void,
): Promise<RunningTargets> {
  const started: RunningTarget[] = [];
  const whyNot = new Map<string, string>();
  for (const target of targets.filter(({ name }) => names.includes(name))) {
    const reason = target.whyNot?.();
    if (reason === undefined) {
      await startTarget(target, upstreamUrl).then(
        (running) => started.push(running),
        (error: Error) => whyNot.set(target.name, error.message),
      );
    } else whyNot.set(target.name, reason);
    const problem = whyNot.get(target.name);
    if (problem !== undefined) report(`  SKIPPED ${target.title}: ${problem}`);
  }
  await sleep(idleMs);
  return {
    running: new Map(started.map((each) => [each.target.name, { ...each, idle: each.figures() }])),
    whyNot,
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((each) => each[Symbol.asyncDispose]()));
    },
  };
}
