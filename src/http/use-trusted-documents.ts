import { usePersistedOperations } from '@graphql-yoga/plugin-persisted-operations';
import type { Plugin } from 'graphql-yoga';
import { requestError } from '../errors.ts';
import { documentIdOf, type TrustedDocuments } from '../graphql/trusted-documents.ts';

/**
 * Executes documents by their ids.
 * @param only refuse those that come as text.
 */
export function useTrustedDocuments(documents: TrustedDocuments, only: boolean): Plugin {
  return usePersistedOperations({
    allowArbitraryOperations: !only,
    extractPersistedOperationId: documentIdOf,
    getPersistedOperation: (id) => documents.get(id) ?? null,
    customErrors: {
      notFound: () => requestError('UNTRUSTED_DOCUMENT', 'This server knows no document by that id.'),
      keyNotFound: () => requestError('UNTRUSTED_DOCUMENT', 'The request has neither a documentId nor a query.'),
      persistedQueryOnly: () => requestError('UNTRUSTED_DOCUMENT'),
    },
  });
}
