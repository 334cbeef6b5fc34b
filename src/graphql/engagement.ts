import { engagementTypes, type EngagementType as Type } from '../engagement/input.ts';
import type { EngagementRecord, PhoneNumberRecord } from '../engagement/record.ts';
import { builder } from './builder.ts';
import { EngagementType } from './enums.ts';
import { Account, Contact, Lead, Note, Opportunity, Owner, Project } from './references.ts';
import './scalars.ts';

const PhoneNumber = builder.objectRef<PhoneNumberRecord>('PhoneNumber').implement({
  description: 'A phone number of an engagement.',
  fields: (t) => ({
    id: t.exposeID('id', { description: "Upstream's id of the phone number." }),
    number: t.exposeString('number', { description: 'The number as the provider writes it.' }),
    extension: t.exposeString('extension', { description: 'The extension to dial after the number.' }),
    type: t.exposeString('type', { description: "The provider's word for the kind of number, such as `mobile`." }),
  }),
});

function knownType(record: EngagementRecord): Type | null {
  const literal = record.engagement_type?.toLowerCase();
  return engagementTypes.find((type) => type === literal) ?? null;
}

export const Engagement = builder.objectRef<EngagementRecord>('Engagement').implement({
  description:
    'A call, chat, email, meeting or note in a CRM. Fields that are not selected are not asked of upstream. ' +
    'A field is null when the provider has no value, does not support it, or does not return it from this operation.',
  fields: (t) => ({
    id: t.exposeID('id', {
      nullable: false,
      description: "Upstream's id of the engagement, unique within the integrated account.",
    }),
    owner: t.expose('owner', { type: Owner, nullable: true, description: 'The user it belongs to.' }),
    content: t.exposeString('content', { description: 'The text of it, such as the body of an email.' }),
    subject: t.exposeString('subject', { description: 'The subject line or title.' }),
    direction: t.exposeString('direction', {
      description: "The provider's word for who started it, such as `inbound` or `outbound`.",
    }),
    engagementType: t.field({
      type: EngagementType,
      description: 'What kind it is; null when the provider uses a word of its own: see `rawEngagementType`.',
      extensions: { wireField: 'engagement_type' },
      resolve: knownType,
    }),
    rawEngagementType: t.exposeString('engagement_type', {
      description: 'What kind it is, in the very word upstream sent.',
    }),
    internalNotes: t.exposeString('internal_notes', { description: 'Notes that only the team sees.' }),
    notes: t.expose('notes', { type: [Note], nullable: true, description: 'The notes attached to it.' }),
    status: t.exposeString('status', { description: "The provider's word for its state, such as `completed`." }),
    startTime: t.exposeString('start_time', { description: 'When it starts or started, as the provider writes it.' }),
    endTime: t.exposeString('end_time', { description: 'When it ends or ended, as the provider writes it.' }),
    duration: t.exposeString('duration', {
      description: "How long it takes or took, in the provider's own unit and form.",
    }),
    project: t.expose('project', { type: Project, nullable: true, description: 'The project it is about.' }),
    account: t.expose('account', { type: Account, nullable: true, description: 'The company it is with.' }),
    contacts: t.expose('contact', { type: [Contact], nullable: true, description: 'The people it is with.' }),
    opportunities: t.expose('opportunity', {
      type: [Opportunity],
      nullable: true,
      description: 'The deals it is about.',
    }),
    leads: t.expose('lead', { type: [Lead], nullable: true, description: 'The leads it is about.' }),
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
      description: "The provider's own data behind the record, unprocessed. Asked of upstream only when selected.",
    }),
  }),
});
