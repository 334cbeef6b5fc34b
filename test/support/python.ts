import { execFileSync } from 'node:child_process';
import { installDebianPackage } from './debian.ts';

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
  installDebianPackage(debianPackage, () => find(module) !== undefined);
  return find(module) ?? '';
}
