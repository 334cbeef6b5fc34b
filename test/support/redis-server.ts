import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installDebianPackage } from './debian.ts';
import { freePort } from './free-port.ts';

/** A Redis of a test's own, with a port and a folder of its own, that writes down each change before it says so, unless told not to. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  /** Ends it at once, as a machine does that loses its power. */
  kill(): Promise<void>;
  /** Stops it in the middle of whatever it does, without closing a connection; and lets it go on. */
  freeze(isFrozen: boolean): void;
  /** Starts it again, on the same port and with what it had written down, if it does that. */
  start(): Promise<void>;
}

function isInstalled(): boolean {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Installs Redis where it is missing. */
export const installRedis = (): void => installDebianPackage('redis-server', isInstalled);

async function answers(port: number): Promise<void> {
  for (;;) {
    const socket = createConnection(port, '127.0.0.1');
    const isUp = await Promise.race([
      once(socket, 'connect').then(async () => {
        socket.write('PING\r\n');
        const [reply] = await once(socket, 'data');
        return String(reply).startsWith('+PONG');
      }),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isUp) return;
    await sleep(20);
  }
}

/** Starts a Redis; see {@link RedisServer}. */
export async function startRedis({ isDurable = true } = {}): Promise<RedisServer> {
  installRedis();
  const folder = mkdtempSync(join(tmpdir(), 'redis-'));
  const port = await freePort();
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
    const durable = isDurable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : [];
    child = spawn('redis-server', [...settings, ...durable], { stdio: 'ignore' });
    await answers(port);
  }
  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    kill,
    freeze: (isFrozen) => void child?.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT'),
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
