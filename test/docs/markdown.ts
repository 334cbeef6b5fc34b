import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A fenced block of one of the documents. */
export interface Block {
  readonly file: string;
  readonly language: string;
  readonly text: string;
}

/** Every document that somebody is to read, by its path from the project's root. */
export const documents: ReadonlyMap<string, string> = new Map(
  [
    ...readdirSync(root).filter((file) => file.endsWith('.md')),
    ...readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file}`),
    'examples/clients/README.md',
    '.github/CONTRIBUTING.md',
    '.github/CODE_OF_CONDUCT.md',
  ].map((file) => [file, readFileSync(root + file, 'utf8')]),
);

/** The text of a document. @throws when there is none of that name. */
export function documentText(file: string): string {
  const text = documents.get(file);
  if (text === undefined) throw new Error(`${file} is no document`);
  return text;
}

/** All fenced blocks of all documents, in order. */
export const blocks: readonly Block[] = [...documents].flatMap(([file, text]) =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', block = '']) => ({
    ...{ file, language, text: block },
  })),
);

/** What `#…` stands for in links to a document: its headings, as GitHub spells them. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)];
  return new Set(
    headings.map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
