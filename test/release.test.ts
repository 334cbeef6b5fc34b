import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const notCopied = ['node_modules', '.git', 'dist', 'reports', 'release'];
const author = {
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@a.example',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@a.example',
};

/** A repository with the project's files as they are now, and a changelog of one line. */
const folder = mkdtempSync(join(tmpdir(), 'release-'));
const read = (file: string) => readFileSync(join(folder, file), 'utf8');

function run(command: string, ...args: readonly string[]) {
  const env = { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_GLOBAL: '/dev/null', ...author };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, env, encoding: 'utf8' });
  return { code: status, stdout: stdout.trim(), stderr };
}
const git = (...args: readonly string[]) => run('git', ...args).stdout;
const release = (...args: readonly string[]) => run(process.execPath, '.github/release.ts', ...args);
const state = () => ({ head: git('rev-parse', 'HEAD'), tags: git('tag'), changed: git('status', '--porcelain') });

beforeAll(() => {
  cpSync(root, folder, { recursive: true, filter: (path) => !notCopied.includes(basename(path)) });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(
    join(folder, 'CHANGELOG.md'),
    '# Changelog\n\n## Unreleased\n\n### Added\n\n- A line.\n\n## 0.0.1 - 2020-01-01\n',
  );
  // .gitignore names a folder, and the link is none.
  writeFileSync(join(folder, '.git-exclude'), 'node_modules\n.git-exclude\n.npm\n.cache\n');
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'core.excludesFile', join(folder, '.git-exclude'));
  git('add', '--all');
  git('commit', '--quiet', '--message', 'All');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a release', () => {
  it("is refused while the repository's address is the placeholder", () => {
    const text = read('package.json').replaceAll(/github\.com\/[\w-]+\//g, 'github.com/YOUR_ORGANIZATION/');
    writeFileSync(join(folder, 'package.json'), text);
    git('commit', '--quiet', '--all', '--allow-empty', '--message', 'No address');
    const before = state();
    expect(release('patch')).toMatchObject({ code: 1, stderr: expect.stringContaining('YOUR_ORGANIZATION') });
    expect(state()).toEqual(before);
    writeFileSync(join(folder, 'package.json'), text.replaceAll('YOUR_ORGANIZATION', 'an-owner'));
    git('commit', '--quiet', '--all', '--message', 'An address');
  });

  it.each([
    ['a version that is none', ['1.0']],
    ['a lower version', ['0.0.9']],
    ['no version', []],
    ['a word that is no version', ['toString']],
  ])('is refused for %s, and nothing changes', (_what, args) => {
    const before = state();
    expect(release(...args).code).toBe(1);
    expect(state()).toEqual(before);
  });

  it.each([
    ['on another branch', () => git('switch', '--quiet', '--create', 'other'), () => git('switch', '--quiet', 'main')],
    [
      'with a file that is not committed',
      () => writeFileSync(join(folder, 'new.txt'), ''),
      () => rmSync(join(folder, 'new.txt')),
    ],
    ['of a version that has a tag', () => git('tag', 'v9.0.0'), () => git('tag', '--delete', 'v9.0.0')],
  ])('is refused %s', (_where, prepare, restore) => {
    prepare();
    const before = state();
    expect(release('9.0.0').code).toBe(1);
    expect(state()).toEqual(before);
    restore();
  });

  it('may be of the current version, when that has no tag yet', () => {
    expect(release(version, '--dry-run')).toMatchObject({ code: 0 });
  });

  it('that is only tried shows the version and the changelog, and changes nothing', () => {
    const before = state();
    const { code, stdout } = release('minor', '--dry-run');
    expect([code, stdout]).toEqual([0, expect.stringContaining('- A line.')]);
    expect(stdout).toContain(`${version} -> `);
    expect(state()).toEqual(before);
    expect(existsSync(join(folder, 'release'))).toBe(false);
  });

  it('that fails leaves every file as it was, without a commit and a tag', () => {
    writeFileSync(join(folder, 'src/config/version.ts'), 'not TypeScript');
    git('commit', '--quiet', '--all', '--message', 'A fault');
    const before = state();
    expect(release('9.0.0')).toMatchObject({ code: 1, stderr: expect.stringContaining('Nothing was released') });
    expect(state()).toEqual(before);
    git('reset', '--quiet', '--hard', 'HEAD~1');
  }, 120_000);

  it('changes the version and the changelog, packs, writes the SBOM, commits and tags, and publishes nothing', () => {
    expect(release('9.0.0')).toMatchObject({ code: 0 });
    expect(git('log', '--format=%s', '--max-count=1')).toBe('Release 9.0.0');
    expect(git('rev-parse', 'v9.0.0^{commit}')).toBe(git('rev-parse', 'HEAD'));
    expect(state().changed).toBe('');

    expect(JSON.parse(read('package.json')).version).toBe('9.0.0');
    expect(JSON.parse(read('package-lock.json'))).toMatchObject({
      version: '9.0.0',
      packages: { '': { version: '9.0.0' } },
    });
    expect(git('diff', '--numstat', 'HEAD~1', '--', 'package-lock.json')).toMatch(/^2\t2\t/);
    expect(read('deploy/kubernetes/deployment.yaml')).toContain(`image: ${name}:9.0.0\n`);
    expect(read('schema/released/schema.graphql')).toBe(read('schema/schema.graphql'));
    const today = new Date().toISOString().slice(0, 10);
    expect(read('CHANGELOG.md')).toBe(
      `# Changelog\n\n## Unreleased\n\n## 9.0.0 - ${today}\n\n### Added\n\n- A line.\n\n## 0.0.1 - 2020-01-01\n`,
    );

    expect(readdirSync(join(folder, 'release')).sort()).toEqual([`${name}-9.0.0.cdx.json`, `${name}-9.0.0.tgz`]);
    const packed = run('tar', '-xzOf', `release/${name}-9.0.0.tgz`, 'package/package.json').stdout;
    expect(JSON.parse(packed).version).toBe('9.0.0');
    const sbom = JSON.parse(read(`release/${name}-9.0.0.cdx.json`));
    expect(sbom).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name, version: '9.0.0' } } });
    const locked = Object.entries<{ version: string; dev?: boolean }>(JSON.parse(read('package-lock.json')).packages);
    const installed = locked.flatMap(([path, { version, dev }]) =>
      path === '' || dev ? [] : [`${path.replace(/^.*node_modules\//, '')}@${version}`],
    );
    const components = sbom.components.map((component: { 'bom-ref': string }) => component['bom-ref']);
    expect(components.sort()).toEqual([...new Set(installed)].sort());
    // No address of the registry that this machine happens to use.
    expect(JSON.stringify(sbom)).not.toMatch(/https?:\/\/[^"]*\.tgz/);
  }, 120_000);

  it('is published as its tarball only: the folder cannot be', () => {
    const { code, stderr } = run('npm', 'publish', '--dry-run');
    expect([code, stderr]).toEqual([1, expect.stringContaining('Publish the tarball')]);
  });

  it('is refused again at once, since nothing is unreleased', () => {
    const before = state();
    expect(release('patch')).toMatchObject({ code: 1, stderr: expect.stringContaining('Unreleased') });
    expect(state()).toEqual(before);
  });
});
