import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createFolder } from '../support/folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** A Node on this machine that is too old for the package; undefined where there is none. */
const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  return /^v(1[4-9]|2[01])\./.test(stdout ?? '');
});
/** This Node, with the version of an old one. It cannot show that an old one can read the program. */
const pretended = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } })`;
const command = oldNode === undefined ? [process.execPath, '--import', pretended] : [oldNode];
if (oldNode === undefined) process.stderr.write('No Node 14 to 21 is here: this one pretends to be 20.20.2.\n');

it('the packed program says on an old Node which Node it needs', () => {
  using made = createFolder();
  const folder = made.path;
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  const tsc = join(root, 'node_modules/.bin/tsc');
  execFileSync(tsc, ['-p', 'tsconfig.build.json', '--outDir', join(folder, 'dist')], { cwd: root });
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const program = join(folder, bin['truto-engagements']);
  const [node = '', ...flags] = command;
  const { status, stdout, stderr } = spawnSync(node, [...flags, program, '--help'], { encoding: 'utf8' });
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(engines.node.replace('>=', 'Node '))]);
}, 60_000);
