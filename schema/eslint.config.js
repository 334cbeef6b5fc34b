import graphql from '@graphql-eslint/eslint-plugin';

/** The rules that @graphql-eslint recommends for schemas, and those for Relay, with the reason for each exception. */

const recommended = graphql.configs['flat/schema-recommended'].rules;
const relay = graphql.configs['flat/schema-relay'].rules;

/** The rule with exceptions for these names. It has no option for that. */
function exceptFor(names, rule) {
  const isExcepted = ({ typeName, fieldName }) => names.includes(fieldName ? `${typeName}.${fieldName}` : typeName);
  const reporter = (context) => ({ report: (found) => isExcepted(found.data) || context.report(found) });
  return { ...rule, create: (context) => rule.create({ __proto__: context, ...reporter(context) }) };
}

const plugin = {
  ...graphql,
  rules: {
    ...graphql.rules,
    'no-typename-prefix': exceptFor(
      // Upstream's names. The first is also an argument, and `type` or `source` alone would not be clear. `id` is upstream's id.
      ['Engagement.engagementType', 'Lead.leadSource', 'Lead.leadType', 'Node.nodeId'],
      graphql.rules['no-typename-prefix'],
    ),
  },
};

const typesWithoutId = [
  // Parts of one answer, which cannot be read again, so they need no id.
  ...['DeleteEngagementPlan', 'DeleteEngagementSuccess', 'DeleteStream', 'InputIssue', 'RateLimit', 'RequestHeader'],
  ...['CreateEngagementPlan', 'CreateEngagementSuccess'],
  // Parts of a bulk delete, which has an id.
  ...['BulkDeleteFailures', 'BulkDeleteItems', 'BulkDeleteOutcomes'],
  // Parts of a restore. Its items have no id when their line cannot be read.
  ...['BulkRestoreItem', 'BulkRestoreItems', 'BulkRestoreOutcomes'],
  // A page of bulk deletes, or of restores.
  ...['BulkDeletes', 'BulkRestores'],
  // Parts of a record. Only some providers send ids for them, so their `id` is nullable or absent.
  ...['Address', 'EmailAddress', 'PhoneNumber', 'Stage', 'Tag', 'WebAddress'],
  // Identified by its name.
  'Integration',
  // It has none in Relay's specification.
  'PageInfo',
];
// Errors and payloads are answers too. Connections and edges have no id in Relay's specification.
const suffixesWithoutId = ['Error', 'Payload', 'Connection', 'Edge'];

const rulesWith = ({ shouldImplementNode }) => ({
  ...recommended,
  ...relay,
  '@graphql-eslint/strict-id-in-types': [
    'error',
    { exceptions: { types: typesWithoutId, suffixes: suffixesWithoutId } },
  ],
  // Upstream pages only forward, so `last` and `before` do not exist.
  '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
  '@graphql-eslint/relay-edge-types': [
    'error',
    {
      // A supergraph may have its own `Node`, so only the plain schema has one.
      shouldImplementNode,
      // Upstream pages only engagements. The lists in a record are complete.
      listTypeCanWrapOnlyEdgeType: false,
    },
  ],
});
const rules = rulesWith({ shouldImplementNode: false });

const [, naming] = recommended['@graphql-eslint/naming-convention'];
const [, described] = recommended['@graphql-eslint/require-description'];

const stitchingRules = {
  ...rules,
  // Stitching gateways read the SDL from a field with this name.
  '@graphql-eslint/naming-convention': [
    'error',
    { ...naming, FieldDefinition: { style: naming.FieldDefinition, ignorePattern: '^_sdl$' } },
  ],
  // @graphql-tools/stitching-directives has no descriptions.
  '@graphql-eslint/require-description': [
    'error',
    { ...described, ignoredSelectors: ['[name.value=/^(key|merge)$/]'] },
  ],
};

// The plugin uses only its first configuration, so each file is a project of that and is checked separately. @apollo/subgraph builds
// federation.graphql from its @link and knows the directives.
const names = ['schema', 'federation', 'stitching'];
const projects = Object.fromEntries(names.map((name) => [name, { schema: `schema/${name}.graphql` }]));

const check = (name, rules) => ({
  files: [`schema/${name}.graphql`],
  plugins: { '@graphql-eslint': plugin },
  languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { projects } } },
  rules,
});

export default [
  check('schema', rulesWith({ shouldImplementNode: true })),
  check('federation', rules),
  check('stitching', stitchingRules),
];
