import { type EngagementType, typeNamed } from './input.ts';
import type { FieldKind, ValueOf } from './shapes.ts';

/** A field of a resource: everything that reads it, asks upstream for it or shows it derives from this. */
export interface ResourceField<Kind extends FieldKind = FieldKind> {
  readonly kind: Kind;
  /** What the schema says of it. */
  readonly description: string;
  /** Its name for callers, where that is not the wire name in camelCase. */
  readonly name?: string | undefined;
  /** The resource that a reference leads to. */
  readonly target?: string | undefined;
}

function field<Kind extends FieldKind>(kind: Kind, description: string, name?: string): ResourceField<Kind> {
  return { kind, description, name };
}

function one(target: string, description: string): ResourceField<'reference'> {
  return { kind: 'reference', description, target };
}

/** For callers, it has the name of the resource: upstream's `contact` is a list of contacts. */
function many(target: string, description: string): ResourceField<'references'> {
  return { kind: 'references', description, name: target, target };
}

/**
 * Upstream's resources under `/unified/crm/`, by their wire names: every documented field.
 * `engagements` is the seed's "Response body"; the others are the resources that an engagement refers to
 * (https://www.truto.one/docs/api-reference/unified-crm-api/<resource>.md, read in November 2026).
 */
export const resources = {
  engagements: {
    id: field(
      'id',
      "Upstream's id of the engagement, unique among the engagements of the integrated account; in some CRMs, only among " +
        'those of one `engagementType`.',
    ),
    owner: one('users', 'The user it belongs to.'),
    content: field('text', 'The text of it, such as the body of an email.'),
    subject: field('text', 'The subject line or title.'),
    direction: field('text', "The provider's word for who started it, such as `inbound` or `outbound`."),
    engagement_type: field('text', 'What kind it is, in the very word upstream sent.', 'rawEngagementType'),
    internal_notes: field('text', 'Notes that only the team sees.'),
    notes: many('notes', 'The notes attached to it.'),
    status: field('text', "The provider's word for its state, such as `completed`."),
    start_time: field('text', 'When it starts or started, as the provider writes it.'),
    end_time: field('text', 'When it ends or ended, as the provider writes it.'),
    duration: field('text', "How long it takes or took, in the provider's own unit and form."),
    project: one('projects', 'The project it is about.'),
    account: one('accounts', 'The company it is with.'),
    contact: many('contacts', 'The people it is with.'),
    opportunity: many('opportunities', 'The deals it is about.'),
    lead: many('leads', 'The leads it is about.'),
    phone_numbers: field('phoneNumbers', 'The phone numbers involved.'),
    custom_fields: field('object', "The account's own fields, by name."),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
    remote_data: field(
      'json',
      "The provider's own data behind the record, unprocessed. Asked of upstream only when selected.",
    ),
  },
  users: {
    id: field('id', "Upstream's id of the user, unique among the users of the integrated account."),
    name: field('text', 'The full name.'),
    email: field('text', 'The email address.'),
    is_active: field('boolean', 'False for a user who may no longer sign in.'),
    urls: field('urls', 'Web addresses.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  contacts: {
    id: field('id', "Upstream's id of the contact, unique among the contacts of the integrated account."),
    first_name: field('text', 'The given name.'),
    last_name: field('text', 'The family name.'),
    name: field('text', 'The full name.'),
    title: field('text', 'The job title.'),
    account: one('accounts', 'The company the person works for.'),
    owner: one('users', 'The user the contact belongs to.'),
    addresses: field('addresses', 'Postal addresses.'),
    email_addresses: field('emailAddresses', 'Email addresses.'),
    phone_numbers: field('phoneNumbers', 'Phone numbers.'),
    urls: field('urls', 'Web addresses.'),
    tags: field('tags', 'Tags on the contact.'),
    custom_fields: field('object', "The account's own fields, by name."),
    etag: field('text', "The provider's version of the record."),
    last_activity_at: field('dateTime', 'When something last happened with the contact.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  accounts: {
    id: field('id', "Upstream's id of the account, unique among the accounts of the integrated account."),
    owner: one('users', 'The user the account belongs to.'),
    name: field('text', 'The name of the company.'),
    description: field('text', 'What is noted about the company.'),
    industry: field('text', "The industry, in the provider's word."),
    website: field('text', 'The web site.'),
    number_of_employees: field('int', 'How many people work there.'),
    addresses: field('addresses', 'Postal addresses.'),
    phone_numbers: field('phoneNumbers', 'Phone numbers.'),
    urls: field('urls', 'Web addresses.'),
    tags: field('tags', 'Tags on the account.'),
    custom_fields: field('object', "The account's own fields, by name."),
    last_activity_at: field('dateTime', 'When something last happened with the account.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  opportunities: {
    id: field('id', "Upstream's id of the opportunity, unique among the opportunities of the integrated account."),
    name: field('text', 'What the deal is called.'),
    description: field('text', 'What is noted about the deal.'),
    amount: field('float', 'What it is worth, in `currency`.'),
    currency: field('text', 'The currency of `amount`, as the provider writes it.'),
    owner: one('users', 'The user the deal belongs to.'),
    account: one('accounts', 'The company it is with.'),
    contact: many('contacts', 'The people it is with.'),
    stage: field('stage', 'Where in the pipeline it stands.'),
    status: field('text', "The provider's word for its state, such as `open`."),
    tags: field('tags', 'Tags on the deal.'),
    custom_fields: field('object', "The account's own fields, by name."),
    close_date: field('text', 'When it closes or closed, as the provider writes it.'),
    last_activity_at: field('dateTime', 'When something last happened with the deal.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  leads: {
    id: field('id', "Upstream's id of the lead, unique among the leads of the integrated account."),
    owner: one('users', 'The user the lead belongs to.'),
    contact: one('contacts', 'The person behind the lead.'),
    account: one('accounts', 'The company behind the lead.'),
    lead_source: field('text', "Where the lead comes from, in the provider's word."),
    lead_type: field('text', "The provider's word for the kind of lead."),
    status: field('text', "The provider's word for its state."),
    title: field('text', 'The job title.'),
    first_name: field('text', 'The given name.'),
    last_name: field('text', 'The family name.'),
    addresses: field('addresses', 'Postal addresses.'),
    email_addresses: field('emailAddresses', 'Email addresses.'),
    phone_numbers: field('phoneNumbers', 'Phone numbers.'),
    custom_fields: field('object', "The account's own fields, by name."),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  projects: {
    id: field('id', "Upstream's id of the project, unique among the projects of the integrated account."),
    name: field('text', 'What the project is called.'),
    description: field('text', 'What is noted about the project.'),
    amount: field('float', 'What it is worth, in `currency`.'),
    currency: field('text', 'The currency of `amount`, as the provider writes it.'),
    owner: one('users', 'The user the project belongs to.'),
    account: one('accounts', 'The company it is for.'),
    contact: many('contacts', 'The people it is with.'),
    opportunity: many('opportunities', 'The deals it came from.'),
    stage: field('stage', 'Where it stands.'),
    status: field('text', "The provider's word for its state."),
    tags: field('tags', 'Tags on the project.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  notes: {
    id: field('id', "Upstream's id of the note, unique among the notes of the integrated account."),
    title: field('text', 'The headline of the note.'),
    content: field('text', 'The text of the note.'),
    owner: one('users', 'The user who wrote it.'),
    contact: many('contacts', 'The people it is about.'),
    account: one('accounts', 'The company it is about.'),
    opportunity: many('opportunities', 'The deals it is about.'),
    lead: many('leads', 'The leads it is about.'),
    visibility: field('text', "Who may see it, in the provider's word: `public` or `private`."),
    urls: field('urls', 'Web addresses.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
} satisfies Record<string, Record<string, ResourceField>>;

/** The wire name of a resource. */
export type Resource = keyof typeof resources;

/** The wire name of a resource's field. */
export type WireField<R extends Resource = 'engagements'> = keyof (typeof resources)[R] & string;

/** The value of a resource's field, once it is read. */
export type FieldValue<R extends Resource, Field extends WireField<R>> = (typeof resources)[R][Field] extends {
  readonly kind: infer Kind extends FieldKind;
}
  ? ValueOf<Kind>
  : never;

/** The field that says which kind of engagement a record is. */
export const typeOnly: ReadonlySet<WireField> = new Set<WireField>(['engagement_type']);

/** Which of the documented kinds a record says it is, however it writes that; null for any other word. */
export function typeOf({ engagement_type: word }: { readonly engagement_type?: string | null }): EngagementType | null {
  return typeNamed(word);
}

/** The fields that a short list shows of an engagement. */
export const summaryFields: ReadonlySet<WireField> = new Set<WireField>(['engagement_type', 'subject', 'created_at']);

/** An engagement for a short list. Its type is Truto's word, or else the provider's. */
export function summarize(record: {
  readonly engagement_type?: string | null;
  readonly subject?: string | null;
  readonly created_at?: string | null;
}) {
  const { engagement_type: type = null, subject = null, created_at: createdAt = null } = record;
  return { engagementType: typeNamed(type) ?? type, subject, createdAt };
}
