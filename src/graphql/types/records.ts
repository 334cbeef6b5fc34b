import type { ObjectRef } from '@pothos/core';
import { extendSchema, type GraphQLObjectType, type GraphQLResolveInfo, type GraphQLSchema, parse } from 'graphql';
import { ConfigError } from '../../config/config.ts';
import type { AdditionalField } from '../../config/settings.ts';
import { typeNamed } from '../../engagement/input.ts';
import type { FoundRecord } from '../../engagement/read.ts';
import { additionalFields, type EngagementRecord } from '../../engagement/record.ts';
import { camelCase, type FieldKind, type Resource, type ResourceField, resources } from '../../engagement/resources.ts';
import type { Refusal } from '../../engagement/result.ts';
import { builder, fieldOptions, type Types } from '../core/builder.ts';
import type { Context } from '../core/context.ts';
import { typeNames, wireFieldsBelow } from '../core/selection.ts';
import { failedRead } from '../core/top-level-errors.ts';
import './values.ts';

/* Engagements and their related records. The fields come from the table in `engagement/resources.ts`. */

/** The resources that an engagement, or one of its related records, refers to. */
export type RelatedResource = Exclude<Resource, 'engagements'>;

/** A related record. The referring record has its id; the other fields are read when one of them is selected. */
export interface Related {
  readonly id: string;
  readonly integratedAccountId: string;
  /** The selected fields of the record, or why it cannot be read. Rejects with a GraphQL error when there is no room for it. */
  read(): Promise<FoundRecord<RelatedResource> | Refusal>;
}

/** The GraphQL type of each resource. The compiler does not follow names through `Object.fromEntries`. */
export const recordTypes = Object.fromEntries(
  Object.entries(typeNames).map(([resource, name]) => [resource, builder.objectRef(name)]),
) as unknown as Readonly<
  { engagements: ObjectRef<Types, EngagementRecord> } & Record<RelatedResource, ObjectRef<Types, Related>>
>;

type Kind = Exclude<FieldKind, 'reference' | 'references'>;

/** The GraphQL type of each kind of field. */
const typesOfKinds: Readonly<Record<Kind, string>> = {
  id: 'ID!',
  text: 'String',
  texts: '[String!]',
  boolean: 'Boolean',
  int: 'Int',
  float: 'Float',
  dateTime: 'DateTime',
  object: 'JSONObject',
  json: 'JSON',
  phoneNumbers: '[PhoneNumber!]',
  emailAddresses: '[EmailAddress!]',
  addresses: '[Address!]',
  urls: '[WebAddress!]',
  tags: '[Tag!]',
  stage: 'Stage',
};

interface Reference {
  readonly id: string;
  /** The record from a snapshot, or the refusal of its read. It cannot be read after the delete. */
  readonly kept?: FoundRecord<RelatedResource> | Refusal;
}

/** A record, by the wire names of its fields. */
type WireRecord = { readonly integratedAccountId: string } & Readonly<Record<string, unknown>>;

type Resolve<Source> = (source: Source, args: object, context: Context, info: GraphQLResolveInfo) => unknown;

/** Resolves a reference, or a list of them, to related records. The selection of the field decides what is read of each. */
function resolveReference(wireField: string, target: RelatedResource): Resolve<WireRecord> {
  return (record, _args, { recordLoaders }, info) => {
    const value = record[wireField] as Reference | readonly Reference[] | null | undefined;
    if (!value) return null;
    const selected = wireFieldsBelow(info, target);
    const { integratedAccountId } = record;
    const relate = ({ id, kept }: Reference): Related => ({
      id,
      integratedAccountId,
      read: async () => kept ?? (await recordLoaders.read(target, { id, integratedAccountId }, selected)),
    });
    return Array.isArray(value) ? value.map(relate) : relate(value as Reference);
  };
}

/** What each resource is. */
const meanings: Readonly<Record<Resource, string>> = {
  engagements:
    'A call, chat, email, meeting or note in a CRM. The server requests only the selected fields from Truto. A field is null when the provider has no value, does not support it, or does not return it from this operation.',
  users: 'The CRM user that a record belongs to.',
  contacts: 'A person in an engagement.',
  accounts: 'The company of an engagement; not the integrated account.',
  opportunities: 'A deal that an engagement is about.',
  leads: 'A lead that an engagement is about.',
  projects: 'A project that an engagement is about. Few integrations have projects.',
  notes: 'A note attached to an engagement.',
};

type FieldBuilder = PothosSchemaTypes.ObjectFieldBuilder<Types, object>;

function fieldOf(t: FieldBuilder, isRelated: boolean, wireField: string, row: ResourceField) {
  const { kind, description } = row;
  const target = row.target as RelatedResource | undefined;
  const isList = kind === 'references';
  const name = target && typeNames[target];
  const type = name ? (isList ? `[${name}!]` : name) : typesOfKinds[kind as Kind];
  const options = fieldOptions(`${type}: ${description}`);
  // The referring record has the id of a related record.
  if (!target && (!isRelated || kind === 'id')) return t.expose(wireField as never, options as never);
  const resolve: Resolve<WireRecord> = target
    ? resolveReference(wireField, target)
    : (record) => record[wireField] ?? null;
  // Resolvers read any record by the names of its fields.
  const readFirst: Resolve<Related> = async (related, args, context, info) => {
    const fail = (makeError: () => Error) => context.answerRoom.failed(makeError, info);
    const outcome = await related.read().catch((error: Error) => {
      throw fail(() => error);
    });
    if (outcome.kind !== 'Found') throw fail(() => failedRead(outcome));
    return resolve(outcome.record as unknown as WireRecord, args, context, info);
  };
  return t.field({
    ...options,
    // For gateways that count costs.
    ...(isList && !isRelated && { listSize: { assumedSize: 10 } }),
    extensions: { wireField, ...(target && { leadsToRelated: true }) },
    resolve: isRelated ? readFirst : resolve,
  } as never);
}

/** The documented type. `rawEngagementType` is the value in the record. */
const engagementType = {
  ...fieldOptions('EngagementType: The type. Null when the provider uses another value: see `rawEngagementType`.'),
  extensions: { wireField: 'engagement_type' },
  resolve: (record: EngagementRecord) => typeNamed(record.engagement_type),
};

for (const [name, table] of Object.entries(resources)) {
  const resource = name as Resource;
  const isRelated = resource !== 'engagements';
  const cost = ` Ids cost no extra request. Other fields trigger one read per record, from \`${resource}\`.`;
  builder.objectType(recordTypes[resource] as ObjectRef<Types, object>, {
    description: meanings[resource] + (isRelated ? cost : ''),
    fields: (t) =>
      Object.fromEntries(
        Object.entries<ResourceField>(table).flatMap(([wireField, row]) => [
          ...(wireField === 'engagement_type' ? [['engagementType', t.field(engagementType as never)]] : []),
          [row.name ?? camelCase(wireField), fieldOf(t, isRelated, wireField, row)],
        ]),
      ),
  });
}

const undocumented =
  "JSONObject: Fields of Truto's answer that Truto does not document, by their names in it: those that you added to the unified model. Null without any. The setting `ADDITIONAL_FIELDS` gives each its own typed field.";
builder.objectField(recordTypes.engagements, additionalFields, (t) =>
  t.expose(additionalFields, fieldOptions(undocumented) as never),
);

/**
 * Adds the fields of the setting `ADDITIONAL_FIELDS` to the schema's engagements, as Pothos would expose them: from the key that has the
 * kind of their value, see `AdditionalKey`.
 * @throws {ConfigError} for a field that engagements already have.
 */
export function addAdditionalFields(schema: GraphQLSchema, added: readonly AdditionalField[]): GraphQLSchema {
  if (added.length === 0) return schema;
  const typeIn = (given: GraphQLSchema) => given.getType(typeNames.engagements) as GraphQLObjectType;
  const taken = new Set([...Object.keys(typeIn(schema).getFields()), ...Object.keys(resources.engagements)]);
  const problems = added.flatMap(({ name }) => {
    const fieldName = camelCase(name);
    if (taken.has(name) || taken.has(fieldName))
      return [`ADDITIONAL_FIELDS must not have ${name}: an engagement already has the field ${fieldName}`];
    taken.add(fieldName);
    return [];
  });
  if (problems.length > 0) throw new ConfigError(problems);
  const lines = added.map(
    ({ name, type, description }) => `${JSON.stringify(description)} ${camelCase(name)}: ${type}`,
  );
  const extended = extendSchema(schema, parse(`extend type ${typeNames.engagements} { ${lines.join(' ')} }`));
  // `extendSchema` leaves them out: they have the directives of a subgraph.
  extended.extensions = schema.extensions;
  const fields = typeIn(extended).getFields();
  for (const { name, type: given } of added) {
    const [kind] = Object.entries(typesOfKinds).find(([, written]) => written === given) ?? [];
    const key = `${name}:${kind}`;
    const resolve = (record: object): unknown => Reflect.get(record, key);
    Object.assign(fields[camelCase(name)] ?? {}, { resolve, extensions: { pothosExposedField: key } });
  }
  return extended;
}
