import { readFileSync } from 'node:fs';
import {
  buildSchema,
  type GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
  isUnionType,
  parse,
  validate,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { errorKinds } from '../src/engagement/result.ts';
import { createSchema, printedSchema } from '../src/graphql/schema.ts';
import { schema } from './support/schema.ts';

const ownTypes = Object.values(schema.getTypeMap()).filter(
  (type) => !type.name.startsWith('__') && !isSpecifiedScalarType(type),
);

function* described(): Generator<readonly [string, string | null | undefined]> {
  for (const type of ownTypes) {
    yield [type.name, type.description];
    if (isEnumType(type)) for (const value of type.getValues()) yield [`${type.name}.${value.name}`, value.description];
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      yield [`${type.name}.${field.name}`, field.description];
      if ('args' in field)
        for (const arg of field.args) yield [`${type.name}.${field.name}(${arg.name}:)`, arg.description];
    }
  }
}

/** A selection of every field of the type, down to the leaves. */
function everything(type: GraphQLObjectType): string {
  return Object.values(type.getFields())
    .map((field) => {
      const named = schema.getType(String(field.type).replace(/[[\]!]/g, ''));
      return isObjectType(named) ? `${field.name} { ${everything(named)} }` : field.name;
    })
    .join(' ');
}

describe('the schema', () => {
  it.each([
    ['schema.graphql', 'none'],
    ['federation.graphql', 'federation'],
    ['stitching.graphql', 'stitching'],
  ] as const)('is published in schema/%s as it is served; `npm run schema` writes it', (file, dialect) => {
    const published = readFileSync(new URL(`../schema/${file}`, import.meta.url), 'utf8');
    const options = { dialect, typePrefix: '', provesCallers: false };
    expect(printedSchema(options)).toBe(published);
    if (dialect === 'none') expect(() => buildSchema(published)).not.toThrow();
    else expect(createSchema(options).extensions.sdl).toBe(published);
  });

  it('describes everything in sentences, and types with more words than their names', () => {
    const wordsOf = (text: string) => text.toLowerCase().match(/[a-z]+/g) ?? [];
    const isSentence = (text: string) => /^[`A-Z0-9].*\w.*[.)`]$/s.test(text);
    const saysMore = (name: string, text: string) => {
      const known = new Set([...wordsOf(name.replace(/([a-z])([A-Z])/g, '$1 $2')), 'the', 'a', 'an', 'of']);
      return wordsOf(text).some((word) => !known.has(word));
    };
    const undescribed = [...described()].filter(
      ([name, text]) => !text || !isSentence(text) || (!name.includes('.') && !saysMore(name, text)),
    );
    expect(undescribed.map(([name]) => name)).toEqual([]);
  });

  it('lets a client select every field of every result member in one document', () => {
    const union = schema.getType('DeleteEngagementResult');
    const members = isUnionType(union) ? union.getTypes() : [];
    const fragments = members.map((member) => `... on ${member.name} { ${everything(member)} }`).join(' ');
    const document = parse(`mutation { deleteEngagement(id: 1, integratedAccountId: 2) { ${fragments} } }`);
    expect(members).toHaveLength(errorKinds.length + 2);
    expect(validate(schema, document)).toEqual([]);
  });

  it('gives every result member except the success and the plan the interface Error', () => {
    const union = schema.getType('DeleteEngagementResult');
    const without = (isUnionType(union) ? union.getTypes() : []).filter(
      (type) => !type.getInterfaces().some(({ name }) => name === 'Error'),
    );
    expect(without.map(({ name }) => name).sort()).toEqual(['DeleteEngagementPlan', 'DeleteEngagementSuccess']);
  });

  it('has nullable mutation fields, so that one failed alias removes no other', () => {
    const fields = Object.values(schema.getMutationType()?.getFields() ?? {});
    expect(fields.map(({ name, type }) => [name, String(type).endsWith('!')])).toEqual([
      ['cancelBulkDelete', false],
      ['cancelBulkRestore', false],
      ['createEngagement', false],
      ['deleteEngagement', false],
      ['deleteEngagements', false],
      ['pauseBulkDelete', false],
      ['pauseBulkRestore', false],
      ['restoreEngagements', false],
      ['resumeBulkDelete', false],
      ['resumeBulkRestore', false],
      ['startBulkDelete', false],
    ]);
  });
});

describe.each(['federation', 'stitching'] as const)('in a supergraph by %s', (dialect) => {
  it('has no Node and no node, which other subgraphs may have, but every nodeId', () => {
    const schema = createSchema({ dialect, provesCallers: false, typePrefix: '' });
    expect(schema.getType('Node')).toBeUndefined();
    expect(schema.getQueryType()?.getFields().node).toBeUndefined();
    for (const name of ['Engagement', 'Owner', 'Contact', 'Account', 'Lead', 'Opportunity', 'Project', 'Note']) {
      const type = schema.getType(name) as GraphQLObjectType;
      expect(String(type.getFields().nodeId?.type)).toBe('ID!');
      expect(type.getInterfaces()).toEqual([]);
    }
  });
});
