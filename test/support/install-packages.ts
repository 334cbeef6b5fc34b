import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { oneAtATime } from './one-at-a-time.ts';

/**
 * Installs the packages of a folder's own package.json, unless they match the lock file already: packages that only one kind
 * of test needs, with many megabytes. Test files that request the same folder at the same time share one install.
 * @param size the size of the download, for the message.
 * @throws when npm fails.
 */
export function installPackages(folder: string, size = '800 MB'): void {
  oneAtATime(`install ${folder}`, () => {
    if (!isInstalled(folder)) install(folder, size);
  });
}

function isInstalled(folder: string): boolean {
  // npm writes it when an install is complete.
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
