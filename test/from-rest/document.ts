import { readFileSync } from 'node:fs';

const text = readFileSync(new URL('../../docs/from-rest.md', import.meta.url), 'utf8');

/** The whole of `docs/from-rest.md`. */
export const documentText: string = text;

/** A program in the document. */
export interface Sample {
  readonly language: string;
  readonly code: string;
}

/** A way to call REST, and the same in GraphQL. */
export interface SamplePair {
  readonly name: string;
  readonly rest: Sample;
  readonly graphql: Sample;
}

/** A row of one of the tables. */
export interface Row {
  /** REST's name, such as `contact[].id`. */
  readonly name: string;
  /** What it is now: an argument, a selection, or that there is no such thing any more. */
  readonly now: string;
  /** The whole line. */
  readonly line: string;
}

function section(title: string): string {
  const [, found] = new RegExp(`\n## ${title}\n([^]*?)(?=\n## |$)`).exec(text) ?? [];
  if (found === undefined) throw new Error(`The document has no section "${title}"`);
  return found;
}

/** The pairs of programs, in order. */
export function samplePairs(): readonly SamplePair[] {
  return section('The five samples')
    .split('\n### ')
    .slice(1)
    .map((part) => {
      const blocks = [...part.matchAll(/```(\w+)\n(.*?)```/gs)];
      const [rest, graphql, ...more] = blocks.map(([, language = '', code = '']) => ({ language, code }));
      const name = part.slice(0, part.indexOf('\n'));
      if (!rest || !graphql || more.length > 0) throw new Error(`${name} is no pair`);
      return { name, rest, graphql };
    });
}

function rows(title: string): readonly Row[] {
  const lines = [...section(title).matchAll(/^\| `([^`]+)` \| (.+?) \|.*$/gm)];
  return lines.map(([line, name = '', now = '']) => ({ name, now: now.replaceAll('`', ''), line }));
}

/** What the document says of every parameter. */
export const parameterRows: readonly Row[] = rows('Every parameter');

/** What the document says of every field of the answer, and of the fields in it. */
export const fieldRows: readonly Row[] = rows('Every field of the answer');
