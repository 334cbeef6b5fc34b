import { fileURLToPath } from 'node:url';
import { defineConfig } from '@graphql-mesh/compose-cli';
import { loadOpenAPISubgraph } from '@omnigraph/openapi';

/** How Mesh makes a supergraph of upstream's OpenAPI: the owner's name, which upstream has elsewhere, is stitched on. */
export const composeConfig = defineConfig({
  subgraphs: [
    {
      sourceHandler: loadOpenAPISubgraph('Engagements', {
        source: fileURLToPath(new URL('engagements-openapi.json', import.meta.url)),
        endpoint: process.env.UPSTREAM_URL,
        operationHeaders: { authorization: '{context.headers.authorization}' },
      }),
    },
  ],
  additionalTypeDefs: `
    extend type Owner {
      name: String
        @resolveTo(
          sourceName: "Engagements"
          sourceTypeName: "Query"
          sourceFieldName: "user"
          requiredSelectionSet: "{ id }"
          sourceArgs: { id: "{root.id}" }
          result: "name"
        )
    }
  `,
});
