import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oneAtATime } from './one-at-a-time.ts';

function run(...args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], { stdio: 'ignore', env });
}

/** Where this machine gets Debian's packages from. */
function findMirror(): string {
  const folder = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list', ...readdirSync(folder).map((file) => join(folder, file))].filter(existsSync);
  const texts = files.map((file) => readFileSync(file, 'utf8'));
  const [mirror] = /https?:\/\/\S+\/debian\b(?!-)/.exec(texts.join('\n').replace(/^#.*$/gm, '')) ?? [];
  if (!mirror) throw new Error('no source of Debian packages is set up');
  return mirror;
}

/**
 * The options that have apt-get look in the backports of Debian 12 as well, for this one call: the machine's own list of sources
 * stays as it is.
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
 * Installs a package of Debian's where that is allowed, unless it is there, and starts no service of it.
 * @param isBackport the package is in no release of Debian 12, only in its backports.
 * @throws when it is not there then: what needs it must not be passed over.
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
      // Not root, no Debian, or no network: the next line says what matters.
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    if (!isThere()) throw new Error(`These tests need ${name}: install it (Debian: apt-get install ${name})`);
  });
}
