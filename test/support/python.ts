import { execFileSync } from 'node:child_process';

/** The machine's own, then Debian's: packages of Debian are for the latter only. */
const candidates = ['python3', '/usr/bin/python3'];

function find(module: string): string | undefined {
  return candidates.find((python) => {
    try {
      execFileSync(python, ['-c', `import ${module}`], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * A Python 3 that has a module. Where there is none, Debian's package is installed, if that is allowed.
 * @throws when there is none then: what needs it must not be passed over.
 */
export function pythonWith(module: string, debianPackage: string): string {
  const found = find(module);
  if (found) return found;
  try {
    execFileSync('apt-get', ['update'], { stdio: 'ignore' });
    execFileSync('apt-get', ['install', '--yes', '--no-install-recommends', debianPackage], {
      stdio: 'ignore',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  } catch {
    // Not root, no Debian, or no network: the next line says what matters.
  }
  const installed = find(module);
  if (!installed) throw new Error(`These tests need Python 3 with ${module}: install it (Debian: ${debianPackage})`);
  return installed;
}
