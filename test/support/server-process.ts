import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expectNoSecrets } from './canary.ts';
import { capturedBy, folderVariable, keepCaptured, keepSecrets } from './captured.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The variables whose values must never be printed. */
const secretNames = ['TRUTO_API_TOKEN', 'JWT_SECRET', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];

/** The server as users run it: its own process. `exited` rejects when it printed a secret. */
export interface ServerProcess extends AsyncDisposable {
  /** The GraphQL endpoint, as the process printed it. */
  readonly endpoint: string;
  /** Everything on standard output and standard error so far. */
  output(): string;
  /** The most memory it ever held, in bytes. */
  peakBytes(): Promise<number>;
  /** Causes an uncaught error: thrown in a timer, or as the rejection of a promise. */
  fail(how: 'throw' | 'reject', text?: string): void;
  signal(signal: NodeJS.Signals): void;
  /** Its exit code, once it is gone and all of its output has been read. */
  readonly exited: Promise<number | null>;
}

/**
 * Starts a node process in the project's folder with only the given environment, and collects its output. `exited` rejects when the
 * output or a response has a secret of the environment or a caller's credential (S01).
 */
export function startNode(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, ['--import', './test/support/process-probe.ts', ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, [folderVariable]: process.env[folderVariable], ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  const secrets = secretNames.flatMap((name) => env[name] ?? []);
  const exited = once(child, 'close').then(([code]) => {
    const answers = capturedBy(child.pid ?? 0);
    expectNoSecrets(`${output}\n${answers.text}`, [...secrets, ...answers.secrets]);
    keepCaptured(output);
    keepSecrets(secrets);
    return code as number | null;
  });
  return { child, exited, output: () => output };
}

/**
 * Starts `src/main.ts` on any free port and waits until it listens.
 * @throws with its output when it ends instead.
 */
export async function startServerProcess(env: Record<string, string>): Promise<ServerProcess> {
  const { child, exited, output } = startNode(['src/main.ts'], { PORT: '0', ...env });
  const listening = /"url":"([^"]+)".*"msg":"listening"/;
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', () => listening.test(output()) && resolve());
    exited.then(() => reject(new Error(`it ended before it listened:\n${output()}`)), reject);
  });
  return {
    endpoint: listening.exec(output())?.[1] ?? '',
    output,
    exited,
    async peakBytes() {
      child.send('peak');
      const [bytes] = await once(child, 'message');
      return bytes as number;
    },
    fail: (how, text = `${how === 'throw' ? 'thrown' : 'rejected'} by the probe`) =>
      void child.send({ fail: how, text }),
    signal: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
