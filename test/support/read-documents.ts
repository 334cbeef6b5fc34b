import fc from 'fast-check';
import {
  type GraphQLField,
  type GraphQLNamedType,
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
} from 'graphql';
import { writeNodeId } from '../../src/engagement/node-id.ts';
import { schema } from './schema.ts';

/** The arguments of the root fields that need some. */
const someArguments: Readonly<Record<string, string>> = {
  engagement: '(id: 1, integratedAccountId: "a")',
  engagements: '(integratedAccountId: "a", first: 5)',
  node: `(nodeId: "${writeNodeId({ resource: 'users', integratedAccountId: 'a', kind: null, id: 'u' })}")`,
};

const condition = fc.constantFrom('', '', '', '', ' @include(if: true)', ' @skip(if: true)', ' @skip(if: false)');

function field({ name, type }: GraphQLField<unknown, unknown>, parent: string, depth: number): fc.Arbitrary<string> {
  const below = getNamedType(type);
  const selected = isLeafType(below) ? fc.constant('') : selection(below, depth - 1);
  const parts = fc.record({ alias: fc.constantFrom('', `my_${parent}_${name}: `), if: condition, selected });
  return parts.map(
    ({ alias, if: directive, selected: text }) =>
      `${alias}${name}${parent === 'Query' ? (someArguments[name] ?? '') : ''}${directive} ${text}`,
  );
}

/** Some fields of a type; below `depth` only those without a selection. */
function selection(type: GraphQLNamedType, depth: number): fc.Arbitrary<string> {
  const own = isObjectType(type) ? Object.values(type.getFields()) : [];
  const selectable = own.filter((each) => depth > 0 || isLeafType(getNamedType(each.type)));
  const members = isAbstractType(type) ? schema.getPossibleTypes(type) : [];
  const parts: fc.Arbitrary<string>[] = [
    fc.constant('__typename'),
    ...selectable.map((each) => field(each, type.name, depth)),
    ...(isObjectType(type) && selectable.length > 0
      ? [
          fc
            .constantFrom(...selectable)
            .chain((each) => field(each, type.name, depth))
            .map((text) => `... { ${text} }`),
        ]
      : []),
    ...members.map((member) => selection(member, depth - 1).map((text) => `... on ${member.name} ${text}`)),
  ];
  return fc.array(fc.oneof(...parts), { minLength: 1, maxLength: 5 }).map((texts) => `{ ${texts.join(' ')} }`);
}

const query = schema.getQueryType()?.getFields() ?? {};
const readFields = ['engagement', 'engagements', 'node', 'integrations'].map((name) => query[name]);

/** Random valid queries that read records. */
export const reads: fc.Arbitrary<string> = fc
  .array(fc.oneof(...readFields.map((each) => field(each as GraphQLField<unknown, unknown>, 'Query', 4))), {
    minLength: 1,
    maxLength: 3,
  })
  .map((texts) => `{ ${texts.join(' ')} }`);
