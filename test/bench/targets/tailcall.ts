import { spawnSync } from 'node:child_process';

/**
 * Why the binary does not run here, in its own words; undefined when it does. Version 1.0.0 is the newest on npm for
 * which glibc 2.36 is enough: 1.6.14 wants 2.39.
 */
export function whyTailcallCannotRun(binary: string): string | undefined {
  const { status, error, stderr } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  return status === 0 ? undefined : `it does not run here: ${error?.message ?? stderr.trim()}`;
}
