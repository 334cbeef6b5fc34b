import type { CodegenConfig } from '@graphql-codegen/cli';

/** The types of the documents that README, GraphiQL and the tests share, generated from the published schema. */
const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  documents: ['schema/operations/*.graphql'],
  generates: {
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
