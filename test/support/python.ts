import { execFileSync } from 'node:child_process';
import { installDebianPackage } from './debian.ts';

/** The machine's own, then Debian's: Debian's packages work only with the latter. */
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
 * A Python 3 with a module. If there is none, it installs Debian's package, if that is allowed.
 * @throws when there is still none, so that no test is skipped silently.
 */
export function pythonWith(module: string, debianPackage: string): string {
  installDebianPackage(debianPackage, () => find(module) !== undefined);
  return find(module) ?? '';
}
