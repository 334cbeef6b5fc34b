import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../support/free-port.ts';
import { ask, isRight } from '../ask.ts';
import { pinned } from '../pinning.ts';
import { firstQuestion, type Question } from '../question.ts';
import { type ProcessFigures, readProcessFigures } from './process-figures.ts';
import type { Command, Target } from './target.ts';

const startTimeoutMs = 60_000;
const pollIntervalMs = 3;
const stopTimeoutMs = 10_000;
const shownLogCharacters = 2_000;

/** The process groups that run: none may outlive this program, however it ends. */
const groups = new Set<number>();
process.on('exit', () => {
  for (const group of groups) signalGroup(group, 'SIGKILL');
});

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // It has ended by itself.
  }
}

/** A target that runs. */
export interface RunningTarget extends AsyncDisposable {
  readonly target: Target;
  /** Its GraphQL endpoint. */
  readonly url: string;
  /** From the start of the process to its first right answer. */
  readonly startedInMs: number;
  /** Undefined where the operating system does not tell. */
  figures(): ProcessFigures | undefined;
  /** How it ended, when it did by itself; undefined while it runs. */
  whyEnded(): string | undefined;
}

/** Options for an unusual start. */
export interface StartOptions {
  /** Changes how it is started, such as through `npm start`. */
  readonly wrap?: (command: Command) => Command;
  /** The question that it must answer to count as started. @default a delete of all fields */
  readonly question?: Question;
}

/**
 * Starts a target on the server's core, and waits for its first right answer. Its output goes to a file, so that no reader of
 * a pipe competes for a core. Each line still costs the server its write.
 * @throws with the end of its output if there is no right answer within a minute.
 */
export async function startTarget(
  target: Target,
  upstreamUrl: string,
  { wrap = (command) => command, question = firstQuestion(target.dialect) }: StartOptions = {},
): Promise<RunningTarget> {
  const folder = await mkdtemp(join(tmpdir(), `bench-${target.name}-`));
  const surroundings = { upstreamUrl, port: await freePort(), folder };
  const { file, args, cwd, env } = wrap(await target.prepare(surroundings));
  const logFile = join(folder, 'output.log');
  const log = openSync(logFile, 'a');
  const [pinnedFile, pinnedArgs] = pinned('server', file, args);
  const startedAt = performance.now();
  const child = spawn(pinnedFile, pinnedArgs, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw (await once(child, 'error'))[0];
  groups.add(pid);
  const exited = once(child, 'exit').then(() => groups.delete(pid));

  const stop = async (): Promise<void> => {
    // The whole group: `npm start` has the server below it.
    signalGroup(pid, 'SIGTERM');
    const timer = setTimeout(signalGroup, stopTimeoutMs, pid, 'SIGKILL');
    await exited;
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  };

  const endOfOutput = () => readFileSync(logFile, 'utf8').slice(-shownLogCharacters);

  const url = `http://127.0.0.1:${surroundings.port}${target.path}`;
  while (!isRight(await ask(url, question).catch(() => undefined), question)) {
    if (performance.now() - startedAt > startTimeoutMs || child.exitCode !== null) {
      const output = endOfOutput();
      await stop();
      throw new Error(`${target.name} gave no right answer. It printed:\n${output}`);
    }
    await sleep(pollIntervalMs);
  }
  return {
    target,
    url,
    startedInMs: performance.now() - startedAt,
    figures: () => readProcessFigures(pid),
    whyEnded() {
      const how = child.exitCode ?? child.signalCode;
      return how === null ? undefined : `it ended with ${how}: ${endOfOutput()}`;
    },
    [Symbol.asyncDispose]: stop,
  };
}
