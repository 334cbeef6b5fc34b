import { createHash } from 'node:crypto';
import { print } from 'graphql';

/**
 * A plugin of GraphQL Code Generator. It writes the documents of schema/operations by the SHA-256 of their text, for the setting
 * TRUSTED_DOCUMENTS.
 */
export function plugin(_schema, files) {
  const documents = files
    .map(({ document }) => print(document))
    .map((text) => [createHash('sha256').update(text).digest('hex'), text])
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(documents), null, 2)}\n`;
}
