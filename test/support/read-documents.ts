import fc from 'fast-check';
import {
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { writeNodeId } from '../../src/engagement/node-id.ts';

/** The keys of two records, as GraphQL writes them. */
const keys = ['id: "u", integratedAccountId: "a"', 'id: "v", integratedAccountId: "a"'];

/** The arguments of a root field. */
function argumentsOf(name: string, returned: GraphQLNamedType): string {
  const types = isUnionType(returned) ? returned.getTypes() : [];
  const entities = types.flatMap((type) => keys.map((key) => `{ __typename: "${type.name}", ${key} }`));
  if (name.endsWith('ByKey')) return `(keys: [{ ${keys.join(' }, { ')} }])`;
  const someArguments: Readonly<Record<string, string>> = {
    engagement: '(id: 1, integratedAccountId: "a")',
    engagements: '(integratedAccountId: "a", first: 5)',
    node: `(nodeId: "${writeNodeId({ resource: 'users', integratedAccountId: 'a', kind: null, id: 'u' })}")`,
    _entities: `(representations: [${entities.join(', ')}])`,
  };
  return someArguments[name] ?? '';
}

const condition = fc.constantFrom('', '', '', '', ' @include(if: true)', ' @skip(if: true)', ' @skip(if: false)');

type Field = GraphQLField<unknown, unknown>;

function field(schema: GraphQLSchema, { name, type }: Field, parent: string, depth: number): fc.Arbitrary<string> {
  const below = getNamedType(type);
  const selected = isLeafType(below) ? fc.constant('') : selection(schema, below, depth - 1);
  const parts = fc.record({ alias: fc.constantFrom('', `my_${parent}_${name}: `), if: condition, selected });
  return parts.map(
    ({ alias, if: directive, selected: text }) =>
      `${alias}${name}${parent === 'Query' ? argumentsOf(name, below) : ''}${directive} ${text}`,
  );
}

/** Some fields of a type; below `depth` only those without a selection. */
function selection(schema: GraphQLSchema, type: GraphQLNamedType, depth: number): fc.Arbitrary<string> {
  const own = isObjectType(type) ? Object.values(type.getFields()) : [];
  const selectable = own.filter((each) => depth > 0 || isLeafType(getNamedType(each.type)));
  const members = isAbstractType(type) ? schema.getPossibleTypes(type) : [];
  const parts: fc.Arbitrary<string>[] = [
    fc.constant('__typename'),
    ...selectable.map((each) => field(schema, each, type.name, depth)),
    ...(isObjectType(type) && selectable.length > 0
      ? [
          fc
            .constantFrom(...selectable)
            .chain((each) => field(schema, each, type.name, depth))
            .map((text) => `... { ${text} }`),
        ]
      : []),
    ...members.map((member) => selection(schema, member, depth - 1).map((text) => `... on ${member.name} ${text}`)),
  ];
  return fc.array(fc.oneof(...parts), { minLength: 1, maxLength: 5 }).map((texts) => `{ ${texts.join(' ')} }`);
}

const readNames = /^(engagements?|node|integrations|_entities|\w+ByKey)$/;

/** Random valid queries that read records. */
export function readsOf(schema: GraphQLSchema): fc.Arbitrary<string> {
  const fields = Object.values(schema.getQueryType()?.getFields() ?? {}).filter(({ name }) => readNames.test(name));
  return fc
    .array(fc.oneof(...fields.map((each) => field(schema, each, 'Query', 4))), { minLength: 1, maxLength: 3 })
    .map((texts) => `{ ${texts.join(' ')} }`);
}
