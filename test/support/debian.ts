import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oneAtATime } from './one-at-a-time.ts';

function run(...args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], { stdio: 'ignore', env });
}

/** The source of this machine's Debian packages. */
function findMirror(): string {
  const folder = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list', ...readdirSync(folder).map((file) => join(folder, file))].filter(existsSync);
  const texts = files.map((file) => readFileSync(file, 'utf8'));
  const [mirror] = /https?:\/\/\S+\/debian\b(?!-)/.exec(texts.join('\n').replace(/^#.*$/gm, '')) ?? [];
  if (!mirror) throw new Error('no source of Debian packages is set up');
  return mirror;
}

/**
 * The options for apt-get to search the backports of Debian 12 too, for this one call. The machine's own list of sources
 * is unchanged.
 */
function withBackports(folder: string): readonly string[] {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const suites = ['bookworm', 'bookworm-backports'];
  const lines = suites.map((suite) => `deb [signed-by=${keyring}] ${findMirror()} ${suite} main\n`);
  writeFileSync(join(folder, 'sources.list'), lines.join(''));
  mkdirSync(join(folder, 'lists/partial'), { recursive: true });
  const list = `Dir::Etc::sourcelist=${join(folder, 'sources.list')}`;
  return ['-o', list, '-o', 'Dir::Etc::sourceparts=-', '-o', `Dir::State::lists=${join(folder, 'lists')}`];
}

const isBookworm = (): boolean =>
  existsSync('/etc/os-release') && /VERSION_CODENAME=bookworm/.test(readFileSync('/etc/os-release', 'utf8'));

/**
 * Installs a Debian package if it is missing and that is allowed, and starts none of its services.
 * @param isBackport true for a package that is only in the backports of Debian 12.
 * @throws when it is still missing, so that no test is skipped silently.
 */
export function installDebianPackage(name: string, isThere: () => boolean, isBackport = false): void {
  oneAtATime('apt-get', () => {
    if (isThere()) return;
    const folder = mkdtempSync(join(tmpdir(), 'apt-'));
    try {
      const from = isBackport && isBookworm() ? withBackports(folder) : [];
      const release = from.length > 0 ? ['--target-release', 'bookworm-backports'] : [];
      run(...from, 'update');
      run(...from, 'install', '--yes', '--no-install-recommends', ...release, name);
    } catch {
      // Not root, no Debian, or no network. The next line reports the result.
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    if (!isThere()) throw new Error(`These tests need ${name}: install it (Debian: apt-get install ${name})`);
  });
}
