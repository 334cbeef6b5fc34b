import graphql from '@graphql-eslint/eslint-plugin';

/** All that @graphql-eslint recommends for schemas and knows of Relay, and why something is left out. */

const recommended = graphql.configs['flat/schema-recommended'].rules;
const relay = graphql.configs['flat/schema-relay'].rules;

/** A rule that has no options for it, silent about these: switched off, it would be silent about all. */
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
      // Upstream's names. The first is the argument's name too; `type` and `source` would not say of what. An `id` is upstream's.
      ['Engagement.engagementType', 'Lead.leadSource', 'Lead.leadType', 'Node.nodeId'],
      graphql.rules['no-typename-prefix'],
    ),
  },
};

const typesWithoutId = [
  // Parts of one answer, which is not to be had again: nothing that an id could be for.
  ...['DeleteEngagementPlan', 'DeleteEngagementSuccess', 'DeleteStream', 'InputIssue', 'RateLimit', 'RequestHeader'],
  // Parts of a bulk delete, which has one.
  ...['BulkDeleteFailures', 'BulkDeleteItems', 'BulkDeleteOutcomes'],
  // Parts of a record. Some providers number some of them, so that their `id` is nullable, or absent.
  ...['Address', 'EmailAddress', 'PhoneNumber', 'Stage', 'Tag', 'WebAddress'],
  // Known by its name.
  'Integration',
  // Relay's specification gives it none.
  'PageInfo',
];
// An error is an answer as well, and so is a payload. The specification gives no id to connections and edges either.
const suffixesWithoutId = ['Error', 'Payload', 'Connection', 'Edge'];

const rulesWith = ({ shouldImplementNode }) => ({
  ...recommended,
  ...relay,
  '@graphql-eslint/strict-id-in-types': [
    'error',
    { exceptions: { types: typesWithoutId, suffixes: suffixesWithoutId } },
  ],
  // Upstream pages forward only: there is nothing that `last` and `before` could be.
  '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
  '@graphql-eslint/relay-edge-types': [
    'error',
    {
      // A graph may have a `Node` of its own: only the schema by itself has one.
      shouldImplementNode,
      // Upstream pages engagements only. The lists in a record come with it, whole.
      listTypeCanWrapOnlyEdgeType: false,
    },
  ],
});
const rules = rulesWith({ shouldImplementNode: false });

const [, naming] = recommended['@graphql-eslint/naming-convention'];
const [, described] = recommended['@graphql-eslint/require-description'];

const stitchingRules = {
  ...rules,
  // The field that gateways ask for this text. They have named it.
  '@graphql-eslint/naming-convention': [
    'error',
    { ...naming, FieldDefinition: { style: naming.FieldDefinition, ignorePattern: '^_sdl$' } },
  ],
  // @graphql-tools/stitching-directives says nothing of its directives.
  '@graphql-eslint/require-description': [
    'error',
    { ...described, ignoredSelectors: ['[name.value=/^(key|merge)$/]'] },
  ],
};

// The plugin keeps the first configuration that it is given: each file is a project of it, so that each is judged by
// itself. federation.graphql is built by @apollo/subgraph, which reads its @link and knows the directives.
const names = ['schema', 'federation', 'stitching'];
const projects = Object.fromEntries(names.map((name) => [name, { schema: `schema/${name}.graphql` }]));

const judge = (name, rules) => ({
  files: [`schema/${name}.graphql`],
  plugins: { '@graphql-eslint': plugin },
  languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { projects } } },
  rules,
});

export default [
  judge('schema', rulesWith({ shouldImplementNode: true })),
  judge('federation', rules),
  judge('stitching', stitchingRules),
];
