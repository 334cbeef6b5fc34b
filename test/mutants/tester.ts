import { fileURLToPath } from 'node:url';
import { type CliOptions, createVitest, type TestModule, type Vitest } from 'vitest/node';

/** A request to a tester. It answers all except `changed`. */
export type Question =
  | { readonly ask: 'reach'; readonly files: readonly string[] }
  | { readonly ask: 'run'; readonly files: readonly string[] }
  | { readonly ask: 'changed'; readonly path: string };

/** The result of a test file, and how often it reached each stretch of the source. */
export interface Ran {
  readonly file: string;
  readonly passed: boolean;
  readonly ms: number;
  readonly reached: Readonly<Record<string, number>>;
}

/**
 * This separate process keeps Vitest running in the copy of the tree that it is started in. It starts once, not for each mutant, and
 * transforms only the module that changed.
 */
const root = process.cwd();
/** Longer than any test takes without a mutant. */
const testTimeout = 20_000;

/** The test files with a failure. Vitest forgets a failure when the rest of its file is cancelled. */
const failed = new Set<string>();

async function start(options: CliOptions, setupFiles: readonly string[] = []): Promise<Vitest> {
  const vitest: Vitest = await createVitest({
    root,
    watch: false,
    project: ['quick', 'quick-alone'],
    reporters: [
      {
        // The first failure is enough.
        onTestCaseResult: (test) => {
          if (test.result().state !== 'failed') return;
          failed.add(test.module.moduleId);
          void vitest.cancelCurrentRun('test-failure');
        },
      },
    ],
    ...options,
  });
  for (const { config } of vitest.projects) {
    // Each mutant has to be loaded.
    config.isolate = true;
    config.setupFiles.push(...setupFiles);
  }
  await vitest.standalone();
  return vitest;
}

const running = start({ maxWorkers: 1, testTimeout });

async function run(vitest: Vitest, files: readonly string[]): Promise<readonly Ran[]> {
  failed.clear();
  const paths = new Set(files.map((file) => `${root}/${file}`));
  const all = await vitest.globTestSpecifications([...paths]);
  const specifications = all.filter(({ moduleId }) => paths.has(moduleId));
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  const isClean = files.length > 1 || unhandledErrors.length === 0;
  const ended = testModules.filter(({ moduleId }) => paths.has(moduleId));
  return ended.map((module: TestModule) => ({
    file: module.moduleId.slice(root.length + 1),
    passed: module.ok() && !failed.has(module.moduleId) && isClean,
    ms: module.diagnostic().duration,
    reached: module.meta().reached ?? {},
  }));
}

async function findReached(files: readonly string[]): Promise<readonly Ran[]> {
  const setupFiles = [fileURLToPath(new URL('count-reached.ts', import.meta.url))];
  const vitest = await start({ reporters: [] }, setupFiles);
  try {
    return await run(vitest, files);
  } finally {
    await vitest.close();
  }
}

process.on('message', async (question: Question) => {
  const vitest = await running;
  if (question.ask === 'changed') vitest.invalidateFile(`${root}/${question.path}`);
  else if (question.ask === 'run') process.send?.(await run(vitest, question.files));
  else process.send?.(await findReached(question.files));
});
