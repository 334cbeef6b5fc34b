import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findings } from './find.ts';

/*
 * Finds words and long sentences that plain English does without, in documents, descriptions, messages and comments. Ends with 1
 * when it finds some. With names of files it reads only those. write-good takes code for prose, and every passive for an error.
 * textlint brings 193 packages, and cannot read modules.
 */

const cwd = fileURLToPath(new URL('../..', import.meta.url));
const documents = ['*.md', '.github/**/*.md', 'docs/**/*.md', 'examples/*/*.md'];
const code = ['src/**/*.ts', 'test/**/*.ts', 'examples/**/*.{ts,tsx,mjs}'];
const others = ['schema/schema.graphql', 'deploy/**/*.*', '.github/**/*.{yml,ts}'];
/** The linter's words, and the texts of its tests, are what it refuses. */
const exclude = ['**/node_modules/**', 'test/prose/**', 'test/prose.test.ts'];

const named = process.argv.slice(2);
const files = named.length > 0 ? named : globSync([...documents, ...code, ...others], { cwd, exclude }).sort();

for (const file of files) {
  for (const { line, message } of findings(file, readFileSync(resolve(cwd, file), 'utf8'))) {
    process.stdout.write(`${file}:${line}: ${message}\n`);
    process.exitCode = 1;
  }
}
