import { describe, expect, it } from 'vitest';
import { findings } from './prose/find.ts';
import { maxWords, words } from './prose/words.ts';

/** The lines of what is found in a text. */
const linesOf = (file: string, source: string) => findings(file, source).map(({ line }) => line);

const long = (count: number) => `${Array.from({ length: count }, (_, index) => `word${index}`).join(' ')}.`;

describe('the prose linter', () => {
  it.each([
    ['Whoever calls gets an error.', 'whoever'],
    ['Nobody waits.', 'nobody'],
    ['The error is said at once.', 'is said'],
    ['The caller was told.', 'told'],
    ['It finds out what became of it.', 'became of'],
    ['It knows the callers of late.', 'of late'],
    ['It takes leave of its clients.', 'takes leave'],
    ['The farewell lasts 5 s.', 'farewell'],
    ['Mend that, then resume.', 'mend'],
    ['The job is steered by its caller.', 'steered'],
    ['The ids come for nothing.', 'for nothing'],
    ['Requests wait, and what finds no place is refused.', 'what finds'],
    ['What was sent is finished.', 'what was sent is finished.'],
    ['All are tried but for the last.', 'but for'],
  ])('objects to a phrase, in every kind of file: %s', (text, phrase) => {
    const expected = { line: 1, message: expect.stringMatching(new RegExp(`^"${phrase.replace('.', '\\.')}": `, 'i')) };
    expect(findings('a.md', text)).toContainEqual(expected);
    expect(findings('a.graphql', `"${text}" scalar A`)).toContainEqual(expected);
    expect(findings('a.ts', `const text = "${text}";`)).toContainEqual(expected);
  });

  it('has no phrase that its own advice would bring back', () => {
    const advice = words.map(([, instead]) => instead.replace(/"told apart"/, '')).join('\n\n');
    expect(findings('a.md', advice)).toEqual([]);
  });

  it.each([
    ['Truto decides how fast it goes. Requests that cannot be sent in time return an error.'],
    ['What can come back?'],
    ['The word is recommended, untold and amended.'],
  ])('has nothing against %s', (text) => {
    expect(findings('a.md', text)).toEqual([]);
  });

  it('finds a phrase that a line break divides, and names its line', () => {
    expect(linesOf('a.md', 'One.\n\nIt is not known what became\nof it.')).toEqual([3]);
    expect(linesOf('a.md', 'A sentence\nthat goes on\nand was told.')).toEqual([3]);
  });

  it(`counts a sentence's words, over its lines, up to ${maxWords}`, () => {
    expect(linesOf('a.md', `Short.\n\n${long(maxWords)}`)).toEqual([]);
    expect(linesOf('a.md', `Short.\n\n${long(maxWords + 1).replaceAll('5 ', '5\n')}`)).toEqual([3]);
    expect(linesOf('a.graphql', `type A {\n  """\n  ${long(maxWords + 1)}\n  """\n  a: Int\n}`)).toEqual([3]);
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
    expect(findings('a.ts', "import told from 'told'; const nobody = told; // nobody was told")).toEqual([]);
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
