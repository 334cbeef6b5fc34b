import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findings } from './prose/find.ts';
import { maxWords, words } from './prose/words.ts';

/** The lines of what is found in a text. */
const linesOf = (file: string, source: string) => findings(file, source).map(({ line }) => line);

const long = (count: number) => `${Array.from({ length: count }, (_, index) => `word${index}`).join(' ')}.`;

const examples = [
  ['Whoever calls gets an error.', 'Whoever'],
  ['Nobody waits.', 'Nobody'],
  ['The error is said at once.', 'is said'],
  ['The caller was told.', 'told'],
  ['The client hears of it.', 'hears of'],
  ['The rate is for Truto to decide.', 'is for Truto to decide'],
  ['It ends, whatever happens.', 'whatever'],
  ['Requests wait, and what finds a permit goes out.', 'what finds'],
  ['What was sent is finished.', 'What was sent is finished.'],
  ['What cannot be read is not deleted.', 'What cannot be read is not deleted.'],
  ['It finds out what became of it.', 'became of'],
  ['A request that has no place is refused.', 'has no place'],
  ['The page shows the news.', 'news'],
  ['The field has the trouble.', 'trouble'],
  ['The farewell lasts 5 s.', 'farewell'],
  ['It takes leave of its clients.', 'takes leave'],
  ['No request meets its end.', 'meets its end'],
  ['Mend that, then resume.', 'Mend'],
  ['A second fault is pardoned.', 'pardoned'],
  ['The job is steered by its caller.', 'steered'],
  ['A newcomer waits.', 'newcomer'],
  ['An unforeseen failure.', 'unforeseen'],
  ['The account is hopeless.', 'hopeless'],
  ['An impatient caller.', 'impatient'],
  ['A strange value.', 'strange'],
  ['A request at its turn.', 'at its turn'],
  ['The ids come for nothing.', 'for nothing'],
  ['It knows the callers of late.', 'of late'],
  ['The fields are asked of upstream.', 'asked of'],
  ['The package is to be had.', 'to be had'],
  ['A key of yours.', 'of yours'],
  ['All are tried but for the last.', 'but for'],
  ['It is deleted all the same.', 'all the same'],
  ['Every error but one is a refusal.', 'Every error but'],
  ['A record beside an error.', 'beside'],
  ['The others go on.', 'go on'],
  ['Truto has no read of many.', 'has no read of'],
  ['The request is no valid HTTP.', 'is no valid'],
  ['Upon a failure it stops.', 'Upon'],
];

describe('the prose linter', () => {
  it.each(examples)('objects to a phrase, in every kind of file: %s', (text, phrase) => {
    const expected = { line: 1, message: expect.stringContaining(`"${phrase}": `) };
    expect(findings('a.md', text)).toContainEqual(expected);
    expect(findings('a.graphql', `"${text}" scalar A`)).toContainEqual(expected);
    expect(findings('a.ts', `const text = "${text}";`)).toContainEqual(expected);
    expect(findings('a.mjs', `const text = "${text}";`)).toContainEqual(expected);
    expect(findings('a.tsx', `const text = <p>${text}</p>;`)).toContainEqual(expected);
    expect(findings('a.yaml', text)).toContainEqual(expected);
  });

  it('has no phrase that is never found', () => {
    const untried = words.filter(([{ source }]) => !examples.some(([text = '']) => new RegExp(source, 'i').test(text)));
    expect(untried).toEqual([]);
  });

  it.each([
    ['ends with 1 and shows file and line', 'One.\n\nNobody waits.', 1, /a\.md:3: "Nobody": /],
    ['ends with 0 and shows nothing', 'One.', 0, /^$/],
  ])('%s', (_what, text, code, shown) => {
    const folder = mkdtempSync(join(tmpdir(), 'prose-'));
    try {
      const file = join(folder, 'a.md');
      writeFileSync(file, text);
      const program = fileURLToPath(new URL('prose/main.ts', import.meta.url));
      const { status, stdout } = spawnSync(process.execPath, [program, file], { encoding: 'utf8' });
      expect([status, stdout]).toEqual([code, expect.stringMatching(shown)]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has no phrase that its own advice would bring back', () => {
    const advice = words.map(([, instead]) => instead.replace(/"told apart"/, '')).join('\n\n');
    expect(findings('a.md', advice)).toEqual([]);
  });

  it.each([
    ['Truto decides how fast it goes. Requests that cannot be sent in time return an error.'],
    ['What can come back?'],
    ['What happened and what to do, for people.'],
    ['What is wrong, and what is allowed.'],
    ['The word is recommended, untold and amended.'],
  ])('has nothing against %s', (text) => {
    expect(findings('a.md', text)).toEqual([]);
  });

  it('finds a phrase that a line break divides, and names its line', () => {
    expect(linesOf('a.md', 'One.\n\nIt is not known what became\nof it.')).toEqual([3]);
    expect(linesOf('a.md', 'A sentence\nthat is long\nand was told.')).toEqual([3]);
  });

  it(`counts a sentence's words, over its lines, up to ${maxWords}`, () => {
    expect(linesOf('a.md', `Short.\n\n${long(maxWords)}`)).toEqual([]);
    expect(linesOf('a.md', `Short.\n\n${long(maxWords + 1).replaceAll('5 ', '5\n')}`)).toEqual([3]);
    expect(linesOf('a.graphql', `type A {\n  """\n  ${long(maxWords + 1)}\n  """\n  a: Int\n}`)).toEqual([3]);
  });

  it('begins a sentence at code, too', () => {
    const half = long(maxWords - 10);
    expect(linesOf('a.md', `${half} \`config.ts\` ${half}`)).toEqual([]);
  });

  it('takes items, headings, cells and paragraphs for sentences of their own', () => {
    const half = long(maxWords - 10).slice(0, -1);
    for (const between of ['\n\n', '\n- ', '\n1. ', ' | ', '\n> '])
      expect(linesOf('a.md', `- ${half}${between}${half}`)).toEqual([]);
    expect(linesOf('a.md', `# ${half}\n${half}`)).toEqual([]);
  });

  it('reads no code, no address, no comment and no target of a link', () => {
    const text = [
      'The command `nobody` and [a link](nobody.md) at <https://nobody.example> <!-- nobody -->.',
      '```sh\nnobody # nobody\n```',
      '1. An item:\n\n   ```sh\n   nobody\n   ```',
    ].join('\n\n');
    expect(findings('a.md', text)).toEqual([]);
    expect(findings('a.graphql', '"A type." type nobody { "A field: `told`." told: Int }')).toEqual([]);
    expect(findings('a.ts', "import told from 'told'; const nobody = told; // `nobody`")).toEqual([]);
  });

  it('reads the comments of a module, over their lines', () => {
    const source = [
      '/** It is not known what became',
      ' * of it.',
      ' * @returns nobody',
      ' */',
      'const url = "https://example.com"; // The caller was told.',
      'const pattern = /[/][*] nobody/; // It knows the callers of',
      '// late.',
    ].join('\n');
    expect(linesOf('a.ts', source)).toEqual([1, 3, 5, 6]);
  });

  it('reads on after a single backtick', () => {
    const source = [
      "const one = 'There is a ` here.';",
      '// The caller was told.',
      "const two = 'There is a ` here.';",
    ].join('\n');
    expect(linesOf('a.ts', source)).toEqual([2]);
  });

  it('reads the texts of a module: in parts, in templates, and inside of what is put into one', () => {
    const source = [
      'const one = "It is not known what became " +\n  "of it.";',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the source of a template
      'const two = `Nobody knows ${name}.`;',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the source of a template
      'const three = `Found: ${found ? "it was mended" : "no"}.`;',
    ].join('\n');
    expect(linesOf('a.ts', source)).toEqual([1, 3, 4]);
  });
});
