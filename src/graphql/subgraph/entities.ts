import type { ObjectRef } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import type { RecordKey } from '../../engagement/record.ts';
import { builder } from '../builder.ts';
import type { Context } from '../context.ts';
import { Engagement } from '../engagement.ts';
import { Account, Contact, Lead, Note, Opportunity, Owner, Project } from '../references.ts';
import { type Related, type RelatedResource, relatedFrom } from '../related.ts';
import { countEntities, type EntityKey, readEntity } from './read-entity.ts';

/*
 * The types that a supergraph knows by their key: others can refer to them and add fields, and a gateway can ask for them.
 */

type Types = typeof builder.$inferSchemaTypes;

const key = [builder.selection<RecordKey>('id integratedAccountId'), builder.selection<{ nodeId: string }>('nodeId')];

const RecordKeyInput = builder.inputType('RecordKeyInput', {
  description: 'The key of a record: its id is unique among records of its type in one integrated account.',
  fields: (t) => ({
    id: t.id({ required: true, description: "Upstream's id of the record." }),
    integratedAccountId: t.id({ required: true, description: "Truto's id of the integrated account it is in." }),
  }),
});

type Read<Source> = (key: EntityKey, context: Context, info: GraphQLResolveInfo) => Promise<Source | null>;

/** Makes the type an entity, by federation's reference resolver and by stitching's list of keys. */
function entity<Source extends RecordKey>(ref: ObjectRef<Types, Source>, lookupName: string, read: Read<Source>): void {
  builder.objectField(ref, 'integratedAccountId', (t) =>
    t.id({
      nullable: false,
      description: "Truto's id of the integrated account that it is in.",
      resolve: ({ integratedAccountId }) => integratedAccountId,
    }),
  );
  builder.asEntity(ref, { key, resolveReference: read });
  builder.queryField(lookupName, (t) =>
    t.field({
      type: [ref],
      nullable: { list: true, items: true },
      onlyIn: 'stitching',
      isLookup: true,
      description: 'Those with the given keys, in the same order; null for each that upstream does not know.',
      args: {
        keys: t.arg({
          type: [RecordKeyInput],
          required: true,
          description: 'At most 1,000 keys, in all lists of an operation together.',
        }),
      },
      resolve(_root, { keys }, context, info) {
        countEntities(keys.length, context);
        return keys.map((each) => read(each, context, info));
      },
    }),
  );
}

function relatedEntity<R extends RelatedResource>(
  ref: ObjectRef<Types, Related<R>>,
  resource: R,
  lookupName: string,
): void {
  entity(ref, lookupName, async (given, context, info) => {
    const record = await readEntity(resource, ref.name, given, context, info);
    return record && relatedFrom(record);
  });
}

entity(Engagement, 'engagementsByKey', async (given, context, info) => {
  const record = await readEntity('engagements', Engagement.name, given, context, info);
  return record && given.nodeId ? { ...record, nodeId: given.nodeId } : record;
});
relatedEntity(Account, 'accounts', 'accountsByKey');
relatedEntity(Contact, 'contacts', 'contactsByKey');
relatedEntity(Lead, 'leads', 'leadsByKey');
relatedEntity(Note, 'notes', 'notesByKey');
relatedEntity(Opportunity, 'opportunities', 'opportunitiesByKey');
relatedEntity(Owner, 'users', 'ownersByKey');
relatedEntity(Project, 'projects', 'projectsByKey');
