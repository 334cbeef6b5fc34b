import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A process that listens at an address. Disposing kills it. */
export interface Listening extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly url: string;
  /** What its heap held after the last collection of all of it, in MB; 0 before the first. */
  readonly liveMegabytes: () => number;
}

/** Starts a process that prints an address; its other output is thrown away. */
async function start(args: readonly string[], env: Record<string, string>, address: RegExp): Promise<Listening> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  async function kill() {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  let live = 0;
  child.stdout.on('data', (chunk) => {
    for (const [, megabytes] of String(chunk).matchAll(/Mark-Compact.*?-> ([\d.]+) \(/g)) live = Number(megabytes);
  });
  let output = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    output += chunk;
    const [, url] = address.exec(output) ?? [];
    if (url === undefined) continue;
    child.stdout.resume();
    return { child, url, liveMegabytes: () => Math.round(live), [Symbol.asyncDispose]: kill };
  }
  throw new Error(`${args.join(' ')} ended:\n${output}`);
}

/** Starts the upstream of `upstream.ts`. */
export const startUpstream = (env: Record<string, string>): Promise<Listening> =>
  start(['test/bench/bulk/upstream.ts'], env, /^(http\S+)\n/);

/** Starts the server as its users run it, in passthrough mode, without limits. */
export const startServer = (upstreamUrl: string, env: Record<string, string> = {}): Promise<Listening> =>
  start(
    ['--trace-gc', 'src/main.ts'],
    { PORT: '0', TRUTO_BASE_URL: upstreamUrl, TRUTO_RATE_LIMITS: '0', ...env },
    /"url":"([^"]+)"/,
  );
