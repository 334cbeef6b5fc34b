import { z } from 'zod';
import { typeNamed } from './input.ts';

/** Text. A provider may send a number or a boolean instead. */
const text = z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]);
/** The id of a record: text that is not empty. */
const id = text.refine((value) => value !== '');
const optionalText = text.nullish();
/** A reference to another record. */
const reference = z.object({ id });
/** An object of optional texts. */
const texts = <Name extends string>(...names: readonly Name[]) =>
  z.object(Object.fromEntries(names.map((name) => [name, optionalText])) as Record<Name, typeof optionalText>);
/** An id and a name, for values that are not resources: tags and stages. */
const named = texts('id', 'name');
const phoneNumber = texts('id', 'number', 'extension', 'type');
const address = texts('id', 'street_1', 'street_2', 'city', 'state', 'postal_code', 'country', 'type');

/** How many items of a list are parsed before the first wrong one refuses it. */
const itemsAtOnce = 100;

/** A list, without an error for each wrong item: upstream's largest answer could have half a million, which took a second. */
function listOf<Item extends z.ZodType>(item: Item) {
  const some = z.array(item);
  return z.array(z.unknown()).transform((given, context) => {
    const lists: z.output<typeof some>[] = [];
    for (let from = 0; from < given.length; from += itemsAtOnce) {
      const { success, data } = some.safeParse(given.slice(from, from + itemsAtOnce));
      if (success) lists.push(data);
      else {
        context.addIssue({ code: 'custom', message: 'an item has another form' });
        return z.NEVER;
      }
    }
    return lists.flat() as z.output<typeof some>;
  });
}

/** The shape of a field's value, by the kind of the field. */
export const shapes = {
  id,
  text,
  texts: listOf(text),
  boolean: z.boolean(),
  int: z.int32(),
  float: z.number(),
  /** With an offset, at least to the second (RFC 3339 section 5.6), as GraphQL's DateTime requires. */
  dateTime: z.iso.datetime({ offset: true }).refine((value) => /:\d\d:\d\d/.test(value)),
  /** Any object, such as custom fields. */
  object: z.record(z.string(), z.unknown()),
  /** Any value, such as the provider's own data. */
  json: z.unknown(),
  phoneNumbers: listOf(phoneNumber),
  emailAddresses: listOf(texts('email', 'type')),
  addresses: listOf(address),
  urls: listOf(texts('url', 'type')),
  tags: listOf(named),
  stage: named,
  reference,
  references: listOf(reference),
};

/** The kinds of fields. */
export type FieldKind = keyof typeof shapes;

/** The parsed value of a field of that kind. */
export type ValueOf<Kind extends FieldKind> = z.output<(typeof shapes)[Kind]>;

/** True for a value that parsing by its shape would not change. */
export type IsPlain = (value: unknown) => boolean;
const isString: IsPlain = (value) => typeof value === 'string';

const isPlainObject: IsPlain = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Object.hasOwn(value, '__proto__');

/** True for an object that has only these keys, with text or null. */
function hasOnlyTexts(value: unknown, keys: object): boolean {
  if (!isPlainObject(value)) return false;
  for (const key in value as object) {
    const member = (value as Record<string, unknown>)[key];
    if (!Object.hasOwn(keys, key) || !(member === null || typeof member === 'string')) return false;
  }
  return true;
}

const isPlainReference: IsPlain = (value) =>
  hasOnlyTexts(value, reference.shape) && Boolean((value as { id?: string }).id);

const isListOf =
  (isItem: IsPlain): IsPlain =>
  (value) =>
    Array.isArray(value) && value.every(isItem);

/** A moment in UTC, to the second or the millisecond, on a day that exists in every month. */
const plainMoment = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{3})?Z$/;
/** True for most moments that upstream sends. */
export const isPlainMoment: IsPlain = (value) => typeof value === 'string' && plainMoment.test(value);

/** Fast checks that most values pass. They cost a tenth of parsing by shape. */
export const plainValues: Readonly<Partial<Record<FieldKind, IsPlain>>> = {
  text: isString,
  texts: isListOf(isString),
  id: (value) => isString(value) && value !== '',
  reference: isPlainReference,
  references: isListOf(isPlainReference),
  dateTime: isPlainMoment,
  phoneNumbers: isListOf((value) => hasOnlyTexts(value, phoneNumber.shape)),
  object: isPlainObject,
  json: (value) => value !== null,
};

/** A field of a resource. The reads, the requests and the schema derive from it. */
export interface ResourceField<Kind extends FieldKind = FieldKind> {
  readonly kind: Kind;
  readonly description: string;
  /** Its GraphQL name, if that is not the wire name in camelCase. */
  readonly name?: string | undefined;
  /** The resource of a reference. */
  readonly target?: string | undefined;
  /** True for a field of an engagement that a create cannot write. */
  readonly isReadOnly?: true;
}

function field<Kind extends FieldKind>(kind: Kind, description: string, name?: string): ResourceField<Kind> {
  return { kind, description, name };
}

function readOnly<Row extends ResourceField>(row: Row): Row & { readonly isReadOnly: true } {
  return { ...row, isReadOnly: true };
}

function one(target: string, description: string): ResourceField<'reference'> {
  return { kind: 'reference', description, target };
}

/** Its GraphQL name is that of the resource: upstream's `contact` is a list of contacts. */
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
    id: readOnly(
      field(
        'id',
        "Truto's id of the engagement. It is unique among the engagements of the integrated account; in some CRMs, only among " +
          'those of one `engagementType`.',
      ),
    ),
    owner: one('users', 'The user it belongs to.'),
    content: field('text', 'The text, such as the body of an email.'),
    subject: field('text', 'The subject line or title.'),
    direction: field('text', 'Who started it, as the provider names it, such as `inbound` or `outbound`.'),
    engagement_type: field('text', 'The type, exactly as Truto sent it.', 'rawEngagementType'),
    internal_notes: field('text', 'Notes for the team only.'),
    // Truto's create page does not list notes.
    notes: readOnly(many('notes', 'The notes attached to it.')),
    status: field('text', 'The status, as the provider names it, such as `completed`.'),
    start_time: field('text', 'When it starts or started, as the provider writes it.'),
    end_time: field('text', 'When it ends or ended, as the provider writes it.'),
    duration: field('text', "How long it takes or took, in the provider's own unit and format."),
    project: one('projects', 'The project it is about.'),
    account: one('accounts', 'The company it is with.'),
    contact: many('contacts', 'The people it is with.'),
    opportunity: many('opportunities', 'The deals it is about.'),
    lead: many('leads', 'The leads it is about.'),
    phone_numbers: field('phoneNumbers', 'The phone numbers involved.'),
    custom_fields: field('object', 'Custom fields of the CRM, by name.'),
    created_at: readOnly(field('dateTime', 'When it was created.')),
    updated_at: readOnly(field('dateTime', 'When it was last updated.')),
    // A create passes `remote_data` on to the provider: it is no field then.
    remote_data: readOnly(
      field(
        'json',
        "The provider's own data of the record, unchanged. The server requests it from Truto only when selected.",
      ),
    ),
  },
  users: {
    id: field('id', "Truto's id of the user, unique among the users of the integrated account."),
    name: field('text', 'The full name.'),
    email: field('text', 'The email address.'),
    is_active: field('boolean', 'False for a user who can no longer sign in.'),
    urls: field('urls', 'Web addresses.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  contacts: {
    id: field('id', "Truto's id of the contact, unique among the contacts of the integrated account."),
    first_name: field('text', 'The given name.'),
    last_name: field('text', 'The family name.'),
    name: field('text', 'The full name.'),
    title: field('text', 'The job title.'),
    account: one('accounts', 'The company that the person works for.'),
    owner: one('users', 'The user that the contact belongs to.'),
    addresses: field('addresses', 'Postal addresses.'),
    email_addresses: field('emailAddresses', 'Email addresses.'),
    phone_numbers: field('phoneNumbers', 'Phone numbers.'),
    urls: field('urls', 'Web addresses.'),
    tags: field('tags', 'Tags on the contact.'),
    custom_fields: field('object', 'Custom fields of the CRM, by name.'),
    etag: field('text', "The provider's version of the record."),
    last_activity_at: field('dateTime', 'When the last activity with the contact happened.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  accounts: {
    id: field('id', "Truto's id of the account, unique among the accounts of the integrated account."),
    owner: one('users', 'The user that the company belongs to.'),
    name: field('text', 'The name of the company.'),
    description: field('text', 'The description of the company.'),
    industry: field('text', 'The industry, as the provider names it.'),
    website: field('text', 'The website.'),
    number_of_employees: field('int', 'How many people work there.'),
    addresses: field('addresses', 'Postal addresses.'),
    phone_numbers: field('phoneNumbers', 'Phone numbers.'),
    urls: field('urls', 'Web addresses.'),
    tags: field('tags', 'Tags on the company.'),
    custom_fields: field('object', 'Custom fields of the CRM, by name.'),
    last_activity_at: field('dateTime', 'When the last activity with the company happened.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  opportunities: {
    id: field('id', "Truto's id of the opportunity, unique among the opportunities of the integrated account."),
    name: field('text', 'The name of the deal.'),
    description: field('text', 'The description of the deal.'),
    amount: field('float', 'The value, in `currency`.'),
    currency: field('text', 'The currency of `amount`, as the provider writes it.'),
    owner: one('users', 'The user that the deal belongs to.'),
    account: one('accounts', 'The company it is with.'),
    contact: many('contacts', 'The people it is with.'),
    stage: field('stage', 'The stage in the pipeline.'),
    status: field('text', 'The status, as the provider names it, such as `open`.'),
    tags: field('tags', 'Tags on the deal.'),
    custom_fields: field('object', 'Custom fields of the CRM, by name.'),
    close_date: field('text', 'When it closes or closed, as the provider writes it.'),
    last_activity_at: field('dateTime', 'When the last activity with the deal happened.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  leads: {
    id: field('id', "Truto's id of the lead, unique among the leads of the integrated account."),
    owner: one('users', 'The user that the lead belongs to.'),
    contact: one('contacts', 'The person behind the lead.'),
    account: one('accounts', 'The company behind the lead.'),
    lead_source: field('text', 'The source of the lead, as the provider names it.'),
    lead_type: field('text', 'The type of the lead, as the provider names it.'),
    status: field('text', 'The status, as the provider names it.'),
    title: field('text', 'The job title.'),
    first_name: field('text', 'The given name.'),
    last_name: field('text', 'The family name.'),
    addresses: field('addresses', 'Postal addresses.'),
    email_addresses: field('emailAddresses', 'Email addresses.'),
    phone_numbers: field('phoneNumbers', 'Phone numbers.'),
    custom_fields: field('object', 'Custom fields of the CRM, by name.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  projects: {
    id: field('id', "Truto's id of the project, unique among the projects of the integrated account."),
    name: field('text', 'The name of the project.'),
    description: field('text', 'The description of the project.'),
    amount: field('float', 'The value, in `currency`.'),
    currency: field('text', 'The currency of `amount`, as the provider writes it.'),
    owner: one('users', 'The user that the project belongs to.'),
    account: one('accounts', 'The company it is for.'),
    contact: many('contacts', 'The people it is with.'),
    opportunity: many('opportunities', 'The deals it came from.'),
    stage: field('stage', 'The stage of the project.'),
    status: field('text', 'The status, as the provider names it.'),
    tags: field('tags', 'Tags on the project.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
  notes: {
    id: field('id', "Truto's id of the note, unique among the notes of the integrated account."),
    title: field('text', 'The title of the note.'),
    content: field('text', 'The text of the note.'),
    owner: one('users', 'The user who wrote it.'),
    contact: many('contacts', 'The people it is about.'),
    account: one('accounts', 'The company it is about.'),
    opportunity: many('opportunities', 'The deals it is about.'),
    lead: many('leads', 'The leads it is about.'),
    visibility: field('text', 'Who can see it: `public` or `private`, as the provider names it.'),
    urls: field('urls', 'Web addresses.'),
    created_at: field('dateTime', 'When it was created.'),
    updated_at: field('dateTime', 'When it was last updated.'),
  },
} satisfies Record<string, Record<string, ResourceField>>;

/** The GraphQL name of a property with a wire name. */
export function camelCase(wireName: string): string {
  return wireName.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

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

/** The field with the type of an engagement. */
export const typeOnly: ReadonlySet<WireField> = new Set<WireField>(['engagement_type']);

const summary = ['engagement_type', 'subject', 'created_at'] as const;
/** The fields that a short list shows of an engagement. */
export const summaryFields: ReadonlySet<WireField> = new Set<WireField>(summary);

/** An engagement for a short list. Its type is Truto's word, or else the provider's. */
export function summarize(record: { readonly [Field in (typeof summary)[number]]?: string | null }) {
  const { engagement_type: type = null, subject = null, created_at: createdAt = null } = record;
  return { engagementType: typeNamed(type) ?? type, subject, createdAt };
}
