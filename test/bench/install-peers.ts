import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Written by npm when an install is through. */
const stamp = path('node_modules/.package-lock.json');

/**
 * Installs the peers into the bench's own folder, unless they are there as the lock file says.
 * @throws when npm fails.
 */
export function installPeers(): void {
  const isCurrent = existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(path('package-lock.json')).mtimeMs;
  if (isCurrent) return;
  process.stdout.write('Installing the peers into test/bench/node_modules, about 600 MB …\n');
  // None of them needs its install scripts.
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: path('.'),
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`npm ci in test/bench ended with ${status}`);
}
