import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { oneAtATime } from './one-at-a-time.ts';

/**
 * Installs what a folder's own package.json asks for, unless it is there as the lock file says: packages that only one kind
 * of test needs, and many megabytes of them. Test files that ask for the same folder at the same time get one install.
 * @param size how much that is, for who waits.
 * @throws when npm fails.
 */
export function installPackages(folder: string, size = '700 MB'): void {
  oneAtATime(`install ${folder}`, () => {
    if (!isInstalled(folder)) install(folder, size);
  });
}

function isInstalled(folder: string): boolean {
  // Written by npm when an install is through.
  const stamp = join(folder, 'node_modules/.package-lock.json');
  const lockFile = join(folder, 'package-lock.json');
  return existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lockFile).mtimeMs;
}

function install(folder: string, size: string): void {
  process.stdout.write(`Installing ${join(folder, 'node_modules')}, about ${size} …\n`);
  // None of them needs its install scripts.
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`npm ci in ${folder} ended with ${status}`);
}
