import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { DeleteLog } from './delete-log.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a facade holds at one moment, all garbage collected. */
export interface Vitals {
  readonly heapUsedBytes: number;
  readonly rssBytes: number;
  /** Sockets that keep the process alive: its callers', and those on which it waits for upstream. */
  readonly sockets: number;
  readonly timers: number;
}

/** A facade in a process of its own. */
export interface FacadeProcess extends AsyncDisposable {
  readonly endpoint: string;
  /** @throws with what it complained of when it has ended. */
  vitals(): Promise<Vitals>;
  /** The lines of its log that tell of a delete; complete once it has ended. */
  readonly deleteLog: DeleteLog;
  /** The lines of its log that complain, and all of standard error, where node prints its warnings. */
  complaints(): readonly string[];
  /** Asks it to end, and tells its exit code. */
  stop(): Promise<number | null>;
}

function onLine(stream: Readable | null, listener: (line: string) => void): void {
  if (stream) createInterface({ input: stream }).on('line', listener);
}

/**
 * Starts `src/main.ts` on any free port with only the given environment.
 * @param keepsLines keep what its log says of each delete.
 * @throws with what it complained of when it ends instead.
 */
export async function startFacadeProcess(
  env: Readonly<Record<string, string>>,
  keepsLines: boolean,
): Promise<FacadeProcess> {
  const child = spawn(process.execPath, ['--expose-gc', '--import', './test/soak/report-vitals.ts', 'src/main.ts'], {
    cwd: root,
    env: { PATH: process.env.PATH, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const closed = once(child, 'close').then(([code]) => code as number | null);
  const complaints: string[] = [];
  const deleteLog = new DeleteLog(keepsLines);
  const listening = Promise.withResolvers<string>();
  onLine(child.stderr, (line) => complaints.push(line));
  onLine(child.stdout, (line) => {
    if (deleteLog.take(line)) return;
    if (line.endsWith('"msg":"listening"}')) listening.resolve(JSON.parse(line).url);
    else if (!line.startsWith('{"level":30,')) complaints.push(line);
  });
  const ended = closed.then((code) => {
    throw new Error(`the facade ended with code ${code}:\n${complaints.join('\n')}`);
  });
  ended.catch(listening.reject);

  return {
    endpoint: await listening.promise,
    async vitals() {
      const reply = once(child, 'message');
      child.send('vitals', () => {});
      const [vitals] = await Promise.race([reply, ended]);
      return vitals as Vitals;
    },
    deleteLog,
    complaints: () => complaints,
    stop() {
      child.kill('SIGTERM');
      return closed;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}
