import type { ObjectRef } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import type { EngagementType } from '../../engagement/input.ts';
import type { FoundRecord } from '../../engagement/read.ts';
import type { EngagementRecord, ResourceRecord } from '../../engagement/record.ts';
import { type Resource, type ResourceField, resources, typeOf } from '../../engagement/resources.ts';
import type { Refusal } from '../../engagement/result.ts';
import type { FieldKind } from '../../engagement/shapes.ts';
import { builder, camelCase, type Types, tagOf, typeOptions } from '../core/builder.ts';
import type { Context } from '../core/context.ts';
import { typeNames, wireFieldsBelow } from '../core/selection.ts';
import { failedRead } from '../core/top-level-errors.ts';
import { EngagementType as EngagementTypeEnum } from './values.ts';

/*
 * Engagements and the records that they refer to. Their fields are those of the table in `engagement/resources.ts`.
 */

/** The resources that an engagement, or one of its related records, refers to. */
export type RelatedResource = Exclude<Resource, 'engagements'>;

/** An engagement, and how it was reached. */
export interface EngagementSource extends EngagementRecord {
  /** Its node id, where it was reached by that, or was deleted. */
  readonly nodeId?: string;
  /** The type that it was asked for by, which stands in for one that the record does not have. */
  readonly askedType?: EngagementType | null | undefined;
}

/** A related record: its id came with the record that refers to it; the rest is read when a field of it is selected. */
export interface Related {
  readonly id: string;
  readonly integratedAccountId: string;
  /** The selected fields of the record. Rejects with a GraphQL error when it cannot be read. */
  read(): Promise<ResourceRecord<RelatedResource>>;
}

/** An engagement. */
export const Engagement = builder.objectRef<EngagementSource>(typeNames.engagements);

const { engagements: _, ...relatedNames } = typeNames;

/** The GraphQL type of each related resource. */
export const relatedTypes = Object.fromEntries(
  Object.entries(relatedNames).map(([resource, name]) => [resource, builder.objectRef<Related>(name)]),
) as unknown as Readonly<Record<RelatedResource, ObjectRef<Types, Related>>>;

/** The GraphQL type of each resource. */
export const recordTypes = { engagements: Engagement, ...relatedTypes };

/** A related record that was read already. */
export function relatedFrom(record: ResourceRecord<RelatedResource>): Related {
  const { id, integratedAccountId } = record;
  return { id, integratedAccountId, read: async () => record };
}

type Kind = Exclude<FieldKind, 'reference' | 'references'>;

const typesOfKinds: Readonly<Record<Kind, string>> = {
  id: 'ID!',
  text: 'String',
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
  /** What a snapshot read of it, or why it could not: after the delete it may be gone. */
  readonly kept?: FoundRecord<RelatedResource> | Refusal;
}

/** A record at hand, by the names of its fields on the wire. */
type WireRecord = { readonly integratedAccountId: string } & Readonly<Record<string, unknown>>;

type Resolve<Source> = (source: Source, args: object, context: Context, info: GraphQLResolveInfo) => unknown;

/** Resolves a reference, or a list of them, to related records; the field's selection says what will be read of each. */
function resolveReference(wireField: string, target: RelatedResource): Resolve<WireRecord> {
  return (record, _args, { recordLoaders }, info) => {
    const value = record[wireField] as Reference | readonly Reference[] | null | undefined;
    if (!value) return null;
    const selected = wireFieldsBelow(info, target);
    const { integratedAccountId } = record;
    const relate = ({ id, kept }: Reference): Related => ({
      id,
      integratedAccountId,
      async read() {
        const outcome = kept ?? (await recordLoaders.read(target, { id, integratedAccountId }, selected));
        if (outcome.kind !== 'Found') throw failedRead(outcome);
        return outcome.record;
      },
    });
    return Array.isArray(value) ? value.map(relate) : relate(value as Reference);
  };
}

function readFirst(resolve: Resolve<WireRecord>): Resolve<Related> {
  return async (related, args, context, info) =>
    resolve((await related.read()) as unknown as WireRecord, args, context, info);
}

function readField(wireField: string): (related: Related) => Promise<unknown> {
  return async (related) => ((await related.read()) as unknown as WireRecord)[wireField] ?? null;
}

/** How many related records an engagement is assumed to have of one kind, for gateways that count costs. */
const assumedSize = 10;

function referenceOptions(wireField: string, { kind, target }: ResourceField, isRelated: boolean) {
  const resource = target as RelatedResource;
  const name = typeNames[resource];
  const resolve = resolveReference(wireField, resource);
  const isList = kind === 'references';
  return {
    ...typeOptions(isList ? `[${name}!]` : name),
    ...(isList && !isRelated && { listSize: { assumedSize } }),
    extensions: { wireField, leadsToRelated: true },
    resolve: isRelated ? readFirst(resolve) : resolve,
  };
}

const descriptions: Readonly<Record<Resource, string>> = {
  engagements:
    'A call, chat, email, meeting or note in a CRM. Fields that are not selected are not asked of upstream. A field is null when the provider has no value, does not support it, or does not return it from this operation.',
  users: 'The CRM user a record belongs to. All but the id is read from `users`, when selected.',
  contacts: 'A person an engagement is with. All but the id is read from `contacts`, when selected.',
  accounts:
    'The company an engagement is with; not the integrated account. All but the id is read from `accounts`, when selected.',
  opportunities: 'A deal an engagement is about. All but the id is read from `opportunities`, when selected.',
  leads: 'A lead an engagement is about. All but the id is read from `leads`, when selected.',
  projects:
    'A project an engagement is about. All but the id is read from `projects`, when selected; few integrations have them.',
  notes: 'A note attached to an engagement. All but the id is read from `notes`, when selected.',
};

type FieldBuilder = PothosSchemaTypes.ObjectFieldBuilder<Types, object>;

function fieldOf(t: FieldBuilder, isRelated: boolean, wireField: string, row: ResourceField) {
  const { kind, description } = row;
  if (kind === 'reference' || kind === 'references')
    return t.field({ description, ...referenceOptions(wireField, row, isRelated) } as never);
  const type = typesOfKinds[kind];
  const options = { description, ...typeOptions(type), ...tagOf(type) };
  // The id of a related record came with the one that refers to it.
  return !isRelated || kind === 'id'
    ? t.expose(wireField as never, options as never)
    : t.field({ ...options, extensions: { wireField }, resolve: readField(wireField) } as never);
}

/** The documented kind, beside the word that a record has for it. */
function engagementTypeField(t: FieldBuilder) {
  return t.field({
    type: EngagementTypeEnum,
    description: 'What kind it is; null when the provider uses a word of its own: see `rawEngagementType`.',
    extensions: { wireField: 'engagement_type' },
    resolve: typeOf,
  });
}

function implement(resource: Resource): void {
  const isRelated = resource !== 'engagements';
  builder.objectType(recordTypes[resource] as ObjectRef<Types, object>, {
    description: descriptions[resource],
    fields: (t) =>
      Object.fromEntries(
        Object.entries<ResourceField>(resources[resource]).flatMap(([wireField, row]) => [
          ...(wireField === 'engagement_type' ? [['engagementType', engagementTypeField(t)]] : []),
          [row.name ?? camelCase(wireField), fieldOf(t, isRelated, wireField, row)],
        ]),
      ),
  });
}

for (const resource of Object.keys(resources) as Resource[]) implement(resource);
