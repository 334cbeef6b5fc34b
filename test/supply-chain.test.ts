import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

type Versions = Readonly<Record<string, string>>;

/** An entry of the lock file, as far as it matters here. */
interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Versions;
  readonly devDependencies?: Versions;
  readonly optionalDependencies?: Versions;
  readonly peerDependencies?: Versions;
}

interface Manifest {
  readonly scripts?: Versions;
  readonly dependencies: Versions;
  readonly devDependencies: Versions;
  readonly allowScripts?: Readonly<Record<string, boolean>>;
  readonly [key: string]: unknown;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(root + file, 'utf8');
const manifest: Manifest = JSON.parse(read('package.json'));
const { '': own, ...locked } = JSON.parse(read('package-lock.json')).packages as Record<string, Locked>;
const entries = Object.entries(locked);

/** The packages that may run something of theirs when they are installed. */
const mayRunScripts: Versions = {
  // Fetches the binary for the machine: every script here runs on the Node that it brings. For development only.
  node: 'preinstall',
};

const installScripts = ['preinstall', 'install', 'postinstall'];
const nameOf = (path: string) => path.replace(/^.*node_modules\//, '');

describe('S18 the lock file', () => {
  it('is what package.json asks for', () => {
    expect(entries.length).toBeGreaterThan(200);
    expect(own?.dependencies).toEqual(manifest.dependencies);
    expect(own?.devDependencies).toEqual(manifest.devDependencies);
  });

  it('knows the content of every package, and no address to take one from: the registry is for npm to know', () => {
    for (const [path, { version, integrity, resolved, link }] of entries) {
      expect(integrity, path).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
      expect(version, path).toMatch(/^\d+\.\d+\.\d+(-[\w.-]+)?(\+[\w.-]+)?$/);
      expect([path, resolved, link]).toEqual([path, undefined, undefined]);
      expect(path).toMatch(/^node_modules\//);
    }
  });

  it('has no package that asks for another from a repository, an address or a folder', () => {
    const kinds = ['dependencies', 'optionalDependencies', 'peerDependencies'] as const;
    for (const [path, entry] of entries) {
      for (const [name, wanted] of kinds.flatMap((kind) => Object.entries(entry[kind] ?? {})))
        expect(wanted, `${path} asks for ${name}`).not.toMatch(/[:/]/);
    }
  });
});

describe('S18 package.json', () => {
  it.each(Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))(
    'pins %s exactly: %s',
    (_name, version) => {
      expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    },
  );

  it('has no other way to bring packages in, and runs nothing of its own at an install', () => {
    const ways = [
      'optionalDependencies',
      'bundledDependencies',
      'bundleDependencies',
      'overrides',
      'workspaces',
      'peerDependencies',
    ];
    expect(Object.keys(manifest).filter((key) => ways.includes(key))).toEqual([]);
    const scripts = [...installScripts, 'prepare', 'preprepare', 'postprepare', 'dependencies'];
    expect(Object.keys(manifest.scripts ?? {}).filter((name) => scripts.includes(name))).toEqual([]);
  });

  it('says nowhere which registry to use', () => {
    expect(read('.npmrc')).not.toMatch(/registry|_auth|:\/\//i);
    expect(manifest).not.toHaveProperty('publishConfig');
  });
});

describe('S18 an install', () => {
  it('may run scripts of the packages on our list only', () => {
    const scripted = entries.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path));
    expect(scripted).toEqual(Object.keys(mayRunScripts));
    const allowed = Object.entries(manifest.allowScripts ?? {}).filter(([, isAllowed]) => isAllowed);
    expect(allowed.map(([name]) => name)).toEqual(Object.keys(mayRunScripts));
  });

  it('has run no others: the packages have none that the lock file is silent about', () => {
    const installed = entries.map(([path]) => path).filter((path) => existsSync(`${root}${path}/package.json`));
    expect(installed.length).toBeGreaterThan(200);
    for (const path of installed) {
      const { scripts = {} } = JSON.parse(read(`${path}/package.json`)) as { scripts?: Versions };
      const run = installScripts.filter((name) => name in scripts);
      // npm builds what has this file, without being told to.
      if (existsSync(`${root}${path}/binding.gyp`)) run.push('binding.gyp');
      expect([path, run.join()]).toEqual([path, mayRunScripts[nameOf(path)] ?? '']);
    }
  });
});
