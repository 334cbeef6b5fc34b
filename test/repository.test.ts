import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const { name, version, repository, homepage, bugs, ...manifest } = JSON.parse(read('package.json'));
const [, address = ''] = /^git\+(https:\/\/github\.com\/[\w-]+\/[\w-]+)\.git$/.exec(repository.url) ?? [];

describe('the repository', () => {
  it('has one address, wherever it is named', () => {
    expect(address).not.toBe('');
    expect([homepage, bugs]).toEqual([`${address}#readme`, `${address}/issues`]);
    for (const file of ['SECURITY.md', '.github/ISSUE_TEMPLATE/config.yml'])
      expect(read(file)).toContain(`${address}/security/advisories/new`);
  });

  it('has one version, and is not private', () => {
    expect(manifest).not.toHaveProperty('private');
    expect(JSON.parse(read('package-lock.json'))).toMatchObject({ name, version, packages: { '': { name, version } } });
    expect(read('deploy/kubernetes/deployment.yaml')).toContain(`image: ${name}:${version}\n`);
  });

  it('packs a changelog with a section for unreleased changes', () => {
    expect(read('CHANGELOG.md').match(/^## .*$/m)?.[0]).toBe('## Unreleased');
  });
});
