import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** How a program of the project ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Another project, in which the package is installed as npm installs it from a registry. */
export interface PackedProject extends Disposable {
  readonly folder: string;
  /** The tarball. */
  readonly tarball: string;
  /** The files in the tarball, relative to the package's folder. */
  readonly files: readonly string[];
  /** Copies a file of `test/library/` into the project. */
  add(name: string): void;
  /** Writes a file of the project. */
  write(name: string, text: string): void;
  /** Runs a program there, with nothing of this process' environment but where programs are. */
  run(command: string, args: readonly string[], env?: Record<string, string>): ProgramEnd;
}

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd, encoding: 'utf8' });
}

/**
 * Builds and packs the package, and installs it in an empty project, without install scripts and without its development
 * dependencies.
 * @throws when npm fails.
 */
export function createPackedProject(): PackedProject {
  const folder = mkdtempSync(join(tmpdir(), 'packed-'));
  const project = join(folder, 'project');
  mkdirSync(project);
  const [packed] = JSON.parse(npm(['pack', '--json', '--pack-destination', folder], root).replace(/^[^[]*/, ''));
  const tarball = join(folder, packed.filename);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  npm(['install', '--ignore-scripts', '--omit=dev', tarball], project);
  return {
    folder: project,
    tarball,
    files: packed.files.map(({ path }: { path: string }) => path),
    add: (name) => copyFileSync(join(root, 'test/library', name), join(project, name)),
    write: (name, text) => writeFileSync(join(project, name), text),
    run(command, args, env = {}) {
      // Its own npm cache, which npx uses too.
      const clean = { PATH: process.env.PATH, HOME: folder, ...env };
      const { status, stdout, stderr } = spawnSync(command, args, { cwd: project, env: clean, encoding: 'utf8' });
      return { code: status, stdout, stderr };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
