import { type Quartiles, quartilesOf } from '../statistics.ts';
import { startTarget } from '../targets/start-target.ts';
import type { Command } from '../targets/target.ts';
import { comparedTargets } from '../targets/targets.ts';
import type { Upstream } from '../upstream/start.ts';

/** How long a server takes from nothing to its first right answer. */
export interface StartupResult {
  readonly name: string;
  /** The target's name; `npm-start` for the facade by its script. */
  readonly target: string;
  readonly startedInMs: Quartiles | undefined;
  readonly complaint: string | undefined;
}

/** What is measured, for the report. */
export const startupWork = {
  name: 'startup',
  title: 'From the start of the process to the first right answer',
  equal: `The process is spawned on the server's core, and asked for one delete, all fields, every 3 ms until the answer is right.
Files are in the operating system's cache.`,
  differs: `All figures but tailcall's include Node's own start, and the figure of \`npm start\` includes npm's. The facade's sources
are TypeScript, whose compiled code is cached in \`node_modules/.cache\`. Its first answer includes the account's look-up. Hive
Gateway loads a supergraph that was composed before.`,
} as const;

/** Names the row of the facade as `npm start` begins it. */
export const npmStart = 'npm-start';

const throughNpm = ({ cwd, env }: Command): Command => ({ file: 'npm', args: ['start', '--silent'], cwd, env });

/** Starts each of the targets so many times, one after another. */
export async function measureStartup({
  times,
  names,
  upstream,
}: {
  readonly times: number;
  readonly names: readonly string[];
  readonly upstream: Upstream;
}): Promise<readonly StartupResult[]> {
  const rows = comparedTargets
    // The facade asked in another way starts as fast, and the bare road as the raw proxy.
    .filter(({ name }) => names.includes(name) && name !== 'facade-yoga' && name !== 'bare')
    .flatMap((target) => {
      const row = { target, name: target.title, key: target.name, wrap: (command: Command) => command };
      if (target.name !== 'facade') return [row];
      return [row, { target, name: `${target.title}, npm start`, key: npmStart, wrap: throughNpm }];
    });
  const results: StartupResult[] = [];
  for (const { target, name, key, wrap } of rows) {
    let complaint = target.whyNot?.();
    const durations: number[] = [];
    for (let time = 0; time < times && complaint === undefined; time += 1) {
      try {
        await using running = await startTarget(target, upstream.url, { wrap });
        durations.push(running.startedInMs);
      } catch (error) {
        complaint = String(error);
      }
    }
    const startedInMs = durations.length > 0 ? quartilesOf(durations) : undefined;
    results.push({ name, target: key, startedInMs, complaint });
  }
  return results;
}
