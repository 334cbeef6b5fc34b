import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { areas } from './areas.ts';
import { equivalents } from './equivalents.ts';
import { type Mutant, mutantsOf } from './mutate.ts';

/**
 * Which changes of the source the tests notice: `npm run mutants`. One mutant in twenty of each module is tried, in copies of the
 * tree; which, the seed decides. 1 when fewer than 90 % of those that are not equivalent are noticed.
 * `--only auth` takes the modules whose path has that, `--one-in 5` more of their mutants, `--list` shows them alone.
 */

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    'one-in': { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    list: { type: 'boolean', default: false },
  },
});

/** `late`: its tests were ended before they were through. That proves nothing, so it does not count as noticed. */
type Result = 'noticed' | 'late' | 'survived' | 'equivalent';

type RoundEnd = 'passed' | 'failed' | 'late';

interface Trial extends Mutant {
  readonly path: string;
  readonly rounds: readonly (readonly string[])[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const workerCount = 2;
/** A mutant may wait for ever. Several times what the slowest round takes, on a busy machine too. */
const maxRoundMs = 900_000;
/** A wait that only a mutant makes so long. */
const testTimeoutMs = 20_000;
const leastNoticedPercent = 90;

const nameOf = ({ file, before, after }: Mutant) => JSON.stringify([file, before, after]);
const isEquivalent = new Set(equivalents.map(([file, before, after]) => JSON.stringify([file, before, after])));

/** Decides by the mutant's name alone: what changes around it lets it stay chosen. */
function draw(mutant: Mutant): string {
  return createHash('sha256')
    .update(options.seed + nameOf(mutant))
    .digest('hex');
}

function testFiles(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => globSync(`test/${name}.test.ts`, { cwd: root }));
}

function choose(): readonly Trial[] {
  const stale = areas
    .flatMap(({ modules }) => modules)
    .filter((pattern) => globSync(pattern, { cwd: root }).length === 0);
  if (stale.length > 0) throw new Error(`No module is called ${stale.join(', ')}: see areas.ts.`);
  const seen = new Set<string>();
  return areas.flatMap(({ modules, rounds }) => {
    const paths = globSync([...modules], { cwd: root })
      .filter((path) => !seen.has(path))
      .sort();
    for (const path of paths) seen.add(path);
    const trialsOf = (path: string): readonly Trial[] => {
      const all = mutantsOf(basename(path), readFileSync(join(root, path), 'utf8'));
      const count = Math.max(Math.min(1, all.length), Math.round(all.length / Number(options['one-in'])));
      const chosen = all.toSorted((one, other) => (draw(one) < draw(other) ? -1 : 1)).slice(0, count);
      return chosen.map((mutant) => ({ ...mutant, path, rounds: rounds.map(testFiles) }));
    };
    return paths.filter((path) => path.includes(options.only)).flatMap(trialsOf);
  });
}

/** A copy of the tree as it is, with what is not committed; what is installed is shared. */
function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'mutants-'));
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8' });
  for (const file of listed.split('\0').filter((name) => name !== '' && existsSync(join(root, name))))
    cpSync(join(root, file), join(copy, file));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

const running = new Set<ChildProcess>();

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

async function runTests(copy: string, files: readonly string[]): Promise<RoundEnd> {
  if (files.length === 0) return 'passed';
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const limits = ['--bail=1', '--maxWorkers=1', `--testTimeout=${testTimeoutMs}`, '--reporter=dot'];
  const child = spawn(process.execPath, [vitest, 'run', ...limits, ...files], {
    cwd: copy,
    stdio: 'ignore',
    detached: true,
  });
  running.add(child);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    endGroup(child);
  }, maxRoundMs);
  const [code] = await once(child, 'exit');
  clearTimeout(timer);
  // What a test has started must not outlive it.
  endGroup(child);
  running.delete(child);
  if (isLate) return 'late';
  return code === 0 ? 'passed' : 'failed';
}

async function tryOne(copy: string, { path, start, end, replacement, rounds, ...mutant }: Trial): Promise<Result> {
  if (isEquivalent.has(nameOf({ ...mutant, start, end, replacement }))) return 'equivalent';
  const code = readFileSync(join(root, path), 'utf8');
  writeFileSync(join(copy, path), code.slice(0, start) + replacement + code.slice(end));
  try {
    for (const files of rounds) {
      const end = await runTests(copy, files);
      if (end !== 'passed') return end === 'late' ? 'late' : 'noticed';
    }
    return 'survived';
  } finally {
    writeFileSync(join(copy, path), code);
  }
}

function percentNoticed(results: readonly Result[]): number {
  const counted = results.filter((result) => result !== 'equivalent');
  const noticed = counted.filter((result) => result === 'noticed');
  return counted.length === 0 ? 100 : (100 * noticed.length) / counted.length;
}

function lineOf({ path, start }: Trial): string {
  return `${path}:${readFileSync(join(root, path), 'utf8').slice(0, start).split('\n').length}`;
}

const showDiff = (trial: Trial) => `${lineOf(trial)}\n  - ${trial.before}\n  + ${trial.after}\n`;

function printResults(results: ReadonlyMap<Trial, Result>): void {
  const entries = [...results];
  const row = (name: string, of: readonly Result[]) => {
    const count = (wanted: Result) => of.filter((result) => result === wanted).length;
    const counts = [of.length, count('noticed'), count('late'), count('survived'), count('equivalent')];
    return `| ${name} | ${counts.join(' | ')} | ${percentNoticed(of).toFixed(1)} % |\n`;
  };
  const folders = Map.groupBy(entries, ([{ path }]) => dirname(path));
  process.stdout.write(
    '\n| folder | tried | noticed | late | survived | equivalent | of those not equivalent |\n| --- | --: | --: | --: | --: | --: | --: |\n',
  );
  for (const [folder, of] of folders)
    process.stdout.write(
      row(
        folder,
        of.map(([, result]) => result),
      ),
    );
  process.stdout.write(row('all', [...results.values()]));
  const survivors = entries
    .filter(([, result]) => result === 'survived' || result === 'late')
    .map(([trial]) => showDiff(trial));
  if (survivors.length > 0) process.stdout.write(`\nNoticed by no test:\n${survivors.join('')}`);
}

/** Tests that fail without any mutant would notice everything: they are left out. */
async function findFailing(copies: readonly string[], files: readonly string[]): Promise<ReadonlySet<string>> {
  const failing = new Set<string>();
  const left = [...files];
  const work = async (copy: string) => {
    for (let file = left.shift(); file; file = left.shift()) {
      if ((await runTests(copy, [file])) === 'passed') continue;
      failing.add(file);
      process.stdout.write(`${file} fails without any mutant, and is left out.\n`);
    }
  };
  await Promise.all(copies.map(work));
  return failing;
}

async function main(): Promise<void> {
  const trials = choose();
  if (options.list) return void process.stdout.write(trials.map(showDiff).join(''));
  const copies = Array.from({ length: workerCount }, copyTree);
  process.once('exit', () => {
    for (const child of running) endGroup(child);
    for (const copy of copies) rmSync(copy, { recursive: true, force: true });
  });
  process.once('SIGINT', () => process.exit(130));
  const useless = await findFailing(copies, [...new Set(trials.flatMap(({ rounds }) => rounds.flat()))]);
  const left = trials.map(({ rounds, ...trial }) => ({
    ...trial,
    rounds: rounds.map((files) => files.filter((file) => !useless.has(file))),
  }));
  const results = new Map<Trial, Result>();
  const work = async (own: string) => {
    for (let trial = left.shift(); trial; trial = left.shift()) {
      const result = await tryOne(own, trial);
      results.set(trial, result);
      process.stdout.write(`${results.size}/${trials.length} ${result} ${showDiff(trial)}`);
    }
  };
  await Promise.all(copies.map(work));
  printResults(results);
  process.exitCode = percentNoticed([...results.values()]) < leastNoticedPercent ? 1 : 0;
}

await main();
