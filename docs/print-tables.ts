import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Setting, settings } from '../src/config/settings.ts';
import { deleteErrorKinds, deleteErrorRow, errorDetailNames } from '../src/engagement/delete-errors.ts';
import { integrations, withoutDelete } from '../src/engagement/integrations.ts';
import { sandboxFaults } from '../src/sandbox/faults.ts';

/*
 * Writes the tables that the documentation has of what the source says, each between the two comments that have its name. With
 * `--check`, says which file holds something else, and ends with 1.
 */

const code = (text: string) => `\`${text}\``;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}

const settingRows = Object.entries<Setting>(settings).map(
  ([name, { meaning, default: value, defaultInWords = '' }]) => {
    return [code(name), value === undefined ? defaultInWords : code(value), meaning];
  },
);

const rules = integrations.map(({ name, requiresEngagementType, engagementTypes, parameters, softDeletes }) => {
  const types = engagementTypes.map((type) => code(type.toUpperCase())).join(', ');
  return [
    name,
    requiresEngagementType ? 'required' : types === '' ? 'not listed' : 'optional',
    types,
    parameters.map(code).join(', '),
    softDeletes ? 'yes' : '',
  ];
});

const members = deleteErrorKinds.map((kind) => {
  const { deleted, toDo } = deleteErrorRow(kind);
  return [code(kind), deleted, toDo];
});
const successes = [
  [
    code('DeleteEngagementSuccess'),
    'yes (`ACCEPTED`: soon; `ALREADY_ABSENT`: gone when a second attempt came)',
    'evict `deletedNodeId`; read `warnings`',
  ],
  [code('DeleteEngagementPlan'), 'no', 'the answer to `dryRun: true`: the request, and what would refuse it'],
];

const codes = deleteErrorKinds.flatMap((kind) => {
  const { code: name } = deleteErrorRow(kind);
  return name === undefined ? [] : [[code(name), code(kind), errorDetailNames(kind).map(code).join(', ')]];
});

const tables = [
  {
    file: '../README.md',
    name: 'members',
    text: table(['`__typename`', 'deleted?', 'what to do'], [...successes, ...members]),
  },
  {
    file: 'errors.md',
    name: 'codes',
    text: table(['`extensions.code`', 'like the member', 'further `extensions`'], codes),
  },
  { file: '../README.md', name: 'settings', text: table(['variable', 'default', 'meaning'], settingRows) },
  {
    file: 'integrations.md',
    name: 'integrations',
    text: table(
      ['integration', '`engagementType`', 'its values', 'further `parameters`', 'deleted ones stay readable'],
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
  if (after === undefined) throw new Error(`${file} has no place for ${name}: it lacks ${begin} or ${end}`);
  const now = `${before}${begin}\n${text}\n${end}${after}`;
  if (!isCheck) writeFileSync(path, now);
  else if (now !== old) {
    process.stderr.write(`docs: the table of ${name} is not what the source says: npm run docs writes it\n`);
    process.exitCode = 1;
  }
}
