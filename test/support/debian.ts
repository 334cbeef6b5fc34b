import { execFileSync } from 'node:child_process';
import { oneAtATime } from './one-at-a-time.ts';

function run(...args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], { stdio: 'ignore', env });
}

/**
 * Installs a package of Debian's where that is allowed, unless it is there, and starts no service of it.
 * @throws when it is not there then: what needs it must not be passed over.
 */
export function installDebianPackage(name: string, isThere: () => boolean): void {
  oneAtATime('apt-get', () => {
    if (isThere()) return;
    try {
      run('update');
      run('install', '--yes', '--no-install-recommends', name);
    } catch {
      // Not root, no Debian, or no network: the next line says what matters.
    }
    if (!isThere()) throw new Error(`These tests need ${name}: install it (Debian: apt-get install ${name})`);
  });
}
