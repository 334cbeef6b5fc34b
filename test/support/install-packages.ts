import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Installs what a folder's own package.json asks for, unless it is there as the lock file says: packages that only one kind
 * of test needs, and hundreds of megabytes of them.
 * @throws when npm fails.
 */
export function installPackages(folder: string): void {
  // Written by npm when an install is through.
  const stamp = join(folder, 'node_modules/.package-lock.json');
  const lockFile = join(folder, 'package-lock.json');
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lockFile).mtimeMs) return;
  process.stdout.write(`Installing ${folder}/node_modules …\n`);
  // None of them needs its install scripts.
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`npm ci in ${folder} ended with ${status}`);
}
