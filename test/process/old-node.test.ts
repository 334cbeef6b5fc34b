import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** A Node on this machine that is too old for the package; undefined where there is none. */
const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  return /^v(1[4-9]|2[01])\./.test(stdout ?? '');
});
if (oldNode === undefined) process.stderr.write('SKIPPED: no Node 14 to 21 in /usr/bin or /usr/local/bin.\n');

it.skipIf(oldNode === undefined)(
  'the packed program says on an old Node which Node it needs',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'old-node-'));
    try {
      copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
      const tsc = join(root, 'node_modules/.bin/tsc');
      execFileSync(tsc, ['-p', 'tsconfig.build.json', '--outDir', join(folder, 'dist')], { cwd: root });
      const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
      const program = join(folder, bin['truto-engagements']);
      const { status, stdout, stderr } = spawnSync(oldNode ?? '', [program, '--help'], { encoding: 'utf8' });
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(engines.node.replace('>=', 'Node '))]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  60_000,
);
