import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Setting, settings } from '../src/config/settings.ts';
import { integrations, withoutDelete } from '../src/engagement/integrations.ts';
import { errorDetailNames, errorKinds, errorRow } from '../src/engagement/result.ts';
import { sandboxFaults } from '../src/sandbox/faults.ts';
import { providers } from '../src/sandbox/providers.ts';

/*
 * Writes the parts of the documentation that derive from the source or from the benchmarks, each between two comments with its
 * name. With `--check`, it reports the files that differ and ends with 1.
 */

const code = (text: string) => `\`${text}\``;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}

/** The source writes links from the project's root. Pages in this folder need them from here. */
const fromHere = (text: string) => text.replaceAll(/(?<=[[(])docs\//g, '');

const settingRows = Object.entries<Setting>(settings).map(
  ([name, { meaning, default: value, defaultInWords = '' }]) => {
    return [code(name), value === undefined ? defaultInWords : code(value), fromHere(meaning)];
  },
);

/** What the sandbox's providers need for a create, and store. */
const createRows = Object.entries(providers).flatMap(([name, { creates }]) => {
  if (creates === undefined) return [];
  const names = creates.split(' ').map((field) => code(field.replace('!', '')) + (field.endsWith('!') ? '!' : ''));
  const needed = names.filter((field) => field.endsWith('!')).map((field) => field.slice(0, -1));
  return [[name, needed.join(', '), names.filter((field) => !field.endsWith('!')).join(', ')]];
});

/** A row of the first table in benchmarks.md: deletes a second, and this server's rate divided by that of the row. */
function measured(name: string) {
  const row = readFileSync(join(import.meta.dirname, 'benchmarks.md'), 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`| ${name} |`));
  const [, , rate, ratio] = row?.split('|').map((cell) => cell.trim()) ?? [];
  if (rate === undefined || ratio === undefined) throw new Error(`benchmarks.md has no row for ${name}`);
  return { rate, ratio };
}

const ratioTo = (name: string) => `${Number(measured(name).ratio).toPrecision(2)} times`;

const speed = `On one core, this server deletes ${measured('**this facade**').rate} engagements a second ([benchmarks](docs/benchmarks.md)). It is
${ratioTo('Apollo Server standalone, RESTDataSource')} as fast as Apollo Server, and ${ratioTo('Hive Gateway over Mesh OpenAPI')} as fast as Hive Gateway over an OpenAPI document.
It reaches ${ratioTo('Mercurius with JIT, undici Pool')} the rate of Mercurius with a JIT compiler. Truto's own limit is 50 a second for a token.`;

const rules = integrations.map((each) => {
  const {
    name,
    requiresEngagementType,
    engagementTypes,
    parameters,
    softDeletes,
    creates,
    requiresEngagementTypeOnCreate,
  } = each;
  const types = engagementTypes.map((type) => code(type.toUpperCase())).join(', ');
  return [
    name,
    requiresEngagementType ? 'required' : types === '' ? 'not listed' : 'optional',
    types,
    parameters.map(code).join(', '),
    softDeletes ? 'yes' : '',
    creates ? (requiresEngagementTypeOnCreate ? 'yes, with a type' : 'yes') : '',
  ];
});

const members = errorKinds.map((kind) => {
  const { done = 'no', toDo } = errorRow(kind);
  return [code(kind), done, toDo];
});
const successes = [
  [
    code('DeleteEngagementSuccess'),
    'yes (`ACCEPTED`: later; `ALREADY_ABSENT`: a further attempt found it gone)',
    'evict `deletedNodeId`; read `warnings`',
  ],
  [code('DeleteEngagementPlan'), 'no', 'read `findings`: this is the answer to `dryRun: true`'],
];

const codes = errorKinds.flatMap((kind) => {
  const { code: name } = errorRow(kind);
  return name === undefined ? [] : [[code(name), code(kind), errorDetailNames(kind).map(code).join(', ')]];
});

const tables = [
  { file: '../README.md', name: 'speed', text: speed },
  { file: 'comparison.md', name: 'speed', text: fromHere(speed) },
  {
    file: 'errors.md',
    name: 'members',
    text: table(['`__typename`', 'deleted?', 'what to do'], [...successes, ...members]),
  },
  {
    file: 'errors.md',
    name: 'codes',
    text: table(['`extensions.code`', 'like the member', 'further `extensions`'], codes),
  },
  { file: 'configuration.md', name: 'settings', text: table(['variable', 'default', 'meaning'], settingRows) },
  {
    file: 'integrations.md',
    name: 'integrations',
    text: table(
      [
        'integration',
        '`engagementType`',
        'its values',
        'further `parameters`',
        'deleted ones stay readable',
        '`createEngagement`',
      ],
      rules,
    ),
  },
  {
    file: 'integrations.md',
    name: 'integrations without a delete',
    text: `${withoutDelete} have no delete of engagements through Truto: \`UnsupportedIntegrationError\`.`,
  },
  {
    file: 'from-rest.md',
    name: 'integrations',
    text: `The integrations are the same: ${integrations.map(({ name }) => name).join(', ')}.`,
  },
  {
    file: 'sandbox.md',
    name: 'creates',
    text: table(['integration', 'needs', 'also stores'], createRows),
  },
  {
    file: 'sandbox.md',
    name: 'faults',
    text: table(
      ['fault', 'what happens'],
      sandboxFaults.map(({ name, description }) => [code(name), description]),
    ),
  },
];

const isCheck = process.argv.includes('--check');
for (const { file, name, text } of tables) {
  const path = join(import.meta.dirname, file);
  const old = readFileSync(path, 'utf8');
  const [begin, end] = [`<!-- ${name}: npm run docs writes this -->`, `<!-- end of ${name} -->`];
  const [before, rest = ''] = old.split(begin);
  const after = rest.split(end)[1];
  if (after === undefined) throw new Error(`${file} has no part ${name}: it lacks ${begin} or ${end}`);
  const now = `${before}${begin}\n${text}\n${end}${after}`;
  if (!isCheck) writeFileSync(path, now);
  else if (now !== old) {
    process.stderr.write(`docs: the part ${name} of ${file} is out of date. Run npm run docs.\n`);
    process.exitCode = 1;
  }
}
