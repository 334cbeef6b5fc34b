import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

/** The rows of the table in SECURITY.md: an id, and the files that test it. */
const promises = [...read('SECURITY.md').matchAll(/^\| ([SR]\d\d) \| .* \| (.*) \|$/gm)].map(
  ([, id = '', cell = '']) => ({
    id,
    files: [...cell.matchAll(/`([\w/-]+\.test\.ts)`/g)].map(([, file = '']) => file),
  }),
);

const ids = (letter: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${letter}${String(index + 1).padStart(2, '0')}`);

describe('the promises in SECURITY.md', () => {
  it('are all there, once', () => {
    expect(promises.map(({ id }) => id)).toEqual([...ids('S', 37), ...ids('R', 32)]);
  });

  it.each(promises)('$id has a test titled with it in $files', ({ id, files }) => {
    expect(files.length).toBeGreaterThan(0);
    const title = new RegExp(`(it|describe|\\.concurrent|\\))\\(\\s*['"\`]([SR]\\d\\d )*${id} `);
    expect(files.filter((file) => !title.test(read(`test/${file}`)))).toEqual([]);
  });
});
