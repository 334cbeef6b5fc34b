import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/*
 * Makes a release: npm run release -- patch|minor|major|x.y.z [--dry-run]
 * Changes version, changelog and released schema, packs, writes the SBOM, commits and tags. Publishes and pushes nothing.
 */

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const read = (file: string) => readFileSync(file, 'utf8');
const run = (command: string, ...args: readonly string[]) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();

const deployment = 'deploy/kubernetes/deployment.yaml';
const changed = ['package.json', 'package-lock.json', 'CHANGELOG.md', 'schema/released/schema.graphql', deployment];

function refuse(reason: string): never {
  process.stderr.write(`Nothing was released. ${reason}\n`);
  process.exit(1);
}

const numbers = (version: string) => version.split('.').map(Number) as [number, number, number];

/** @returns the version that was asked for, which is not below the current one. */
function nextVersion(current: string, wanted: string): string {
  const [major, minor, patch] = numbers(current);
  const steps = { major: [major + 1, 0, 0], minor: [major, minor + 1, 0], patch: [major, minor, patch + 1] };
  const next = Object.hasOwn(steps, wanted) ? steps[wanted as keyof typeof steps].join('.') : wanted;
  if (!/^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$/.test(next)) refuse('Usage: patch|minor|major|x.y.z [--dry-run]');
  const difference = numbers(next).map((part, index) => part - Number(numbers(current)[index]));
  if ((difference.find((part) => part !== 0) ?? 0) < 0)
    refuse(`${next} is lower than the current version, ${current}.`);
  return next;
}

/**
 * @returns the SBOM of what an install of the package brings, as CycloneDX. `npm sbom --omit dev` leaves out packages that
 * development needs as well, and names the project by its folder: so npm gets a folder of that name, without development.
 */
function billOfMaterials(): string {
  const parent = mkdtempSync(join(tmpdir(), 'sbom-'));
  const { devDependencies: _, ...manifest } = JSON.parse(read('package.json'));
  const lock = JSON.parse(read('package-lock.json'));
  delete lock.packages[''].devDependencies;
  for (const [path, { dev }] of Object.entries<{ dev?: boolean }>(lock.packages)) if (dev) delete lock.packages[path];
  try {
    const folder = join(parent, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
    return `${run('npm', '--prefix', folder, 'sbom', '--sbom-format', 'cyclonedx', '--package-lock-only')}\n`;
  } finally {
    rmSync(parent, { recursive: true });
  }
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { 'dry-run': { type: 'boolean' } } });
const { name, version: current, repository } = JSON.parse(read('package.json'));
const version = nextVersion(current, positionals.join(' '));
const tag = `v${version}`;

const changelog = read('CHANGELOG.md');
const [, unreleased = ''] = changelog.split('## Unreleased\n');
const [section = ''] = unreleased.split(/^## /m);

if (repository.url.includes('YOUR_ORGANIZATION')) refuse("Replace YOUR_ORGANIZATION by the repository's owner first.");
if (run('git', 'branch', '--show-current') !== 'main') refuse('Check out main first.');
if (run('git', 'status', '--porcelain') !== '') refuse('Commit or remove your changes first.');
if (run('git', 'tag', '--list', tag) !== '') refuse(`The tag ${tag} exists.`);
if (section.trim() === '') refuse('CHANGELOG.md has nothing under "Unreleased".');

process.stdout.write(`${name} ${current} -> ${version}\n\nChanges: ${changed.join(', ')}\n\n${section.trim()}\n`);
if (values['dry-run']) process.exit();

try {
  run('npm', 'version', version, '--no-git-tag-version', '--allow-same-version', '--ignore-scripts');
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync('CHANGELOG.md', changelog.replace('## Unreleased\n', `## Unreleased\n\n## ${version} - ${date}\n`));
  copyFileSync('schema/schema.graphql', 'schema/released/schema.graphql');
  writeFileSync(deployment, read(deployment).replace(`image: ${name}:${current}`, `image: ${name}:${version}`));

  mkdirSync('release', { recursive: true });
  run('npm', 'pack', '--pack-destination', 'release');
  writeFileSync(`release/${name}-${version}.cdx.json`, billOfMaterials());

  run('git', 'commit', '--quiet', '--message', `Release ${version}`, '--', ...changed);
} catch (error) {
  run('git', 'checkout', 'HEAD', '--', ...changed);
  refuse(`A step failed, and every file is as it was: ${error instanceof Error ? error.message : error}`);
}
run('git', 'tag', '--annotate', tag, '--message', `${name} ${version}`);
process.stdout.write(
  `\nCommitted and tagged ${tag}. In release/: the package and its SBOM. Now push the commit and the tag.\n`,
);
