import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installDebianPackage } from './debian.ts';
import { freePort } from './free-port.ts';
import { jsonLines } from './json-lines.ts';

/** One line of nginx's log of requests, as far as tests look at it. */
export interface Passed {
  readonly requestId: string;
  readonly status: string;
  /** The replicas that were tried, in order. */
  readonly replicas: string;
  /** What each of them answered. */
  readonly statuses: string;
}

/** An nginx of a test's own, with the configuration of `deploy/` and a port and folder of its own. */
export interface NginxServer extends AsyncDisposable {
  /** Where it listens, without a path. */
  readonly url: string;
  /** The requests that it is done with. */
  passed(): readonly Passed[];
  /** Its error log. */
  complaints(): string;
}

/** Debian's user `nobody`. nginx needs no permissions, and its image runs without any. */
const nobody = 65_534;

function isInstalled(): boolean {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore', env: environment });
    return true;
  } catch {
    return false;
  }
}

/** Debian installs nginx into a folder that is only in root's `PATH`. */
const environment = { PATH: `${process.env.PATH}:/usr/sbin` };

/** Installs nginx where it is missing. */
export const installNginx = (): void => installDebianPackage('nginx-light', isInstalled);

/** The configuration with addresses and paths of this machine. @throws if it does not contain one of the replaced texts. */
function localized(folder: string, port: number, replicas: readonly string[], keptTime: string): string {
  let text = readFileSync(new URL('../../deploy/nginx.conf', import.meta.url), 'utf8');
  const addresses = [
    ['listen 8080;', `listen 127.0.0.1:${port};`],
    ['/tmp/', `${folder}/`],
    ['keepalive_timeout 4s;', `keepalive_timeout ${keptTime};`],
    ['/dev/stdout', `${folder}/access.log`],
    ['/dev/stderr', `${folder}/error.log`],
    ...replicas.map((replica, index) => [`engagements-${index + 1}:4000`, replica] as const),
  ] as const;
  for (const [from, to] of addresses) {
    if (!text.includes(from)) throw new Error(`deploy/nginx.conf has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/**
 * Starts nginx in front of two replicas.
 * @param replicas their hosts and ports. They may start later.
 * @param keptTime how long it keeps an idle connection to one of them.
 * @throws with its error log if it ends instead.
 */
export async function startNginx(replicas: readonly [string, string], keptTime = '4s'): Promise<NginxServer> {
  installNginx();
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, localized(folder, port, replicas, keptTime));
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(folder, nobody, nobody);
  // `-e` names the log for errors before it has read the configuration.
  const log = join(folder, 'error.log');
  const child = spawn('nginx', ['-p', folder, '-c', file, '-e', log, '-g', 'daemon off;'], {
    stdio: ['ignore', 'ignore', openSync(join(folder, 'stderr.log'), 'a')],
    env: environment,
    ...(isRoot && { uid: nobody, gid: nobody }),
  });
  const exited = once(child, 'exit');
  let isOver = false;
  void exited.then(() => {
    isOver = true;
  });
  const url = `http://127.0.0.1:${port}`;
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const complaints = () => read('stderr.log') + read('error.log');
  // Its own 404 asks no replica.
  while (
    !(await fetch(url)
      .then(({ ok }) => !ok)
      .catch(() => false))
  ) {
    if (isOver) throw new Error(`nginx ended:\n${complaints()}`);
    await sleep(20);
  }
  return {
    url,
    complaints,
    passed: () => jsonLines(read('access.log')),
    async [Symbol.asyncDispose]() {
      child.kill('SIGQUIT');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
