import { readFileSync } from 'node:fs';
import { assertInterfaceType, isUnionType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../src/config/config.ts';
import { type Setting, settings } from '../src/config/settings.ts';
import { engagementErrors } from '../src/engagement/result.ts';
import { documents, documentText } from './docs/markdown.ts';
import { schema } from './support/schema.ts';

const errors = documentText('docs/errors.md');

const union = schema.getType('DeleteEngagementResult');
const members = isUnionType(union) ? union.getTypes() : [];

/** Every error has them: they are explained once. */
const commonFields = Object.keys(assertInterfaceType(schema.getType('Error')).getFields());

describe('each member of the result', () => {
  it('is an error with fields that are explained before them', () => {
    const [before = ''] = errors.split('\n### ');
    expect(commonFields.filter((field) => !before.includes(`\`${field}\``))).toEqual([]);
  });

  it('has a row in the table, and no other type has', () => {
    const rows = [...errors.matchAll(/^\| `(\w+(?:Success|Plan|Error))` \|/gm)].map(([, name]) => name);
    expect(rows.sort()).toEqual(members.map(({ name }) => name).sort());
  });

  it.each(members.map((member) => [member.name, member] as const))(
    'is explained with all of its fields: %s',
    (name, member) => {
      const section = errors.split('\n### ').find((part) => part.startsWith(`\`${name}\`\n`)) ?? '';
      const fields = Object.keys(member.getFields()).filter((field) => !commonFields.includes(field));
      expect(fields.filter((field) => !section.includes(`\`${field}\``))).toEqual([]);
    },
  );
});

it('each code of a top-level error is explained', () => {
  const source = readFileSync(new URL('../src/graphql/core/top-level-errors.ts', import.meta.url), 'utf8');
  const own = [...source.matchAll(/^ {2}([A-Z_]+):/gm)].map(([, code]) => code);
  const codes = [...own, ...Object.values(engagementErrors).flatMap((row) => ('code' in row ? [row.code] : []))];
  expect(codes.length).toBeGreaterThan(20);
  expect(codes.filter((code) => !errors.includes(`\`${code}\``))).toEqual([]);
});

it('the README stays under 150 lines', () => {
  expect(documentText('README.md').split('\n').length).toBeLessThan(150);
});

it('the index of the documentation has every page', () => {
  const index = documentText('docs/README.md');
  const pages = [...documents.keys()].flatMap((file) => /^docs\/(?!README)(.+)/.exec(file)?.[1] ?? []);
  expect(pages.length).toBeGreaterThan(30);
  expect(pages.filter((page) => !index.includes(`](${page})`))).toEqual([]);
});

describe('a default that the table of settings has', () => {
  const rows = Object.entries<Setting>(settings).flatMap(([name, row]) => {
    const [, value] = /^`([^`]+)`$/.exec(row.defaultInWords ?? `\`${row.default}\``) ?? [];
    return value === undefined || value === 'undefined' ? [] : [[name, value] as const];
  });
  // What these need besides to mean anything.
  const besides: Record<string, Record<string, string>> = {
    TRUTO_BASE_URL: { AUTH_MODE: 'passthrough' },
    AUTH_MODE: { TRUTO_BASE_URL: 'https://api.truto.one' },
    METRICS_HOST: { METRICS_PORT: '9464' },
    REPLICAS: { REDIS_URL: 'redis://127.0.0.1' },
    REDIS_PREFIX: { REDIS_URL: 'redis://127.0.0.1' },
    AWS_REGION: {
      REDIS_URL: 'redis://127.0.0.1',
      UNDO_STORE: 'https://bucket',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
    },
  };

  it.each(rows)('changes nothing when it is set: %s=%s', (name, value) => {
    const rest = besides[name] ?? {};
    expect(parseConfig({ ...rest, [name]: value })).toEqual(parseConfig(rest));
    expect(() => parseConfig({ ...rest, [name]: '\u0000' })).toThrow(ConfigError);
  });
});
