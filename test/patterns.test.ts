import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { ESLint, Linter } from 'eslint';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** A pattern in `src`; one that is made while the program runs has no source. */
interface Found {
  readonly file: string;
  readonly source?: string;
  readonly flags?: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));

const collect = {
  create: (context: { report(found: object): void }) => ({
    'Literal[regex]': (node: { regex: { pattern: string; flags: string } }) =>
      context.report({ node, message: JSON.stringify({ source: node.regex.pattern, flags: node.regex.flags }) }),
    ':matches(NewExpression, CallExpression)[callee.name="RegExp"]': (node: object) =>
      context.report({ node, message: '{}' }),
  }),
};

function patternsIn(file: string): readonly Found[] {
  const code = stripTypeScriptTypes(readFileSync(root + file, 'utf8'));
  const plugins = { own: { rules: { collect } } };
  const messages = new Linter().verify(code, [{ plugins, rules: { 'own/collect': 'error' } }] as never);
  return messages.map(({ message }) => ({ file, ...JSON.parse(message) }));
}

const files = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => `src/${file}`);
const found = files.flatMap(patternsIn);
const written = found.filter(({ source }) => source !== undefined);

/** As long as the largest request. */
const textLength = 256 * 1024;

/** Long enough for a linear pattern and all its texts on a busy machine; a quadratic one takes that for each of its texts. */
const hangMs = 20_000;

const repeated = (text: string) => text.repeat(Math.ceil(textLength / text.length)).slice(0, textLength);

/** Texts that the pattern takes, as far as fast-check can make them; else what it is written with. */
function wordsOf({ source = '', flags = '' }: Found): readonly string[] {
  // What looks ahead or at the edges of words takes nothing itself.
  const taking = source.replace(/\\[bB]|\(\?<?[!=](?:[^()]|\([^()]*\))*\)/g, '');
  const literal = source.replace(/\\[a-zA-Z]|[\\^$.*+?()[\]{}|]/g, '');
  try {
    const arbitrary = fc.stringMatching(new RegExp(taking, flags.replace(/[gi]/g, '')), { size: 'small' });
    return [literal, ...fc.sample(arbitrary, { seed: 1, numRuns: 8 })];
  } catch {
    return [literal];
  }
}

/**
 * The worst that the pattern may get: each beginning of a word, and each of its characters, again and again, so that every
 * repetition in it has as much to try as can be, with an end at which all of that fails.
 */
function worstTexts(pattern: Found): readonly string[] {
  const words = wordsOf(pattern).filter((word) => word !== '');
  const beginnings = words.flatMap((word) => Array.from({ length: 8 }, (_, index) => word.slice(0, index + 1)));
  const characters = [...new Set(words.join(''))].slice(0, 12);
  const after = words.flatMap((word) =>
    characters.slice(0, 4).map((character) => [word.slice(0, 3), character] as const),
  );
  const texts = [
    ...[...new Set([...characters, ...beginnings])].map(repeated),
    ...after.slice(0, 12).map(([beginning, character]) => beginning + repeated(character)),
  ];
  return texts.slice(0, 24).map((text) => `${text}\u0000`);
}

/** Fails when the pattern hangs: node:vm stops it. */
function tryAll({ source = '', flags = '' }: Found, texts: readonly string[]): void {
  const code = `for (const text of texts) { text.search(new RegExp(source, flags)); text.replace(new RegExp(source, all), ''); }`;
  runInNewContext(code, { source, flags, all: [...new Set(`${flags}g`)].join(''), texts }, { timeout: hangMs });
}

describe('S21 patterns', () => {
  it('are all found, and none is made while the program runs but of secrets and of counted digits', () => {
    expect(written.length).toBeGreaterThan(60);
    const made = found.filter(({ source }) => source === undefined).map(({ file }) => file);
    expect(new Set(made)).toEqual(
      new Set(['src/engagement/body.ts', 'src/log/foreign-text.ts', 'src/upstream/retry.ts']),
    );
  });

  it.each(written)('$file: /$source/$flags takes its worst text in linear time', { timeout: 3 * hangMs }, (pattern) => {
    tryAll(pattern, worstTexts(pattern));
  });

  it.each([
    String.raw`\s*Did you mean .+\?$`,
    String.raw`\beyJ[\w-]*\.eyJ[\w-]*\.[\w-]*`,
    String.raw`^(?:[\w.]+-?)+$`,
    String.raw`\s+$`,
  ])('that are not linear are noticed here, and by the lint rule: /%s/', { timeout: 3 * hangMs }, async (source) => {
    const timedOut = { code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' };
    const one = { file: '', source, flags: '' };
    const texts = worstTexts(one);
    expect(() => {
      for (const text of texts) runInNewContext('text.search(new RegExp(source))', { source, text }, { timeout: 300 });
    }).toThrow(expect.objectContaining(timedOut));
    const eslint = new ESLint({ cwd: root, overrideConfigFile: 'test/eslint.config.js' });
    const [result] = await eslint.lintText(`export const a: RegExp = /${source}/;`, { filePath: 'src/a.ts' });
    expect(result?.messages).toMatchObject([{ ruleId: 'redos/no-vulnerable' }]);
  });
});
