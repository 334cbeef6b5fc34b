import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A fenced block of one of the documents. */
export interface Block {
  readonly file: string;
  readonly language: string;
  readonly text: string;
}

/** Every document, by its path from the project's root. */
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
  if (text === undefined) throw new Error(`${file} is not a document`);
  return text;
}

/** All fenced blocks of all documents, in order. */
export const blocks: readonly Block[] = [...documents].flatMap(([file, text]) =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', block = '']) => ({
    ...{ file, language, text: block },
  })),
);

/** The commands of the README that connect the server to Truto. docs-connect.test.ts runs them. */
export const connectBlocks: readonly Block[] = blocks.filter(
  ({ file, text }) => file === 'README.md' && /^(AUTH_MODE=|export )/.test(text),
);

/** The anchors (`#…`) that links to a document may use: its headings, as GitHub spells them. */
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
