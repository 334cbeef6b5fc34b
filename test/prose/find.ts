import { extname } from 'node:path';
import { parse, visit } from 'graphql';
import { parseAst } from 'vitest/node';
import { maxWords, words } from './words.ts';

/** Something in a text that plain English does without. */
export interface Finding {
  readonly line: number;
  readonly message: string;
}

/** Ends a sentence for Intl.Segmenter, as a line's end does. */
const stop = '\u2029';
const fill = (text: string, pattern: RegExp, by: string) =>
  text.replace(pattern, (match) => match.replace(/[^\n]/g, by));

/** @returns the text with everything that is no prose replaced, so that every word keeps its place. */
function proseOfMarkdown(source: string): string {
  let prose = fill(source, /^ *(`{3,})[\s\S]*?^ *\1 *$/gm, stop);
  // A capital: before a small letter, Intl.Segmenter ends no sentence.
  prose = fill(prose, /(`+)[\s\S]*?\1/g, 'X');
  for (const other of [/<!--[\s\S]*?-->/g, /<[a-z/][^>]*>/gi, /\]\([^)\n]*\)/g, /https?:\S+/g])
    prose = fill(prose, other, ' ');
  // Paragraphs, items of lists, headings and cells of tables are sentences of their own.
  return prose.replace(/\n(?=\s*\n|\s*([-*+]|\d+\.|#+|>) )|(?<=^ *#+ .*)\n|\|/gm, stop).replaceAll('\n', ' ');
}

/** Keeps some ranges of a text, and replaces all else by stops. */
function keepOnly(source: string, ranges: readonly (readonly [start: number, end: number, by?: string])[]): string {
  const kept = Array<string>(source.length).fill(stop);
  for (const [start, end, by] of ranges)
    for (let index = start; index < end; index++) kept[index] = by ?? source.charAt(index).replace('\n', ' ');
  return kept.join('');
}

function proseOfSchema(source: string): string {
  const ranges: [number, number][] = [];
  visit(parse(source), {
    enter(node) {
      if ('description' in node && node.description?.loc)
        ranges.push([node.description.loc.start, node.description.loc.end]);
    },
  });
  return fill(keepOnly(source, ranges), /`[^`]+`/g, 'X').replaceAll('"', ' ');
}

/** A node of the syntax tree, as far as it matters here. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value;
const isProse = (text: string) => /\p{L} \p{L}|\p{L}\.? $|^ \p{L}/u.test(text);

function proseOfCode(source: string, lang: 'ts' | 'tsx'): string {
  const ranges: [number, number, string?][] = [];
  let comments = source;
  const left: Node[] = [parseAst(source, { lang }) as unknown as Node];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    const { type, start, end } = node;
    // A text in parts is one text, and what is put into it is a word.
    if (type === 'BinaryExpression') ranges.push([start, end, ' ']);
    if (type === 'TemplateLiteral') ranges.push([start, end, 'X']);
    const isText = /^(TemplateElement|JSXText)$/.test(type) || (type === 'Literal' && typeof node.value === 'string');
    if (isText && isProse(source.slice(start, end))) ranges.push([start, end]);
    if (isText || type === 'Literal')
      comments = comments.slice(0, start) + ' '.repeat(end - start) + comments.slice(end);
    left.push(...Object.values(node).flat().filter(isNode));
  }
  for (const { 0: comment, index } of comments.matchAll(/\/\*[\s\S]*?\*\/|(\/\/.*(\n\s*(?=\/\/))?)+/g))
    ranges.push([index, index + comment.length]);
  const prose = fill(keepOnly(source, ranges), /`[^`\u2029]+`/g, 'X');
  return prose.replace(/\\n|['"*/]|@\w+/g, (match) => (match.length > 2 ? stop : ' ').repeat(match.length));
}

/** Between two words there may be a line's end, or the end of one part of a text and the start of the next. */
const patterns = words.map(
  ([{ source }, instead]) => [new RegExp(source.replaceAll(' ', '\\s+'), 'i'), instead] as const,
);

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** A configuration file: its texts go on over lines, and so do its comments. */
const proseOfText = (source: string) => source.replace(/\n\s*#?/g, (match) => ' '.repeat(match.length));

const readers: Readonly<Record<string, (source: string) => string>> = {
  '.md': proseOfMarkdown,
  '.graphql': proseOfSchema,
  '.ts': (source) => proseOfCode(source, 'ts'),
  '.mjs': (source) => proseOfCode(source, 'ts'),
  '.tsx': (source) => proseOfCode(source, 'tsx'),
};

/**
 * @returns what plain English does without: in a document (`.md`), in a schema's descriptions, in the texts and comments of a
 * module, or in any other text. Only documents and descriptions are of whole sentences, so only those can have long ones.
 */
export function findings(file: string, source: string): readonly Finding[] {
  const read = readers[extname(file)] ?? proseOfText;
  const hasSentences = read === proseOfMarkdown || read === proseOfSchema;
  const prose = read(source);
  const lineAt = (index: number) => source.slice(0, index).split('\n').length;
  return [...segmenter.segment(prose)].flatMap(({ segment, index }) => {
    const letter = segment.search(/[\p{L}\p{N}]/u);
    if (letter < 0) return [];
    const start = index + letter;
    const count = segment.match(/[\p{L}\p{N}]\S*/gu)?.length ?? 0;
    const found = patterns.flatMap(([pattern, instead]) => {
      const match = pattern.exec(segment);
      if (!match) return [];
      const at = Math.max(start, index + match.index);
      const quoted = source.slice(at, index + match.index + match[0].trimEnd().length);
      return [{ line: lineAt(at), message: `"${quoted.replace(/\s+/g, ' ')}": ${instead}` }];
    });
    const isLong = hasSentences && count > maxWords;
    return isLong
      ? [...found, { line: lineAt(start), message: `a sentence of ${count} words: at most ${maxWords}` }]
      : found;
  });
}
