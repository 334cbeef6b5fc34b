import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';

type Versions = Readonly<Record<string, string>>;

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
  readonly devDependencies?: Versions;
  readonly optionalDependencies?: Versions;
  readonly allowScripts?: Readonly<Record<string, boolean>>;
  readonly [key: string]: unknown;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(root + file, 'utf8');

/** A folder's manifest, and the packages that its lock file has, without itself. */
function readPackages(folder: string) {
  const manifest: Manifest = JSON.parse(read(`${folder}package.json`));
  const { '': own, ...locked } = JSON.parse(read(`${folder}package-lock.json`)).packages as Record<string, Locked>;
  return { manifest, own, entries: Object.entries(locked) };
}

const main = readPackages('');
/** The benchmarks' peers: installed for the benchmarks only, never shipped. */
const bench = readPackages('test/bench/');

/** Gateways and composers of the supergraph's tests: the same. */
const supergraph = readPackages('examples/supergraph/');

/** Clients that call the facade in a test: the same. */
const clients = readPackages('examples/clients/');

/** The packages of a page in React: the same. */
const react = readPackages('examples/react/');

/** Programs that check the Dockerfile, the compose file and the manifests in tests: the same. */
const deploy = readPackages('test/deploy/');

/** Servers that mount the facade, or execute its schema, in a test: the same. */
const hosts = readPackages('test/hosts/');

/** Packages of those that have install scripts. None is run: they are installed without. */
const scriptsNeverRun = ['@apollo/protobufjs', 'core-js', 'protobufjs'];

/** The packages that may run a script when they are installed. */
const mayRunScripts: Versions = {
  // Fetches the binary for the machine: every script here runs on the Node that it brings. For development only.
  node: 'preinstall',
};

const installScripts = ['preinstall', 'install', 'postinstall'];
const nameOf = (path: string) => path.replace(/^.*node_modules\//, '');

describe.each([
  ['package-lock.json', main, 200],
  ['test/bench/package-lock.json', bench, 200],
  ['examples/supergraph/package-lock.json', supergraph, 200],
  ['examples/clients/package-lock.json', clients, 30],
  ['test/deploy/package-lock.json', deploy, 20],
  ['test/hosts/package-lock.json', hosts, 100],
  ['examples/react/package-lock.json', react, 30],
])('S18 the lock file %s', (_file, { manifest, own, entries }, atLeast) => {
  it('matches its package.json', () => {
    expect(entries.length).toBeGreaterThan(atLeast);
    for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'] as const)
      expect(own?.[kind]).toEqual(manifest[kind]);
  });

  it('has the hash of every package and the address of none, so that every registry works', () => {
    for (const [path, { version, integrity, resolved, link }] of entries) {
      expect(integrity, path).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
      expect(version, path).toMatch(/^\d+\.\d+\.\d+(-[\w.-]+)?(\+[\w.-]+)?$/);
      expect([path, resolved, link]).toEqual([path, undefined, undefined]);
      expect(path).toMatch(/^node_modules\//);
    }
  });

  it('has no package that asks for another from a repository, an address or a folder', () => {
    // An alias of a package of the registry is allowed.
    const alias = /^npm:(@[\w.-]+\/)?[\w.-]+@/;
    const kinds = ['dependencies', 'optionalDependencies', 'peerDependencies'] as const;
    for (const [path, entry] of entries) {
      for (const [name, wanted] of kinds.flatMap((kind) => Object.entries(entry[kind] ?? {})))
        expect(wanted.replace(alias, ''), `${path} asks for ${name}`).not.toMatch(/[:/]/);
    }
  });
});

describe.each([
  ['package.json', main.manifest],
  ['test/bench/package.json', bench.manifest],
  ['examples/supergraph/package.json', supergraph.manifest],
  ['examples/clients/package.json', clients.manifest],
  ['test/deploy/package.json', deploy.manifest],
  ['test/hosts/package.json', hosts.manifest],
  ['examples/react/package.json', react.manifest],
])('S18 %s', (_file, manifest) => {
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  it.each(Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies }))(
    'pins %s exactly: %s',
    (_name, version) => {
      expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    },
  );

  it('adds packages in no other way, and runs no script of its own at an install', () => {
    const ways = ['bundledDependencies', 'bundleDependencies', 'overrides', 'workspaces'];
    expect(Object.keys(manifest).filter((key) => ways.includes(key))).toEqual([]);
    // Two graphql modules in one program do not accept each other's schemas, so the project that installs the package chooses one.
    // The other peers are optional, so npm does not install them by itself.
    if (manifest === main.manifest) {
      const optional = ['@modelcontextprotocol/sdk', '@opentelemetry/sdk-node'];
      expect(Object.keys(manifest.peerDependencies ?? {})).toEqual([...optional, 'graphql']);
      const optionals = optional.map((name) => [name, { optional: true }] as const);
      expect(manifest.peerDependenciesMeta).toEqual(Object.fromEntries(optionals));
    } else expect(manifest).not.toHaveProperty('peerDependencies');
    const scripts = [...installScripts, 'prepare', 'preprepare', 'postprepare', 'dependencies'];
    expect(Object.keys(manifest.scripts ?? {}).filter((name) => scripts.includes(name))).toEqual([]);
  });

  it('names no registry', () => {
    expect(manifest).not.toHaveProperty('publishConfig');
    expect(read('.npmrc')).not.toMatch(/^registry|:registry|_auth|:\/\//im);
    for (const folder of [
      'test/bench',
      'examples/supergraph',
      'examples/clients',
      'examples/react',
      'test/deploy',
      'test/hosts',
    ])
      expect(existsSync(`${root}${folder}/.npmrc`)).toBe(false);
  });
});

describe('S18 an install', () => {
  const { manifest, entries } = main;

  it('may run scripts of the packages on our list only', () => {
    const scripted = entries.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path));
    expect(scripted.sort()).toEqual(Object.keys(mayRunScripts).sort());
    const allowed = Object.entries(manifest.allowScripts ?? {}).filter(([, isAllowed]) => isAllowed);
    expect(allowed.map(([name]) => name)).toEqual(Object.keys(mayRunScripts));
    // Without this, npm runs scripts that are not on the list, with a warning.
    expect(read('.npmrc').split('\n')).toContain('strict-allow-scripts=true');
  });

  it('in continuous integration uses the lock file, and does not extend the list', () => {
    const commands = [...read('.ci/run').matchAll(/^\s*(npm|npx|yarn|pnpm) .*$/gm)].map(([command]) => command);
    expect(commands).toEqual(['npm cit', 'npm run test:rest || status=1']);
    expect(read('.ci/run') + read('.npmrc')).not.toMatch(
      /dangerously|no-strict|ignore-scripts=false|allow-scripts=(?!true)/,
    );
  });

  it('of the packages of benchmarks, gateways, clients and checks runs no scripts at all', () => {
    const all = [
      ...bench.entries,
      ...supergraph.entries,
      ...clients.entries,
      ...deploy.entries,
      ...hosts.entries,
      ...react.entries,
    ];
    const scripted = all.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path));
    expect([...new Set(scripted)].sort()).toEqual(scriptsNeverRun);
    const installs = read('test/support/install-packages.ts').match(/'npm',\s*\[[^\]]*\]/g);
    expect(installs).toEqual([expect.stringMatching(/\['ci', '--ignore-scripts'/)]);
  });

  it('has run no others: no package has a script that the lock file does not list', () => {
    const installed = entries.map(([path]) => path).filter((path) => existsSync(`${root}${path}/package.json`));
    expect(installed.length).toBeGreaterThan(200);
    for (const path of installed) {
      const { scripts = {} } = JSON.parse(read(`${path}/package.json`)) as { scripts?: Versions };
      const run = installScripts.filter((name) => name in scripts);
      // npm builds every package that has this file.
      if (existsSync(`${root}${path}/binding.gyp`)) run.push('binding.gyp');
      expect([path, run.join()]).toEqual([path, mayRunScripts[nameOf(path)] ?? '']);
    }
  });
});

describe('S18 the workflow', () => {
  const workflow = parseYaml(read('.github/workflows/ci.yml'));
  const steps: { uses?: string; run?: string }[] = workflow.jobs.test.steps;

  it('takes every action by its commit, with the version in a comment', () => {
    const lines = read('.github/workflows/ci.yml').match(/uses: .*/g) ?? [];
    expect(lines).toHaveLength(steps.filter(({ uses }) => uses).length);
    for (const line of lines) expect(line).toMatch(/^uses: actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('may only read the files, and leaves no credential for the programs that it runs', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
    expect(workflow.jobs.test).not.toHaveProperty('permissions');
    expect(read('.github/workflows/ci.yml')).not.toMatch(/secrets\.|pull_request_target/);
    expect(steps[0]).toMatchObject({ with: { 'persist-credentials': false } });
  });

  it('runs what continuous integration runs, on the Node of the tests', () => {
    expect(steps.filter(({ run }) => run?.includes('.ci/run'))).toHaveLength(1);
    expect(workflow.jobs.test.container.image).toMatch(new RegExp(`^node:${main.manifest.devDependencies?.node}-`));
    expect(main.manifest.devDependencies?.node).toMatch(new RegExp(`^${read('.nvmrc').trim()}\\.`));
  });
});

describe.runIf(existsSync(`${root}.git`))('S18 the repository', () => {
  it('has no packages and no symbolic link', () => {
    const tracked = execFileSync('git', ['ls-files', '--stage'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
    expect(tracked.length).toBeGreaterThan(200);
    expect(tracked.filter((line) => /^120000 |[\t/]node_modules(\/|$)/.test(line))).toEqual([]);
  });
});
