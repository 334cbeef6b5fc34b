import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findings } from './find.ts';

/*
 * Finds what plain English does without in documents, descriptions and messages, and ends with 1 when it does. Of files that
 * are not rewritten yet it only counts the findings; with `--all` it shows them, with names of files it reads those alone.
 */

/** Not rewritten yet. A file leaves the list when it is. */
const notYetClean: readonly string[] = [];

const cwd = fileURLToPath(new URL('../..', import.meta.url));
const everywhere = ['*.md', '.github/*.md', 'docs/**/*.md', 'examples/*/*.md', 'schema/schema.graphql', 'src/**/*.ts'];

const options = process.argv.slice(2);
const named = options.filter((option) => !option.startsWith('-'));
const files = named.length > 0 ? named : globSync(everywhere, { cwd }).sort();
const isStrict = named.length > 0 || options.includes('--all');

for (const file of files) {
  const found = findings(file, readFileSync(`${cwd}${file}`, 'utf8'));
  if (found.length === 0) continue;
  const isError = isStrict || !notYetClean.includes(file);
  if (isError) process.exitCode = 1;
  const lines = found.map(({ line, message }) => `${file}:${line}: ${message}\n`);
  process.stdout.write(`${isError ? lines.join('') : ''}${file}: ${found.length} findings\n`);
}
