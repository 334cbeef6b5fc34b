import { usePersistedOperations } from '@graphql-yoga/plugin-persisted-operations';
import type { Plugin } from 'graphql-yoga';
import { requestError } from '../graphql/core/top-level-errors.ts';
import { documentIdOf, namesPersistedQuery, type TrustedDocuments } from '../graphql/documents.ts';

/**
 * Executes documents by their ids. Apollo's links, which send a hash first, are told where to send the query itself.
 * @param documents none where the server trusts all.
 * @param only refuse those that come as text.
 */
export function useTrustedDocuments(documents: TrustedDocuments | undefined, only: boolean): Plugin {
  if (!documents) {
    return {
      onParams({ params }) {
        if (namesPersistedQuery(params)) throw requestError('PERSISTED_QUERY_NOT_SUPPORTED');
      },
    };
  }
  return usePersistedOperations({
    allowArbitraryOperations: !only,
    extractPersistedOperationId: documentIdOf,
    getPersistedOperation: (id) => documents.get(id) ?? null,
    customErrors: {
      notFound({ params }) {
        // Where only trusted documents are executed, to send the query would be in vain.
        if (!only && namesPersistedQuery(params)) return requestError('PERSISTED_QUERY_NOT_FOUND');
        return requestError('UNTRUSTED_DOCUMENT', 'This server knows no document by that id.');
      },
      keyNotFound: () => requestError('UNTRUSTED_DOCUMENT', 'The request has neither a documentId nor a query.'),
      persistedQueryOnly: () => requestError('UNTRUSTED_DOCUMENT'),
    },
  });
}
