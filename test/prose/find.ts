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
  prose = fill(prose, /(`+)[\s\S]*?\1/g, 'x');
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
  return fill(keepOnly(source, ranges), /`[^`]+`/g, 'x').replaceAll('"', ' ');
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

function proseOfCode(source: string): string {
  const ranges: [number, number, string?][] = [];
  const left: Node[] = [parseAst(source, { lang: 'ts' }) as unknown as Node];
  for (let node = left.shift(); node !== undefined; node = left.shift()) {
    // A text in parts is one text, and what is put into it is a word.
    if (node.type === 'BinaryExpression') ranges.push([node.start, node.end, ' ']);
    if (node.type === 'TemplateLiteral') ranges.push([node.start, node.end, 'x']);
    const isText = node.type === 'TemplateElement' || (node.type === 'Literal' && typeof node.value === 'string');
    if (isText && isProse(source.slice(node.start, node.end))) ranges.push([node.start, node.end]);
    left.push(...Object.values(node).flat().filter(isNode));
  }
  return keepOnly(source, ranges).replace(/\\n|['"]/g, (match) => ' '.repeat(match.length));
}

/** Between two words there may be a line's end, or the end of one part of a text and the start of the next. */
const patterns = words.map(
  ([{ source }, instead]) => [new RegExp(source.replaceAll(' ', '\\s+'), 'i'), instead] as const,
);

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** @returns what plain English does without in a document (`.md`), in a schema's descriptions, or in the texts of a module. */
export function findings(file: string, source: string): readonly Finding[] {
  const isCode = file.endsWith('.ts');
  const prose = isCode
    ? proseOfCode(source)
    : file.endsWith('.graphql')
      ? proseOfSchema(source)
      : proseOfMarkdown(source);
  const lineAt = (index: number) => source.slice(0, index).split('\n').length;
  return [...segmenter.segment(prose)].flatMap(({ segment, index }) => {
    const start = index + segment.search(/[\p{L}\p{N}]/u);
    const count = segment.match(/[\p{L}\p{N}]\S*/gu)?.length ?? 0;
    const found = patterns.flatMap(([pattern, instead]) => {
      const match = pattern.exec(segment);
      if (!match) return [];
      const at = Math.max(start, index + match.index);
      const quoted = source.slice(at, index + match.index + match[0].trimEnd().length);
      return [{ line: lineAt(at), message: `"${quoted.replace(/\s+/g, ' ')}": ${instead}` }];
    });
    const isLong = !isCode && count > maxWords;
    return isLong
      ? [...found, { line: lineAt(start), message: `a sentence of ${count} words: at most ${maxWords}` }]
      : found;
  });
}
