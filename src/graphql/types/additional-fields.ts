import { MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  type FieldDefinitionNode,
  type GraphQLFieldConfigMap,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLScalarType,
  type GraphQLSchema,
  type ObjectTypeDefinitionNode,
  parse,
} from 'graphql';
import { ConfigError } from '../../config/config.ts';
import type { AdditionalField } from '../../config/settings.ts';
import { camelCase, resources } from '../../engagement/resources.ts';
import { typeNames } from '../core/selection.ts';
import { typesOfKinds } from './records.ts';

/** The fields as Pothos would expose them: from the key that has the kind of their value, see `AdditionalKey`. */
function fieldConfigs(
  schema: GraphQLSchema,
  fields: readonly AdditionalField[],
): GraphQLFieldConfigMap<object, unknown> {
  return Object.fromEntries(
    fields.map(({ name, type: written, description }) => {
      const [kind] = Object.entries(typesOfKinds).find(([, type]) => type === written) ?? [];
      const key = `${name}:${kind}`;
      const scalar = schema.getType(written.replace(/\W/g, '')) as GraphQLScalarType;
      const type = written.startsWith('[') ? new GraphQLList(new GraphQLNonNull(scalar)) : scalar;
      const resolve = (record: object): unknown => Reflect.get(record, key);
      return [camelCase(name), { type, description, resolve, extensions: { pothosExposedField: key } }];
    }),
  );
}

/** The fields as syntax, from which Apollo's library prints a subgraph. */
function fieldNodes(fields: readonly AdditionalField[]): readonly FieldDefinitionNode[] {
  const lines = fields.map(
    ({ name, type, description }) => `${JSON.stringify(description)} ${camelCase(name)}: ${type}`,
  );
  const [definition] = parse(`type Engagement { ${lines.join(' ')} }`).definitions;
  return (definition as ObjectTypeDefinitionNode).fields ?? [];
}

function checkNames(fields: readonly AdditionalField[], takenNames: readonly string[]): void {
  const taken = new Set([...takenNames, ...Object.keys(resources.engagements)]);
  const problems = fields.flatMap(({ name }) => {
    const fieldName = camelCase(name);
    if (taken.has(name) || taken.has(fieldName))
      return [`ADDITIONAL_FIELDS must not have ${name}: an engagement already has the field ${fieldName}`];
    taken.add(fieldName);
    return [];
  });
  if (problems.length > 0) throw new ConfigError(problems);
}

/**
 * Adds the fields of the setting `ADDITIONAL_FIELDS` to the schema's engagements.
 * @throws {ConfigError} for a field that engagements already have.
 */
export function addAdditionalFields(schema: GraphQLSchema, fields: readonly AdditionalField[]): GraphQLSchema {
  if (fields.length === 0) return schema;
  return mapSchema(schema, {
    [MapperKind.OBJECT_TYPE]: (type) => {
      if (type.name !== typeNames.engagements) return undefined;
      const config = type.toConfig();
      checkNames(fields, Object.keys(config.fields));
      const astNode = config.astNode && {
        ...config.astNode,
        fields: [...(config.astNode.fields ?? []), ...fieldNodes(fields)],
      };
      const all = { ...config.fields, ...fieldConfigs(schema, fields) };
      return new GraphQLObjectType({ ...config, astNode, fields: all });
    },
  });
}
