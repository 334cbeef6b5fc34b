import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { sandboxFaults } from '../src/sandbox/faults.ts';
import { schema } from './support/schema.ts';
import { startServerProcess } from './support/server-process.ts';

const root = new URL('..', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');
const block = (language: string, containing: string) =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))]
    .map(([, text = '']) => text)
    .find((text) => text.includes(containing)) ?? '';

describe('the README', () => {
  it('has an example that runs as it is, and answers what it says', async () => {
    await using server = await startServerProcess({});
    const command = block('sh', 'curl').replace('http://127.0.0.1:4000/graphql', server.endpoint);
    const { stdout } = await promisify(execFile)('bash', ['-c', command]);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(block('json', 'deleteEngagement')));
  });

  it('explains every configuration variable', () => {
    const config = readFileSync(new URL('src/variables.ts', root), 'utf8');
    const variables = [...config.matchAll(/^ {2}([A-Z_]+): \{/gm)].map(([, name]) => name);
    expect(variables.length).toBeGreaterThan(10);
    expect(variables.filter((name) => !readme.includes(`| \`${name}\` |`))).toEqual([]);
  });

  it('explains every member of the result', () => {
    const members = schema.getPossibleTypes(schema.getType('DeleteEngagementResult') as never).map(({ name }) => name);
    expect(members.filter((name) => !readme.includes(`| \`${name}\` |`))).toEqual([]);
  });

  it('lists every fault of the sandbox', () => {
    expect(
      sandboxFaults.filter(({ name, description }) => !readme.includes(`| \`${name}\` | ${description} |`)),
    ).toEqual([]);
  });
});
