import { readFileSync } from 'node:fs';
import { buildSchema } from 'graphql';
import { describe, expect, it } from 'vitest';
import { spawnCli } from '../support/cli-process.ts';
import { runCli } from '../support/run-cli.ts';

const published = (file: string) => readFileSync(new URL(`../../schema/${file}.graphql`, import.meta.url), 'utf8');
const print = (...args: string[]) => runCli(['print-schema', ...args]);

describe('truto-engagements print-schema', () => {
  it.each([
    ['schema', []],
    ['schema', ['--dialect', 'none']],
    ['federation', ['--dialect', 'federation']],
    ['stitching', ['--dialect', 'stitching']],
  ])('prints exactly schema/%s.graphql with %j', async (file, args) => {
    const { code, stdout, stderr } = await print(...args);
    expect(stdout).toBe(published(file));
    expect([code, stderr]).toEqual([0, '']);
  });

  it('prefixes type names with --type-prefix', async () => {
    const { stdout } = await spawnCli(['print-schema', '--dialect', 'stitching', '--type-prefix', 'Crm']);
    const schema = buildSchema(stdout);
    expect([schema.getType('CrmContact')?.name, schema.getType('Contact')]).toEqual(['CrmContact', undefined]);
  });

  it('tells federation which fields need a caller with --service', async () => {
    const { stdout } = await print('--dialect', 'federation', '--service');
    expect(stdout).toContain('@authenticated');
    expect(published('federation')).not.toContain('@authenticated');
  });

  it.each([
    ['a prefix without a dialect', ['--type-prefix', 'Crm']],
    ['a prefix that cannot be', ['--dialect', 'federation', '--type-prefix', 'no name']],
  ])('ends with 2 for %s', async (_what, args) => {
    const { code, stdout, stderr } = await print(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('TYPE_PREFIX');
  });
});
