import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { installDebianPackage } from './debian.ts';
import { freePort } from './free-port.ts';

/** A Redis for one test, with its own port and folder. By default, it stores each change on disk before it answers. */
export interface RedisServer extends AsyncDisposable {
  /** As `REDIS_URL` takes it. */
  readonly url: string;
  /** Kills it at once, as a power failure does. */
  kill(): Promise<void>;
  /** Suspends it without closing a connection, or lets it continue. */
  freeze(isFrozen: boolean): void;
  /** Starts it again on the same port, with the changes that it stored on disk. */
  start(): Promise<void>;
}

/** A server with Redis' protocol and configuration. */
export type RedisProgram = 'redis-server' | 'valkey-server';

/** How a Redis is started. */
export interface RedisServerOptions {
  /** True: each change is on disk before it is answered. @default true */
  readonly isDurable?: boolean;
  /** More arguments, such as `--maxmemory 2mb`. */
  readonly args?: readonly string[];
  /** @default 'redis-server' */
  readonly program?: RedisProgram;
}

const isInstalled = (program: RedisProgram) => () => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Installs Redis where it is missing. */
export const installRedis = (): void => installDebianPackage('redis-server', isInstalled('redis-server'));

/** Installs Valkey where it is missing. */
export const installValkey = (): void => installDebianPackage('valkey-server', isInstalled('valkey-server'), true);

async function answers(port: number): Promise<void> {
  for (;;) {
    const socket = createConnection(port, '127.0.0.1');
    const isUp = await Promise.race([
      once(socket, 'connect').then(async () => {
        socket.write('PING\r\n');
        const [reply] = await once(socket, 'data');
        return /^(\+PONG|-NOAUTH|-MASTERDOWN)/.test(String(reply));
      }),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isUp) return;
    await sleep(20);
  }
}

/** One process of it, with the port that it was given. */
export interface RedisProcess extends RedisServer {
  readonly port: number;
  /** Sends one command over a new connection. */
  tell(...command: readonly [name: string, ...args: (string | number)[]]): Promise<unknown>;
}

/**
 * Starts one process of Redis, Valkey or Sentinel, with nothing but the given arguments, its port and a folder.
 * @param argsOf the arguments, by the folder that it may write in.
 */
export async function startRedisProcess(
  program: RedisProgram,
  argsOf: (folder: string) => readonly string[],
): Promise<RedisProcess> {
  if (program === 'redis-server') installRedis();
  else installValkey();
  const folder = mkdtempSync(join(tmpdir(), 'redis-'));
  const port = await freePort();
  const args = [...argsOf(folder), '--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  let child: ChildProcess | undefined;
  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null;

  async function start(): Promise<void> {
    if (isRunning()) return;
    // On Linux it ends with the thread that started it, also when that one is killed before it can dispose.
    const command = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL', program] : [program];
    const [file = program, ...before] = command;
    child = spawn(file, [...before, ...args], { stdio: 'ignore' });
    await Promise.race([
      answers(port),
      once(child, 'exit').then(([code]) => {
        throw new Error(`${program} ended with ${code}`);
      }),
    ]);
  }
  async function kill(): Promise<void> {
    if (!child || !isRunning()) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  await start();
  return {
    ...{ url: `redis://127.0.0.1:${port}`, port, start, kill },
    freeze: (isFrozen) => void child?.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT'),
    async tell(name, ...rest) {
      const redis = new Redis(port, '127.0.0.1', { protocol: 2, enableReadyCheck: false, retryStrategy: () => null });
      redis.on('error', () => {});
      try {
        return await redis.call(name, ...rest);
      } finally {
        redis.disconnect();
      }
    },
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a Redis; see {@link RedisServer}. */
export function startRedis({
  isDurable = true,
  args = [],
  program = 'redis-server',
}: RedisServerOptions = {}): Promise<RedisProcess> {
  const durable = isDurable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : [];
  return startRedisProcess(program, () => ['--save', '', ...durable, ...args]);
}
