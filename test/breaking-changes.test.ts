import { readFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';
import { describe, expect, it } from 'vitest';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');

/** The schema of the last release. A release replaces it by `schema/schema.graphql`. */
const released = read('schema/released/schema.graphql');
const current = read('schema/schema.graphql');

/** The paths of changes that break clients, such as `Engagement.subject`. */
async function breakingPaths(before: string, after: string): Promise<readonly string[]> {
  const changes = await diff(buildSchema(before), buildSchema(after));
  return changes.flatMap(({ criticality, path = 'the schema' }) =>
    criticality.level === CriticalityLevel.Breaking ? [path] : [],
  );
}

/** The section of the changelog on breaking changes since the last release. */
function declared(changelog: string): string {
  const unreleased = changelog.split(/^## /m).find((section) => section.startsWith('Unreleased')) ?? '';
  return unreleased.split(/^### /m).find((section) => section.startsWith('Breaking')) ?? '';
}

describe('the contract', () => {
  it('breaks nothing that the last release promised, unless the changelog says so', async () => {
    const announced = declared(read('CHANGELOG.md'));
    const paths = await breakingPaths(released, current);
    expect(paths.filter((path) => !announced.includes(`\`${path}\``))).toEqual([]);
  });

  it.each([
    ['a renamed field', '  subject: String\n', '  title: String\n', 'Engagement.subject'],
    ['another type', '  subject: String\n', '  subject: Int\n', 'Engagement.subject'],
    ['a removed member', ' | RateLimitedError', '', 'DeleteEngagementResult'],
  ])('would be found to break by %s', async (_what, from, to, path) => {
    const head = 'type Engagement implements Node {';
    const [start, rest = ''] = current.split(head);
    const broken = from.includes('|') ? current.replaceAll(from, to) : `${start}${head}${rest.replace(from, to)}`;
    expect(broken).not.toBe(current);
    expect(await breakingPaths(current, broken)).toContain(path);
  });

  it('accepts a breaking change as declared by its path, only in the right section', () => {
    const section = '### Breaking\n\n- `Engagement.subject` is gone.\n';
    expect(declared(`## Unreleased\n\n### Added\n\n- Much.\n\n${section}`)).toContain('`Engagement.subject`');
    expect(declared(`## Unreleased\n\n### Added\n\n- Much.\n\n## 1.0.0\n\n${section}`)).toBe('');
  });
});
