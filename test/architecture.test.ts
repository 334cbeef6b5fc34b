import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('src', file));
const text = (file: string) => readFileSync(join(root, file), 'utf8');

/** The folders, from the ground up. Those on one floor may be read in this order too: a later one may use an earlier. */
const floors = [
  ['src/config'],
  ['src/log'],
  ['src/redis'],
  ['src/upstream'],
  ['src/engagement'],
  ['src/bulk'],
  ['src/graphql/core'],
  ['src/graphql/types'],
  ['src/graphql/read', 'src/graphql/delete', 'src/graphql/create', 'src/graphql/bulk'],
  ['src/graphql/prepared'],
  ['src/graphql', 'src/sandbox'],
  ['src/http'],
  // The terminal's own way to what the server does; it needs of it how callers and upstream are found.
  ['src/cli'],
];
const order = floors.flatMap((folders, height) => folders.map((folder) => [folder, height] as const));

/** What is started, or imported from outside, stands above everything: it puts the parts together. */
const isEntry = (file: string) => /\b(main|serve|library)\.ts$/.test(file);

function folderOf(file: string): string {
  return dirname(file).split('/').slice(0, 2).join('/');
}

/** The folder of the floors that a file belongs to: the innermost that is listed. */
function floorOf(file: string): string {
  const folder = dirname(file);
  return order.some(([name]) => name === folder) ? folder : folderOf(file);
}

/** The rooms that a room imports from, and those that they import from in turn. */
function reachedFrom(room: string, doors: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [room];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const other of doors.get(next) ?? []) {
      if (reached.has(other)) continue;
      reached.add(other);
      waiting.push(other);
    }
  }
  return reached;
}

function circlesOf(doors: ReadonlyMap<string, ReadonlySet<string>>): readonly (readonly string[])[] {
  const all = [...doors.keys()].sort();
  const reached = new Map(all.map((room) => [room, reachedFrom(room, doors)] as const));
  return all.flatMap((room) => {
    const circle = all.filter((other) => reached.get(room)?.has(other) && reached.get(other)?.has(room));
    return circle[0] === room ? [circle] : [];
  });
}

const staticImport = /(?:from|import)\s+'(\.[^']+)'/g;
const anyImport = /(?:from|import)(?:\s+|\()'(\.[^']+)'/g;

function importsOf(file: string, kind = staticImport): readonly string[] {
  const specifiers = [...text(file).matchAll(kind)].map(([, specifier = '']) => specifier);
  return specifiers.map((specifier) => relative(root, join(root, dirname(file), specifier)));
}

function mayImport(importer: string, imported: string): boolean {
  if (isEntry(imported)) return false;
  if (isEntry(importer)) return true;
  const [from, to] = [floorOf(importer), floorOf(imported)];
  const height = (folder: string) => order.find(([name]) => name === folder)?.[1] ?? Number.NaN;
  return from === to || height(to) < height(from);
}

describe('the house', () => {
  it('has files to look at', () => {
    expect(files.length).toBeGreaterThan(40);
    expect(files.flatMap((file) => importsOf(file)).length).toBeGreaterThan(files.length);
  });

  it('imports only from its own folder or from below', () => {
    const upward = files.flatMap((file) =>
      importsOf(file)
        .filter((imported) => !mayImport(file, imported))
        .map((imported) => `${file} -> ${imported}`),
    );
    expect(upward).toEqual([]);
  });

  it('has no circles between files', () => {
    expect(circlesOf(new Map(files.map((file) => [file, new Set(importsOf(file, anyImport))])))).toEqual([]);
  });

  it('has no circles between rooms', () => {
    const doors = new Map<string, Set<string>>(files.map((file) => [dirname(file), new Set()]));
    for (const file of files)
      for (const imported of importsOf(file))
        if (dirname(imported) !== dirname(file)) doors.get(dirname(file))?.add(dirname(imported));
    expect(circlesOf(doors)).toEqual([]);
  });

  it('has no barrels and no default exports', () => {
    const forwards = /^export (\*|\{[^}]*\} from|default)/m;
    const names = /\/(index|utils?|helpers?|managers?|common|misc)\.ts$/;
    expect(files.filter((file) => forwards.test(text(file)) || names.test(file))).toEqual([]);
  });

  it('says what each export promises', () => {
    // A Pothos type is documented by the description that it publishes, and schema.test.ts asks for that.
    const undocumented = /(?<!\*\/\n)^export (?!const \w+ = (builder|enumOf|objectType)\b).*$/gm;
    expect(files.flatMap((file) => (text(file).match(undocumented) ?? []).map((line) => `${file}: ${line}`))).toEqual(
      [],
    );
  });

  it("spells upstream's names only where the wire is", () => {
    const wire =
      /^src\/(engagement\/(?:(?:delete|create)\/)?(resources|request|input|evidence|refusal|truto-event)\.ts|sandbox\/)/;
    const names =
      /\b(integrated_account_id|truto_\w+|engagement_type|internal_notes|raw_response|remote_query|sort_by)\b/;
    const exposed = /^\s*(\w+: )?t\.expose|wireField|record\.engagement_type/;
    const offenders = files
      .filter((file) => !wire.test(file))
      .filter((file) =>
        text(file)
          .split('\n')
          .some((line) => names.test(line.replace(/^\s*(\/\/|\*|\/\*\*).*/, '')) && !exposed.test(line)),
      );
    expect(offenders).toEqual([]);
  });

  it('keeps HTTP to upstream in one place, and GraphQL out of it', () => {
    const users = files.filter((file) => /from 'undici'/.test(text(file)));
    expect(new Set(users.map(folderOf))).toEqual(new Set(['src/upstream']));
    expect(
      files.filter((file) => folderOf(file) === 'src/upstream' && /from '(graphql|@pothos)/.test(text(file))),
    ).toEqual([]);
  });

  it('makes GraphQL errors in graphql/ and http/ only: lower layers return results as values', () => {
    const users = files.filter((file) => /from '(graphql|@pothos|graphql-yoga)/.test(text(file)));
    expect(new Set(users.map(folderOf))).toEqual(new Set(['src/graphql', 'src/http', 'src']));
    expect(users.filter((file) => folderOf(file) === 'src')).toEqual(['src/library.ts']);
  });

  it('has no syntax that Node 22 does not know: a checkout runs there without a build', () => {
    const disposing = /^\s*(?:await )?using \w+ =|\((?:await )?using \w+ of/m;
    expect(files.filter((file) => disposing.test(text(file)))).toEqual([]);
  });

  it('ends the process only in serve.ts', () => {
    expect(files.filter((file) => text(file).includes('process.exit('))).toEqual(['src/serve.ts']);
  });
});
