import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { equivalents } from './equivalents.ts';
import { modules } from './modules.ts';
import { type Mutant, mutantsOf } from './mutate.ts';
import { addProbes, stretchAt } from './probes.ts';
import type { Question, Ran } from './tester.ts';

/**
 * Finds changes of the source that the tests do not notice: `npm run mutants`. It tries one mutant in twenty, chosen by the seed, in
 * copies of the tree. First it records which test files reach which stretches of the source. For each mutant, the quick files that
 * are most about its stretch run first. Exits with 1 if fewer than 90 % of the mutants that are not equivalent are noticed.
 * `--only auth` takes the modules with that in their path, `--one-in 5` more mutants, `--text isOpen` all mutants with that in their
 * line. `--list` only lists them.
 */
const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    'one-in': { type: 'string', default: '20' },
    text: { type: 'string' },
    seed: { type: 'string', default: '1' },
    list: { type: 'boolean', default: false },
  },
});

/** `late`: its tests did not end in time. That proves nothing, so it does not count as noticed. */
type Result = 'noticed' | 'late' | 'survived' | 'equivalent';

/** The last result of a test file, and the state of it and of the source at that time. */
interface Known extends Ran {
  readonly state: string;
}

interface Trial extends Mutant {
  readonly path: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const reachedPath = join(root, 'reports/reached.json');
const workerCount = 2;
/** A mutant may wait for ever. This is several times what the slowest test file takes, also on a busy machine. */
const maxFileMs = 300_000;
/** Enough for all quick tests, also on a busy machine. */
const maxReachMs = 3_600_000;
/** The tests of a survivor take the most time. A mutant that this many files do not notice survives, though one more might. */
const maxFilesTried = 20;
const leastNoticedPercent = 90;

const texts = new Map<string, string>();

/** The text of a file as it was at its first read: a run takes long, and the file may be edited meanwhile. */
function textOf(path: string): string {
  const text = texts.get(path) ?? readFileSync(join(root, path), 'utf8');
  texts.set(path, text);
  return text;
}
const nameOf = (before: string, after: string) => JSON.stringify([before, after]);
const isEquivalent = new Set(equivalents.map(([before, after]) => nameOf(before, after)));

/** From 0 to 1, by the mutant's text alone: it stays chosen when it moves, or when other code changes. */
function draw({ before, after }: Mutant): number {
  const hash = createHash('sha256').update(options.seed + nameOf(before, after));
  return hash.digest().readUInt32BE() / 2 ** 32;
}

function choose(): readonly Trial[] {
  const stale = modules.filter((pattern) => globSync(pattern, { cwd: root }).length === 0);
  if (stale.length > 0) throw new Error(`No module is called ${stale.join(', ')}: see modules.ts.`);
  const paths = [...new Set(globSync([...modules], { cwd: root }))].sort();
  const all = paths.flatMap((path) => mutantsOf(textOf(path)).map((mutant) => ({ ...mutant, path })));
  const names = new Set(all.map(({ before, after }) => nameOf(before, after)));
  const old = equivalents.filter(([before, after]) => !names.has(nameOf(before, after)));
  if (old.length > 0)
    throw new Error(`No mutant is this: ${old.map(([before]) => before).join(', ')}. See equivalents.ts.`);
  const isChosen = (trial: Trial) =>
    options.text === undefined ? draw(trial) < 1 / Number(options['one-in']) : trial.before.includes(options.text);
  return all.filter((trial) => trial.path.includes(options.only) && isChosen(trial));
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

/** A copy of the tree and what runs its tests, in a process of its own: a mutant may let that hang, and then it is replaced. */
class Worker {
  readonly #copy = copyTree();
  #tester: { readonly process: ChildProcess; readonly exit: Promise<unknown> } | undefined;

  /** What the tester answers; undefined, if it does not in time. */
  async ask(question: Extract<Question, { files: unknown }>, maxMs: number): Promise<readonly Ran[] | undefined> {
    if (!this.#tester) {
      const tester = fork(join(root, 'test/mutants/tester.ts'), { cwd: this.#copy, stdio: 'ignore', detached: true });
      this.#tester = { process: tester, exit: once(tester, 'exit').then(() => []) };
    }
    const { process: tester, exit } = this.#tester;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), maxMs);
    const answered = once(tester, 'message', { signal: late.signal }).catch(() => []);
    tester.send(question);
    const [answer] = (await Promise.race([answered, exit])) as readonly (readonly Ran[] | undefined)[];
    clearTimeout(timer);
    if (answer === undefined) this.end();
    return answer;
  }

  change(path: string, code: string): void {
    writeFileSync(join(this.#copy, path), code);
    this.#tester?.process.send({ ask: 'changed', path } satisfies Question);
  }

  /** With what its tests have started, which must not outlive it. */
  end(): void {
    try {
      const pid = this.#tester?.process.pid;
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
    this.#tester = undefined;
  }

  remove(): void {
    this.end();
    rmSync(this.#copy, { recursive: true, force: true });
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex');

/** What the last run found out of each test file, where neither it nor what it tests has changed since. */
function recall(files: readonly string[]): ReadonlyMap<string, { readonly state: string; readonly known?: Known }> {
  const all: readonly Known[] = existsSync(reachedPath) ? JSON.parse(readFileSync(reachedPath, 'utf8')) : [];
  const known = new Map(all.map((each) => [each.file, each]));
  const shared = globSync(['src/**/*.ts', 'test/support/**/*.ts'], { cwd: root }).sort().map(textOf).join('');
  return new Map(
    files.map((file) => {
      const state = digest(shared + textOf(file));
      const last = known.get(file);
      return [file, last?.state === state ? { state, known: last } : { state }];
    }),
  );
}

/** Which stretches each test file reaches. Files that fail without a mutant are left out: they would notice every mutant. */
async function findReached(worker: Worker): Promise<readonly Ran[]> {
  const recalled = recall(globSync('test/**/*.test.ts', { cwd: root }));
  const ran = [...recalled.values()].flatMap(({ known }) => known ?? []);
  const paths = globSync([...modules], { cwd: root });
  for (const path of paths) worker.change(path, addProbes(path, textOf(path)));
  // On a busy machine, some files fail only next to others. They run again.
  for (let round = 1; round <= 2; round += 1) {
    const isKnown = new Set(ran.map(({ file }) => file));
    const files = [...recalled.keys()].filter((file) => !isKnown.has(file));
    const found = files.length === 0 ? [] : await worker.ask({ ask: 'reach', files }, maxReachMs);
    if (!found) throw new Error('The tests without any mutant have not ended.');
    const good = found.filter(({ passed }) => passed);
    ran.push(...good.map((each) => ({ ...each, state: recalled.get(each.file)?.state ?? '' })));
    if (round === 2)
      for (const { file } of found.filter(({ passed }) => !passed))
        process.stdout.write(`${file} fails without any mutant, and is left out.\n`);
  }
  worker.end();
  for (const path of paths) worker.change(path, textOf(path));
  mkdirSync(dirname(reachedPath), { recursive: true });
  writeFileSync(reachedPath, JSON.stringify(ran));
  return ran;
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

/**
 * The test files that reach the mutant's stretch, and those with its module's name: they may do so in a process of their own, which counts
 * nothing. First come those about its module: they reach stretches of it that few others reach, or reach little else, or have its name. A
 * slow file needs a higher score.
 */
function filesFor({ path, start }: Trial, ran: readonly Ran[]): readonly string[] {
  const stretch = stretchAt(path, textOf(path), start);
  const inModule = ({ reached }: Ran) => Object.keys(reached).filter((name) => name.startsWith(`${path}:`));
  const isNamed = ({ file }: Ran) => basename(file).startsWith(basename(path, '.ts'));
  const fileCounts = new Map<string, number>();
  for (const name of ran.flatMap(inModule)) fileCounts.set(name, (fileCounts.get(name) ?? 0) + 1);
  const scored = ran
    .filter((each) => each.reached[stretch] || isNamed(each))
    .map((each) => {
      const own = inModule(each);
      const rarity = sum(own.map((name) => 1 / (fileCounts.get(name) ?? 1)));
      const share = sum(own.map((name) => each.reached[name] ?? 0)) / sum(Object.values(each.reached));
      return { file: each.file, score: ((isNamed(each) ? 5 : 1) * (rarity + share)) / Math.sqrt(each.ms + 1_000) };
    });
  return scored.toSorted((one, other) => other.score - one.score).map(({ file }) => file);
}

async function tryOne(worker: Worker, trial: Trial, ran: readonly Ran[]): Promise<readonly [Result, by?: string]> {
  const { path, start, end, replacement, before, after } = trial;
  if (isEquivalent.has(nameOf(before, after))) return ['equivalent'];
  const code = textOf(path);
  worker.change(path, code.slice(0, start) + replacement + code.slice(end));
  try {
    for (const file of filesFor(trial, ran).slice(0, maxFilesTried)) {
      // Twice: on a busy machine, a test may time out.
      for (let round = 1; ; round += 1) {
        const answer = await worker.ask({ ask: 'run', files: [file] }, maxFileMs);
        if (!answer) return ['late', file];
        if (answer[0]?.passed) break;
        if (round === 2) return ['noticed', file];
      }
    }
    return ['survived'];
  } finally {
    worker.change(path, code);
  }
}

function percentNoticed(results: readonly Result[]): number {
  const counted = results.filter((result) => result !== 'equivalent');
  const noticed = counted.filter((result) => result === 'noticed');
  return counted.length === 0 ? 100 : (100 * noticed.length) / counted.length;
}

const lineOf = ({ path, start }: Trial) => `${path}:${textOf(path).slice(0, start).split('\n').length}`;
const showDiff = (trial: Trial) => `${lineOf(trial)}\n  - ${trial.before}\n  + ${trial.after}\n`;

function printResults(results: ReadonlyMap<Trial, Result>): void {
  const entries = [...results];
  const row = (name: string, of: readonly Result[]) => {
    const count = (wanted: Result) => of.filter((result) => result === wanted).length;
    const counts = [of.length, count('noticed'), count('late'), count('survived'), count('equivalent')];
    return `| ${name} | ${counts.join(' | ')} | ${percentNoticed(of).toFixed(1)} % |\n`;
  };
  const folders = Map.groupBy(entries, ([{ path }]) => path.split('/').slice(0, 2).join('/'));
  process.stdout.write(
    '\n| folder | tried | noticed | late | survived | equivalent | of those not equivalent |\n| --- | --: | --: | --: | --: | --: | --: |\n',
  );
  for (const [folder, of] of folders) {
    const ofFolder = of.map(([, result]) => result);
    process.stdout.write(row(folder, ofFolder));
  }
  process.stdout.write(row('all', [...results.values()]));
  const survivors = entries
    .filter(([, result]) => result === 'survived' || result === 'late')
    .map(([trial]) => showDiff(trial));
  if (survivors.length > 0) process.stdout.write(`\nNoticed by no test:\n${survivors.join('')}`);
}

async function main(): Promise<void> {
  const trials = choose();
  if (options.list) return void process.stdout.write(trials.map(showDiff).join(''));
  const workers = Array.from({ length: workerCount }, () => new Worker());
  process.once('exit', () => {
    for (const worker of workers) worker.remove();
  });
  process.once('SIGINT', () => process.exit(130));
  const ran = await findReached(workers[0] as Worker);
  const results = new Map<Trial, Result>();
  const left = [...trials];
  const work = async (worker: Worker) => {
    for (let trial = left.shift(); trial; trial = left.shift()) {
      const [result, by = ''] = await tryOne(worker, trial, ran);
      results.set(trial, result);
      process.stdout.write(`${results.size}/${trials.length} ${result} ${by} ${showDiff(trial)}`);
    }
  };
  await Promise.all(workers.map(work));
  for (const worker of workers) worker.remove();
  printResults(results);
  process.exitCode = percentNoticed([...results.values()]) < leastNoticedPercent ? 1 : 0;
}

await main();
