import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findings } from './find.ts';

/*
 * Finds what plain English does without in documents, descriptions and messages, and ends with 1 when it does. Of files that
 * are not rewritten yet it only counts the findings; with `--all` it shows them, with names of files it reads those alone.
 * write-good takes code for prose, and every passive for an error. textlint brings 193 packages, and reads no modules.
 */

/** Not rewritten yet. A file leaves the list when it is. */
const notYetClean: readonly string[] = [
  'src/http/connections/listener.ts',
  'src/http/front-door.ts',
  'src/http/metrics.ts',
];

const cwd = fileURLToPath(new URL('../..', import.meta.url));
const documents = ['*.md', '.github/**/*.md', 'docs/**/*.md', 'examples/*/*.md'];
const others = ['schema/schema.graphql', 'src/**/*.ts', 'deploy/**/*.*', '.github/**/*.{yml,ts}'];

const options = process.argv.slice(2);
const named = options.filter((option) => !option.startsWith('-'));
const files = named.length > 0 ? named : globSync([...documents, ...others], { cwd }).sort();
const isStrict = named.length > 0 || options.includes('--all');

for (const file of files) {
  const found = findings(file, readFileSync(resolve(cwd, file), 'utf8'));
  if (found.length === 0) continue;
  const isError = isStrict || !notYetClean.includes(file);
  if (isError) process.exitCode = 1;
  const lines = found.map(({ line, message }) => `${file}:${line}: ${message}\n`);
  process.stdout.write(`${isError ? lines.join('') : ''}${file}: ${found.length} findings\n`);
}
