import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { documents } from './docs/markdown.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['src', 'test', 'docs', 'schema', 'deploy', 'examples'];
const exclude = (path: string) => path.includes('node_modules');
const files = globSync(['*', ...folders.map((folder) => `${folder}/**/*`)], { cwd: root, exclude });
const sources = files.filter((file) => /\.(ts|mjs)$/.test(file));

/** Every text that names paths. The changelog keeps those of its time. */
const texts = new Map([
  ...[...documents].filter(([file]) => file !== 'CHANGELOG.md'),
  ...sources.map((file) => [file, readFileSync(root + file, 'utf8')] as const),
]);

/** The paths in backticks below a folder of the project, and all TypeScript files. */
function pathsIn(text: string): readonly string[] {
  const quoted = [...text.matchAll(/`(\w[\w@.-]*(?:\/[\w@.{},*()!-]*)*)`/g)].map(([, path = '']) => path);
  return quoted.filter((path) => folders.includes(path.split('/', 1)[0] ?? '') || path.endsWith('.ts'));
}

/** The first folders may be left out, as in `delete/evidence.ts`. */
function exists(path: string): boolean {
  return globSync(path, { cwd: root }).length > 0 || files.some((file) => file.endsWith(`/${path}`));
}

it('names only files and folders that exist, in documents and comments', () => {
  const named = [...texts].flatMap(([file, text]) => pathsIn(text).map((path) => ({ file, path })));
  expect(named.length).toBeGreaterThan(150);
  expect(named.filter(({ path }) => !exists(path))).toEqual([]);
});
