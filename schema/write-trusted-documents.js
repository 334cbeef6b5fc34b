import { createHash } from 'node:crypto';
import { print } from 'graphql';

/**
 * The documents of schema/operations by the SHA-256 of their text: what a server is started with as TRUSTED_DOCUMENTS. A plugin of
 * GraphQL Code Generator.
 */
export function plugin(_schema, files) {
  const documents = files
    .map(({ document }) => print(document))
    .map((text) => [createHash('sha256').update(text).digest('hex'), text])
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(documents), null, 2)}\n`;
}
