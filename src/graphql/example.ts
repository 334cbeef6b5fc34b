import { readFileSync } from 'node:fs';
import { withTypePrefixInText } from './subgraph/type-names.ts';

/** A document to try, and its variables as JSON. */
export interface Example {
  readonly query: string;
  readonly variables: string;
}

/** Reads one of `schema/operations/`, as a schema with that prefix to its types takes it. */
export function readExample(name: string, typePrefix: string): Example {
  const file = (extension: string) =>
    readFileSync(new URL(`../../schema/operations/${name}.${extension}`, import.meta.url), 'utf8');
  return { query: withTypePrefixInText(file('graphql'), typePrefix), variables: file('json') };
}
