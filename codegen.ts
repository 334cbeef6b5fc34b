import type { CodegenConfig } from '@graphql-codegen/cli';

/**
 * Generates from the documents that README, GraphiQL and the tests share: their types, and the manifest of trusted documents.
 */
const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  documents: ['schema/operations/*.graphql'],
  generates: {
    'schema/trusted-documents.json': { plugins: ['./schema/write-trusted-documents.js'] },
    'test/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        importExtension: '.ts',
        strictScalars: true,
        scalars: { DateTime: 'string', JSON: 'unknown', JSONObject: 'Record<string, unknown>', Base64: 'string' },
      },
    },
  },
};

export default config;
