import type { EngagementType as Type } from '../engagement/input.ts';
import type { EngagementRecord } from '../engagement/record.ts';
import { typeOf } from '../engagement/resources.ts';
import { builder } from './builder.ts';
import { EngagementType } from './enums.ts';
import { Account, Contact, Lead, Note, Opportunity, Owner, Project } from './references.ts';
import { toMany, toOne } from './related.ts';
import { PhoneNumber } from './value-objects.ts';
import './scalars.ts';
import { internal } from './subgraph/tags.ts';

/** A record, and how it was reached. */
export interface EngagementSource extends EngagementRecord {
  /** Its node id, where it was reached by that, or was deleted. */
  readonly nodeId?: string;
  /** The type that it was asked for by, which stands in for one that the record does not have. */
  readonly askedType?: Type | null | undefined;
}

/** An engagement: its own fields are read from the wire record as they are. */
export const Engagement = builder.objectRef<EngagementSource>('Engagement').implement({
  description:
    'A call, chat, email, meeting or note in a CRM. Fields that are not selected are not asked of upstream. ' +
    'A field is null when the provider has no value, does not support it, or does not return it from this operation.',
  fields: (t) => ({
    id: t.exposeID('id', {
      nullable: false,
      description:
        "Upstream's id of the engagement, unique among the engagements of the integrated account; in some CRMs, only among " +
        'those of one `engagementType`.',
    }),
    owner: t.field({ type: Owner, description: 'The user it belongs to.', ...toOne('owner', 'users') }),
    content: t.exposeString('content', { description: 'The text of it, such as the body of an email.' }),
    subject: t.exposeString('subject', { description: 'The subject line or title.' }),
    direction: t.exposeString('direction', {
      description: "The provider's word for who started it, such as `inbound` or `outbound`.",
    }),
    engagementType: t.field({
      type: EngagementType,
      description: 'What kind it is; null when the provider uses a word of its own: see `rawEngagementType`.',
      extensions: { wireField: 'engagement_type' },
      resolve: typeOf,
    }),
    rawEngagementType: t.exposeString('engagement_type', {
      description: 'What kind it is, in the very word upstream sent.',
    }),
    internalNotes: t.exposeString('internal_notes', { description: 'Notes that only the team sees.' }),
    notes: t.field({ type: [Note], description: 'The notes attached to it.', ...toMany('notes', 'notes') }),
    status: t.exposeString('status', { description: "The provider's word for its state, such as `completed`." }),
    startTime: t.exposeString('start_time', { description: 'When it starts or started, as the provider writes it.' }),
    endTime: t.exposeString('end_time', { description: 'When it ends or ended, as the provider writes it.' }),
    duration: t.exposeString('duration', {
      description: "How long it takes or took, in the provider's own unit and form.",
    }),
    project: t.field({ type: Project, description: 'The project it is about.', ...toOne('project', 'projects') }),
    account: t.field({ type: Account, description: 'The company it is with.', ...toOne('account', 'accounts') }),
    contacts: t.field({ type: [Contact], description: 'The people it is with.', ...toMany('contact', 'contacts') }),
    opportunities: t.field({
      type: [Opportunity],
      description: 'The deals it is about.',
      ...toMany('opportunity', 'opportunities'),
    }),
    leads: t.field({ type: [Lead], description: 'The leads it is about.', ...toMany('lead', 'leads') }),
    phoneNumbers: t.expose('phone_numbers', {
      type: [PhoneNumber],
      nullable: true,
      description: 'The phone numbers involved.',
    }),
    customFields: t.expose('custom_fields', {
      type: 'JSONObject',
      nullable: true,
      description: "The account's own fields, by name.",
    }),
    createdAt: t.expose('created_at', { type: 'DateTime', nullable: true, description: 'When it was created.' }),
    updatedAt: t.expose('updated_at', { type: 'DateTime', nullable: true, description: 'When it was last updated.' }),
    remoteData: t.expose('remote_data', {
      type: 'JSON',
      nullable: true,
      tag: internal,
      description: "The provider's own data behind the record, unprocessed. Asked of upstream only when selected.",
    }),
  }),
});
