import type { GraphQLResolveInfo } from 'graphql';
import type { FoundRecord } from '../engagement/read.ts';
import type { ResourceRecord } from '../engagement/record.ts';
import type { Resource } from '../engagement/resources.ts';
import type { Refusal } from '../engagement/result.ts';
import type { Context } from './context.ts';
import { failedRead } from './read-error.ts';
import { wireFieldsBelow } from './selection.ts';
import { assumedRelatedCount } from './subgraph/costs.ts';

/** The resources that an engagement, or one of its related records, refers to. */
export type RelatedResource = Exclude<Resource, 'engagements'>;

/** The GraphQL type of each related resource. */
export const relatedTypeNames: Readonly<Record<RelatedResource, string>> = {
  users: 'Owner',
  contacts: 'Contact',
  accounts: 'Account',
  opportunities: 'Opportunity',
  leads: 'Lead',
  projects: 'Project',
  notes: 'Note',
};

/** A related record: its id came with the record that refers to it; the rest is read when somebody selects it. */
export interface Related<R extends RelatedResource> {
  readonly id: string;
  readonly integratedAccountId: string;
  /** The selected fields of the record. Rejects with a GraphQL error when it cannot be read. */
  read(): Promise<ResourceRecord<R>>;
}

/** A related record that was read already. */
export function relatedFrom<R extends RelatedResource>(record: ResourceRecord<R>): Related<R> {
  const { id, integratedAccountId } = record;
  return { id, integratedAccountId, read: async () => record };
}

interface Reference {
  readonly id: string;
  /** What a snapshot read of it, or why it could not: after the delete it may be gone. */
  readonly kept?: unknown;
}

/** A record that refers to one other by the field. */
type RefersToOne<Field extends string> = { readonly integratedAccountId: string } & {
  readonly [F in Field]?: Reference | null;
};

/** A record that refers to others by the field. */
type RefersToMany<Field extends string> = { readonly integratedAccountId: string } & {
  readonly [F in Field]?: readonly Reference[] | null;
};

/** Makes the related records for the ids of one field; the field's selection says what will be read of each. */
function relate<R extends RelatedResource>(
  resource: R,
  references: readonly Reference[],
  integratedAccountId: string,
  { recordLoaders }: Context,
  info: GraphQLResolveInfo,
): Related<R>[] {
  const selected = wireFieldsBelow(info, resource, relatedTypeNames[resource]);
  return references.map(({ id, kept }) => ({
    id,
    integratedAccountId,
    async read() {
      const outcome =
        (kept as FoundRecord<R> | Refusal | undefined) ??
        (await recordLoaders.read(resource, { id, integratedAccountId }, selected));
      if (outcome.kind !== 'Found') throw failedRead(outcome);
      return outcome.record;
    },
  }));
}

/** Options of a field that leads from a record to the one it refers to by a wire field. */
export function toOne<R extends RelatedResource, F extends string>(field: F, resource: R) {
  return {
    extensions: { wireField: field, leadsToRelated: true },
    resolve(record: RefersToOne<F>, _args: object, context: Context, info: GraphQLResolveInfo): Related<R> | null {
      const reference: Reference | null | undefined = record[field];
      const references = reference ? [reference] : [];
      return relate(resource, references, record.integratedAccountId, context, info)[0] ?? null;
    },
  };
}

/** Options of a field that leads from a record to those it refers to by a wire field. */
export function toMany<R extends RelatedResource, F extends string>(field: F, resource: R) {
  return {
    extensions: { wireField: field, leadsToRelated: true },
    listSize: { assumedSize: assumedRelatedCount },
    resolve(record: RefersToMany<F>, _args: object, context: Context, info: GraphQLResolveInfo): Related<R>[] | null {
      const references: readonly Reference[] | null | undefined = record[field];
      return references ? relate(resource, references, record.integratedAccountId, context, info) : null;
    },
  };
}

/** Options of a field of a related record, in place of those that do the same to a record at hand. */
export function ofRelated<Record, Args, Result>(options: {
  readonly extensions: { readonly wireField: string };
  resolve(record: Record, args: Args, context: Context, info: GraphQLResolveInfo): Result;
}) {
  return {
    extensions: options.extensions,
    resolve: async (parent: { read(): Promise<Record> }, args: Args, context: Context, info: GraphQLResolveInfo) =>
      options.resolve(await parent.read(), args, context, info),
  };
}

/** Options of a field of a related record that shows a wire field as it is. */
export function readField<Field extends string>(field: Field) {
  return {
    extensions: { wireField: field },
    resolve: async <Value>(parent: { read(): Promise<{ readonly [F in Field]?: Value }> }): Promise<Value | null> =>
      (await parent.read())[field] ?? null,
  };
}
