import type { ObjectRef } from '@pothos/core';
import { nodeKind, readNodeId, writeNodeId } from '../engagement/node-id.ts';
import { refusedInput } from '../engagement/refusal.ts';
import { typeWordOf } from '../engagement/resources.ts';
import { refusal } from '../engagement/result.ts';
import { builder } from './builder.ts';
import { type Context, requireCaller } from './context.ts';
import { Engagement, type EngagementSource } from './engagement.ts';
import { failedRead } from './read-error.ts';
import { Account, Contact, Lead, Note, Opportunity, Owner, Project } from './references.ts';
import { type Related, type RelatedResource, relatedFrom, relatedTypeNames } from './related.ts';
import { nodeInterfaceName } from './subgraph/dialect-plugin.ts';
import { readByKey } from './subgraph/read-entity.ts';

/*
 * What names a record among all that this server knows: upstream's id alone does not, for a contact and an account may have the same.
 */

type Types = typeof builder.$inferSchemaTypes;

const Node = builder.interfaceRef<{ nodeId: string }>(nodeInterfaceName).implement({
  description: 'A record that `Query.node` can read again.',
  fields: (t) => ({
    nodeId: t.exposeID('nodeId', { nullable: false, description: 'Names the record, whatever its type is.' }),
  }),
});

const description =
  "Names the record among all records of all types and integrated accounts: use it as a cache's key. It is opaque.";

function relatedNode<R extends RelatedResource>(ref: ObjectRef<Types, Related<R>>, resource: R): void {
  ref.addInterfaces([Node]);
  builder.objectField(ref, 'nodeId', (t) =>
    t.id({
      nullable: false,
      description,
      resolve: ({ id, integratedAccountId }) => writeNodeId({ resource, integratedAccountId, kind: null, id }),
    }),
  );
}

relatedNode(Account, 'accounts');
relatedNode(Contact, 'contacts');
relatedNode(Lead, 'leads');
relatedNode(Note, 'notes');
relatedNode(Opportunity, 'opportunities');
relatedNode(Owner, 'users');
relatedNode(Project, 'projects');

/** The node id of an engagement that was read: at once, unless its integration has to be looked up. */
function engagementNodeId(record: EngagementSource, context: Context): string | Promise<string> {
  const { id, integratedAccountId, nodeId, askedType } = record;
  if (nodeId !== undefined) return nodeId;
  const { findAccountIntegration, deadlineAt } = context;
  const found = findAccountIntegration(requireCaller(context), integratedAccountId, deadlineAt);
  const write = ({ support }: Awaited<typeof found>) => {
    const kind = nodeKind(support.kind === 'supported' ? support.integration : null, typeWordOf(record) || askedType);
    return writeNodeId({ resource: 'engagements', integratedAccountId, kind, id });
  };
  return found instanceof Promise ? found.then(write) : write(found);
}

Engagement.addInterfaces([Node]);
builder.objectField(Engagement, 'nodeId', (t) =>
  t.id({
    nullable: false,
    description:
      `${description} Of integrations that require an \`engagementType\`, it includes the type: there, a call and a ` +
      'meeting may have the same `id`.',
    extensions: { wireField: 'engagement_type' },
    resolve: (record, _args, context) => engagementNodeId(record, context),
  }),
);

builder.queryField('node', (t) =>
  t.field({
    type: Node,
    nullable: true,
    // In a supergraph, each part may have a `node` of its own: gateways read these types by their keys.
    onlyIn: 'none',
    description: 'The record with this `nodeId`; null when upstream knows none.',
    args: { nodeId: t.arg.id({ required: true, description: 'The `nodeId` of a record, as this server wrote it.' }) },
    async resolve(_root, { nodeId }, context, info) {
      requireCaller(context);
      const key = readNodeId(nodeId);
      if (!key) throw failedRead(refusedInput([refusal(['nodeId'], 'It must be a nodeId that this server wrote.')]));
      if (key.resource === 'engagements') {
        const typed = { ...key, engagementType: key.kind };
        const record = await readByKey('engagements', Engagement.name, typed, context, info);
        return record && { ...record, nodeId, __typename: Engagement.name };
      }
      const typeName = relatedTypeNames[key.resource];
      const record = await readByKey(key.resource, typeName, key, context, info);
      return record && { ...relatedFrom(record), nodeId, __typename: typeName };
    },
  }),
);
