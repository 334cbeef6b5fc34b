import { STATUS_CODES } from 'node:http';
import type { EngagementType, RecordReference } from '../engagement/input.ts';
import type { Random } from './random.ts';

/*
 * The data and responses of each imitated CRM. Sources: [vendor] the vendor's own documentation, [3rd] a copy of it by others,
 * [inferred] reasoned, NOT FOUND not documented.
 */

/** The resources that engagements refer to. */
export const relatedKinds = ['users', 'contacts', 'accounts', 'opportunities', 'leads', 'projects', 'notes'] as const;

/** One of {@link relatedKinds}. */
export type RelatedKind = (typeof relatedKinds)[number];

/** Every resource, by its name in paths. */
export type RecordKind = 'engagements' | RelatedKind;

/** `duration` is in seconds. All scalars of upstream are strings. */
type TextFields = 'content' | 'subject' | 'direction' | 'internal_notes' | 'status' | 'duration';
type TimeFields = 'start_time' | 'end_time' | 'created_at' | 'updated_at';
type PhoneNumber = Readonly<Record<'id' | 'number' | 'type', string> & { extension: string | null }>;

type EngagementFields = Record<TextFields | TimeFields, string> &
  Record<'owner' | 'project' | 'account', RecordReference> &
  Record<'notes' | 'contact' | 'opportunity' | 'lead', readonly RecordReference[]> &
  Record<'phone_numbers', readonly PhoneNumber[]> &
  Record<'custom_fields', Readonly<Record<string, unknown>>>;

/** One engagement in Truto's unified shape, without `remote_data`. Any field but the first two may be null or absent. */
export type EngagementRecord = { readonly id: string; readonly engagement_type: EngagementType } & {
  readonly [Name in keyof EngagementFields]?: EngagementFields[Name] | null;
};

/** A related record in Truto's unified shape, without `remote_data`. */
export type RelatedRecord = Readonly<Record<string, unknown>> & { readonly id: string };

/** The response of a CRM itself. Without `body`, nothing follows the headers. */
export type ProviderAnswer = { readonly status: number; readonly body?: unknown };

/** Why a CRM refuses, before it is written in that CRM's own shape. */
export interface ProviderFailure {
  readonly statusCode: number;
  readonly message: string;
  /** Only with a 429. */
  readonly retryAfterSeconds?: number;
  /** The permissions that the connection lacks; only with a 403. */
  readonly missingScopes?: readonly string[];
}

/** A record as a CRM's own API shows it. */
export type RawRecord = Readonly<Record<string, unknown>>;

/** One imitated CRM. */
export interface Provider {
  /** The last digits of its account's id. Never reused or changed: documents and callers have the ids. */
  readonly accountNumber: number;
  /** The types of its engagements, if the table of integrations lists none. @default call, email, meeting and note */
  readonly seededTypes?: readonly EngagementType[];
  /** Absent when the vendor documents no limit that Truto could pass on. */
  readonly rateLimit?: { readonly limit: number; readonly windowSeconds: number };
  /** The CRM's response to the delete of a record that a read shows as `shown`. Absent when the integration cannot delete. */
  readonly answerDelete?: (record: EngagementRecord, shown: RawRecord) => ProviderAnswer;
  /** The unified fields that Truto's mapping makes of that response; absent when it has no body (a 204). */
  readonly mapDeleted?: (record: EngagementRecord) => object;
  /**
   * The unified fields that a create stores; others are dropped silently. `!` marks those that are required, and `engagement_type!` a
   * required query parameter (Truto's create page). The rest is [inferred] from the vendors' own methods. Absent when Truto's create
   * page does not list the integration, or the sandbox cannot delete there.
   */
  readonly creates?: string;
  /** True when each kind of record has its own numbers, so that a user, a contact and an account have the same id. */
  readonly numbersKindsAlike?: boolean;
  /** True when users can be listed but not read one by one. Truto's documentation lists all such integrations. */
  readonly lacksUserGet?: boolean;
  /** Truto's documentation lists all integrations with projects. */
  readonly hasProjects?: boolean;
  /** A new id in the CRM's own form. */
  readonly createId: (random: Random, kind: RecordKind) => string;
  /**
   * `raw` and `remote_data` of a read, such as `id=#id title=subject status`: the CRM's name, `=`, the unified field. Equal names are
   * written once. A reference is shown as its id, a phone number as its digits, a list as its first item, an absent field as null;
   * `#` converts to a number. The CRM's names are [inferred].
   */
  readonly fields: string;
  /** Fields in other forms, in addition to those or in their place. */
  readonly moreFields?: (record: EngagementRecord) => RawRecord;
  /** Put around the fields. */
  readonly envelope?: (shown: RawRecord, record: EngagementRecord) => RawRecord;
  /** The record that a read of a deleted engagement returns, if that is not a 404. */
  readonly showDeleted?: (id: string) => RawRecord;
  /** The body of an error. Absent where it is NOT FOUND: then only the text is sent, since an invented shape would mislead. */
  readonly describeFailure?: (failure: ProviderFailure) => unknown;
}

const hex = '0123456789abcdef';
const base62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

const numberBetween = (min: number, max: number) => (random: Random) => String(random.integer(min, max));
const randomText = (prefix: string, alphabet: string, length: number) => (random: Random) =>
  prefix + random.text(alphabet, length);

/** The id as a number, as in the CRM's own JSON. Reserved ids that are not numbers stay as they are. */
function numericId(id: string): number | string {
  const number = Number(id);
  return Number.isSafeInteger(number) ? number : id;
}

/** The engagement as the CRM's own API shows it. */
export function showEngagement({ fields, moreFields, envelope }: Provider, record: EngagementRecord): RawRecord {
  const shown = { ...pickFields(fields, record), ...moreFields?.(record) };
  return envelope ? envelope(shown, record) : shown;
}

function pickFields(mapping: string, record: EngagementRecord): RawRecord {
  const fields = mapping.split(/\s+/).map((part) => {
    const [name = '', source = name] = part.split('=');
    const first: unknown = [Reflect.get(record, source.replace('#', '')) ?? null].flat()[0];
    const isObject = typeof first === 'object' && first !== null;
    const value: unknown = isObject ? (Reflect.get(first, 'number') ?? Reflect.get(first, 'id')) : (first ?? null);
    return [name, source.startsWith('#') && typeof value === 'string' ? numericId(value) : value] as const;
  });
  return Object.fromEntries(fields);
}

type ByStatus<Value> = Readonly<Record<number, Value>>;

/** The values are gRPC's, [inferred]. */
const keapErrors: ByStatus<readonly [code: number, status: string]> = {
  400: [3, 'INVALID_ARGUMENT'],
  401: [16, 'UNAUTHENTICATED'],
  403: [7, 'PERMISSION_DENIED'],
  404: [5, 'NOT_FOUND'],
  409: [10, 'ABORTED'],
  429: [8, 'RESOURCE_EXHAUSTED'],
  500: [13, 'INTERNAL'],
};

/** COMPLEXITY_BUDGET_EXHAUSTED is [vendor], the others [inferred]. */
const mondayCodes: ByStatus<string> = { 404: 'ResourceNotFoundException', 429: 'COMPLEXITY_BUDGET_EXHAUSTED' };

/** That of 401 is [3rd], the others [inferred]. */
const onePageNames: ByStatus<string> = { 401: 'authorization_data_not_found', 404: 'resource_not_found' };

/** 401, 403 and INVALID_DATA are [vendor], the others [inferred]. */
const zohoCodes: ByStatus<string> = {
  401: 'INVALID_TOKEN',
  403: 'NO_PERMISSION',
  404: 'INVALID_DATA',
  422: 'INVALID_DATA',
  429: 'TOO_MANY_REQUESTS',
};

/** The integration's mapping fills the id alone. */
const idOnly = ({ id }: EngagementRecord) => ({ id });
/** The response has a body, but the mapping finds no field in it, not even the id. */
const nothing = () => ({});
const noContent = () => ({ status: 204 });
const answered = (body: unknown): ProviderAnswer => ({ status: 200, body });

/** The `type` query parameter of Affinity's /interactions. [3rd]; the number of email is [inferred]. */
const interactionTypes: Readonly<Record<EngagementType, number>> = { meeting: 0, call: 1, chat: 2, email: 3, note: 4 };

/** Close puts the kind of a record in front of its id: `acti_…` [vendor], the others alike (`user_…`, `cont_…`). */
const closeIdPrefixes: { readonly [Kind in RecordKind]?: string } = {
  engagements: 'acti',
  notes: 'acti',
  accounts: 'lead',
};

/** A reference as an object with a number for its id. */
function numericReference(reference: RecordReference | null | undefined, more: object = {}): object | null {
  return reference ? { id: numericId(reference.id), ...more } : null;
}

const conversationFields =
  'id engagement_type subject content owner account contact custom_fields start_time created_at updated_at'.split(' ');

/** The object is whole, so the mapping of a read works on it. [inferred] */
function mapConversation(record: EngagementRecord): object {
  const fields = conversationFields.map((name) => [name, Reflect.get(record, name) ?? null]);
  return { ...Object.fromEntries(fields), contact: record.contact ?? [], custom_fields: record.custom_fields ?? {} };
}

const epochSeconds = (date: string | null | undefined) => (date ? Date.parse(date) / 1000 : null);

/** The imitated CRMs, by the integrations' names. */
export const providers: Readonly<Record<string, Provider>> = {
  // DELETE /interactions/{id}?type=N [3rd]: the type is part of the address, so a wrong one finds nothing.
  Affinity: {
    accountNumber: 1,
    lacksUserGet: true, // that it lists users is [inferred]
    answerDelete: () => answered({ success: true }), // [3rd]
    mapDeleted: nothing,
    creates: 'content! start_time! contact! subject end_time notes',
    createId: numberBetween(10_000_000, 99_999_999),
    fields: 'id=#id type title=subject body=content start_time end_time date=created_at',
    moreFields: ({ engagement_type, contact, notes }) => ({
      type: interactionTypes[engagement_type],
      persons: (contact ?? []).map(({ id }) => ({ id: numericId(id), type: 0 })),
      notes: (notes ?? []).map(({ id }) => numericId(id)),
    }),
  },
  // DELETE /api/v2/entries/{id} [3rd].
  Capsule: {
    accountNumber: 2,
    seededTypes: ['note', 'email'], // or a finished task [vendor], which the delete page does not name
    rateLimit: { limit: 4000, windowSeconds: 3600 }, // for each user [vendor]
    hasProjects: true,
    answerDelete: noContent, // or 202 with a job in Location [vendor]; `fault-202` plays that
    // The sibling delete pages list Capsule among those that fill `id`: it can only come from the request. [inferred]
    mapDeleted: idOnly,
    creates: 'content! subject owner account opportunity start_time',
    createId: numberBetween(100_000_000, 999_999_999),
    fields: `id=#id type=engagement_type subject content creator party opportunity entryAt=start_time createdAt=created_at
       updatedAt=updated_at`,
    moreFields: ({ owner, account, opportunity }) => ({
      creator: numericReference(owner),
      party: numericReference(account, { type: 'organisation' }),
      opportunity: numericReference(opportunity?.[0]),
    }),
    // 429 [vendor]; the other bodies: NOT FOUND.
    describeFailure: ({ statusCode, message }) => (statusCode === 429 ? { error: 'rate limit reached' } : message),
  },
  // DELETE /api/v1/activity/{call,note,meeting,email}/{id}/ [vendor].
  Close: {
    accountNumber: 3,
    rateLimit: { limit: 100, windowSeconds: 10 }, // [vendor]; the length of the window is [inferred]
    answerDelete: () => answered({}), // 200 [vendor], `{}` [inferred]
    mapDeleted: nothing,
    creates: 'account! contact owner direction status subject content duration phone_numbers',
    createId: (random, kind) => `${closeIdPrefixes[kind] ?? kind.slice(0, 4)}_${random.text(base62, 43)}`,
    fields: `id _type user_id=owner lead_id=account contact_id=contact direction status subject note=content
       duration=#duration phone=phone_numbers date_created=created_at date_updated=updated_at`,
    moreFields: ({ engagement_type: type }) => ({ _type: type.charAt(0).toUpperCase() + type.slice(1) }),
    // The body of a 429 says when to come back [vendor]; the rest of it, and the other bodies: NOT FOUND.
    describeFailure: ({ statusCode, message, retryAfterSeconds }) =>
      statusCode === 429 ? { message, rate_reset: retryAfterSeconds } : message,
  },
  // DELETE /developer_api/v1/activities/{id} [vendor].
  Copper: {
    accountNumber: 4,
    seededTypes: ['call', 'meeting', 'note'],
    lacksUserGet: true, // that it lists users is [inferred]
    answerDelete: ({ id }) => answered({ id: numericId(id), is_deleted: true }), // [vendor]
    mapDeleted: idOnly,
    creates: 'engagement_type! content! account! owner start_time',
    createId: numberBetween(1_000_000_000, 9_999_999_999),
    fields: 'id=#id type parent user_id=#owner details=content',
    moreFields: ({ engagement_type, account, start_time, created_at, updated_at }) => ({
      type: { category: 'user', name: engagement_type },
      parent: numericReference(account, { type: 'company' }),
      activity_date: epochSeconds(start_time),
      date_created: epochSeconds(created_at),
      date_modified: epochSeconds(updated_at),
    }),
    // A deleted activity stays readable, but without its fields [vendor].
    showDeleted: (id) => ({ id: numericId(id), is_deleted: true }),
  },
  // DELETE /api/sales_activities/{id}: which object Truto deletes is [inferred].
  Freshsales: {
    accountNumber: 5,
    lacksUserGet: true,
    answerDelete: noContent, // status and body: NOT FOUND
    creates: 'subject! contact! owner content start_time end_time custom_fields',
    createId: randomText('700', '0123456789', 8),
    fields: `id=#id title=subject notes=content owner_id=#owner targetable_type targetable_id=#contact start_date=start_time
         end_date=end_time custom_field created_at updated_at`,
    moreFields: ({ custom_fields }) => ({ targetable_type: 'Contact', custom_field: custom_fields ?? {} }),
    envelope: (sales_activity) => ({ sales_activity }),
  },
  // DELETE /calendars/events/{id} for meetings, /contacts/{contact}/notes/{id} for notes [vendor].
  Highlevel: {
    accountNumber: 6,
    seededTypes: ['meeting', 'note'],
    rateLimit: { limit: 100, windowSeconds: 10 }, // [vendor]; Truto's headers do not speak of its daily limit
    // An event answers 201, a note 200 with a misspelt key. [vendor]
    answerDelete: ({ engagement_type }) =>
      engagement_type === 'meeting' ? { status: 201, body: { succeeded: true } } : answered({ succeded: true }),
    mapDeleted: nothing,
    createId: randomText('', base62, 20),
    fields: `id contactId=contact assignedUserId=owner title=subject body=content appointmentStatus=status
       startTime=start_time endTime=end_time dateAdded=created_at dateUpdated=updated_at`,
    // 400, 401 and 422, which has a list of messages, are [vendor]; the others alike [inferred].
    describeFailure: ({ statusCode, message }) => ({
      statusCode,
      message: statusCode === 422 ? [message] : message,
      ...(statusCode !== 400 && { error: STATUS_CODES[statusCode] }),
    }),
  },
  // DELETE /rest/v2/emails/{id}, and /crm/rest/v1/appointments/{id} for meetings [vendor].
  Keap: {
    accountNumber: 7,
    lacksUserGet: true,
    answerDelete: noContent, // v2 [vendor]; v1: NOT FOUND
    createId: numberBetween(1000, 999_999),
    fields: `id=#id subject plain_content=content contact_id=#contact user_id=#owner start_date=start_time end_date=end_time
       sent_date=created_at`,
    // The form is [vendor].
    describeFailure: ({ statusCode, message }) => {
      const [code, status] = keapErrors[statusCode] ?? [2, 'UNKNOWN'];
      return { code, message, status, details: [{ domain: 'keap', resource: 'engagement' }] };
    },
  },
  // A GraphQL mutation at one endpoint, for any type [vendor].
  'Monday CRM': {
    accountNumber: 8,
    seededTypes: ['email', 'call', 'meeting', 'note'],
    lacksUserGet: true,
    // Emails, calls and meetings are timeline items, notes are updates: [vendor] mutations, their use by Truto [inferred].
    answerDelete: ({ id, engagement_type }) =>
      answered({ data: { [engagement_type === 'note' ? 'delete_update' : 'delete_timeline_item']: { id } } }),
    mapDeleted: idOnly,
    createId: numberBetween(1_000_000_000, 9_999_999_999),
    fields: 'id type=engagement_type title=subject content user item board created_at',
    moreFields: ({ owner, contact }) => ({
      user: owner ? { id: owner.id } : null,
      item: contact?.[0] ? { id: contact[0].id } : null,
      board: { id: 4567890123 },
    }),
    // [vendor], where it often comes under HTTP 200: Truto must convert it into its own status.
    describeFailure: ({ statusCode, message, retryAfterSeconds }) => {
      const extensions = {
        code: mondayCodes[statusCode] ?? 'INTERNAL_SERVER_ERROR',
        error_data: {},
        status_code: statusCode,
        ...(retryAfterSeconds !== undefined && { retry_in_seconds: retryAfterSeconds }),
      };
      const path = ['delete_timeline_item'];
      return { errors: [{ message, locations: [{ line: 1, column: 12 }], path, extensions }] };
    },
  },
  // DELETE /api/v3/calls/{id}, /api/v3/meetings/{id} [3rd].
  OnePageCRM: {
    accountNumber: 9,
    answerDelete: noContent, // 200 [3rd], but the body is NOT FOUND, and the sandbox invents none
    creates: 'engagement_type! contact! content! owner status start_time phone_numbers',
    createId: randomText('5', hex, 23),
    fields: `id contact_id=contact author=owner text=content call_result=status phone_number=phone_numbers created_at
         modified_at=updated_at`,
    envelope: (shown, { engagement_type }) => ({ status: 0, message: 'OK', data: { [engagement_type]: shown } }),
    // [3rd]
    describeFailure: ({ statusCode, message }) => {
      const error_name = onePageNames[statusCode] ?? 'request_failed';
      return { status: statusCode, message, error_name, error_message: message, errors: {} };
    },
  },
  // DELETE /api/v2/activities/{id}, and /v1/notes/{id} for notes [vendor].
  Pipedrive: {
    accountNumber: 10,
    // Both 200: v2 names the id, v1 says only `true`. [vendor]
    answerDelete: ({ id, engagement_type }) =>
      answered({ success: true, data: engagement_type === 'note' ? true : { id: numericId(id) } }),
    mapDeleted: idOnly,
    numbersKindsAlike: true,
    creates: 'subject content owner account contact opportunity status start_time duration',
    createId: numberBetween(100, 99_999),
    fields: `id=#id type=engagement_type subject note=content owner_id=#owner deal_id=#opportunity org_id=#account
         person_id=#contact done due_date due_time add_time=created_at update_time=updated_at is_deleted`,
    moreFields: ({ status, start_time }) => ({
      done: status === 'completed',
      due_date: start_time?.slice(0, 10) ?? null,
      due_time: start_time?.slice(11, 16) ?? null,
      is_deleted: false,
    }),
    envelope: (data) => ({ success: true, data }),
    // A deleted activity stays readable for 30 days [vendor]; that v2 shows it as v1 does, with a mark, is [inferred].
    showDeleted: (id) => ({ success: true, data: { id: numericId(id), is_deleted: true } }),
    // [vendor]
    describeFailure: ({ message }) => {
      const error_info = 'Please check developers.pipedrive.com for more information about Pipedrive API.';
      return { success: false, error: message, error_info, data: null, additional_data: null };
    },
  },
  // DELETE /api/v100/rest/spaces/{space}/entities/{Entity}/{id}: the type picks the entity [3rd].
  Pipeliner: {
    accountNumber: 11,
    hasProjects: true,
    answerDelete: ({ id }) => answered({ success: true, data: id }), // [3rd]
    mapDeleted: idOnly,
    createId: (random) => {
      const part = (length: number) => random.text(hex, length);
      return `${part(8)}-${part(4)}-4${part(3)}-a${part(3)}-${part(12)}`;
    },
    fields: `id subject description=content owner_id=owner account_id=account contact_id=contact call_start=start_time
         call_end=end_time is_deleted created=created_at modified=updated_at`,
    moreFields: () => ({ is_deleted: false }),
    envelope: (data) => ({ success: true, data }),
    // The form of 404 and 500 is [3rd], the values of `code` are [inferred].
    describeFailure: ({ statusCode, message }) => {
      const name = statusCode < 500 ? 'ERROR_PARAMETER_INVALID' : 'ERROR_INTERNAL';
      return { success: false, http_status: statusCode, code: statusCode === 404 ? 1201 : 1000, name, message };
    },
  },
  // DELETE /conversations/{_id} [3rd].
  Planhat: {
    accountNumber: 12,
    rateLimit: { limit: 200, windowSeconds: 60 }, // before it slows down [3rd]
    hasProjects: true,
    answerDelete: (_record, shown) => answered(shown), // [3rd]; one client's tests expect 204
    mapDeleted: mapConversation,
    creates: 'account! subject content owner contact start_time custom_fields',
    createId: randomText('6', hex, 23),
    fields: `_id=id type=engagement_type subject description=content companyId=account users endusers archived custom
       date=start_time createDate=created_at lastUpdated=updated_at`,
    moreFields: ({ owner, contact, custom_fields }) => ({
      users: owner ? [{ id: owner.id, isOwner: true }] : [],
      endusers: (contact ?? []).map(({ id }) => ({ id })),
      archived: false,
      custom: custom_fields ?? {},
    }),
  },
  // DELETE /v2/notes/{id}, /v2/calls/{id} [vendor]; which of them Truto uses is [inferred].
  'Zendesk Sell': {
    accountNumber: 13,
    seededTypes: ['note', 'call'],
    answerDelete: noContent, // [vendor]
    mapDeleted: idOnly, // as for Capsule [inferred]
    numbersKindsAlike: true,
    creates: 'content! subject owner contact direction duration phone_numbers',
    createId: numberBetween(1_000_000, 99_999_999),
    fields: `id=#id creator_id=#owner resource_type resource_id=#contact content summary=subject duration=#duration
         phone_number=phone_numbers incoming created_at updated_at`,
    moreFields: ({ direction }) => ({ resource_type: 'contact', incoming: direction === 'inbound' }),
    envelope: (data, { engagement_type }) => ({ data, meta: { type: engagement_type } }),
    // [vendor]; the values of `code` and `logref` are [inferred].
    describeFailure: ({ statusCode, message }) => {
      const error = { code: statusCode === 404 ? 'resource_not_found' : 'request_failed', message, details: message };
      const meta = { http_status: `${statusCode} ${STATUS_CODES[statusCode]}`, logref: 'sandbox' };
      return { errors: [{ error, meta: { type: 'error' } }], meta };
    },
  },
  // DELETE /crm/v8/{Calls,Events}/{id}: the type picks the module [vendor].
  'Zoho CRM': {
    accountNumber: 14,
    // [vendor]
    answerDelete: ({ id }) =>
      answered({ data: [{ code: 'SUCCESS', details: { id }, message: 'record deleted', status: 'success' }] }),
    mapDeleted: idOnly,
    creates: 'subject! start_time! content owner contact account direction status end_time duration',
    createId: randomText('1386586', '0123456789', 12), // 18 or 19 digits [vendor]: too long for a JavaScript number
    // The module decides what the subject is called.
    fields: `id Subject=subject Event_Title=subject Description=content Owner Who_Id What_Id Start_DateTime=start_time
       End_DateTime=end_time Call_Type=direction Created_Time=created_at Modified_Time=updated_at`,
    moreFields: ({ owner = null, contact, account = null }) => ({
      Owner: owner,
      Who_Id: contact?.[0] ?? null,
      What_Id: account,
    }),
    envelope: ({ Subject, Event_Title, ...rest }, { engagement_type }) => ({
      data: [{ id: rest.id, ...(engagement_type === 'call' ? { Subject } : { Event_Title }), ...rest }],
    }),
    // The form is [vendor]. Zoho sends an unknown id under HTTP 400; Truto's own status for it is NOT FOUND, so 404 here.
    describeFailure: (failure) => {
      const code = zohoCodes[failure.statusCode] ?? 'INTERNAL_ERROR';
      const message = failure.statusCode === 404 ? 'the id given seems to be invalid' : failure.message;
      return { data: [{ code, details: {}, message, status: 'error' }] };
    },
  },
  // Can be read, but Truto's delete page does not list it: the account on which a delete is refused.
  HubSpot: {
    accountNumber: 15,
    rateLimit: { limit: 110, windowSeconds: 10 }, // the documentation's example of the header [inferred]
    createId: numberBetween(10_000_000_000, 99_999_999_999),
    fields: 'id properties createdAt=created_at updatedAt=updated_at archived',
    moreFields: (record) => ({
      properties: {
        ...pickFields('hs_object_id=#id hs_engagement_type hs_body_preview=content hubspot_owner_id=owner', record),
        hs_engagement_type: record.engagement_type.toUpperCase(),
        hs_timestamp: record.start_time ?? null,
      },
      archived: false,
    }),
    // [inferred] from the form of HubSpot's public errors.
    describeFailure: ({ statusCode, message }) => ({
      status: 'error',
      message,
      correlationId: '00000000-0000-4000-8000-00000000e44e',
      category: statusCode === 404 ? 'OBJECT_NOT_FOUND' : 'VALIDATION_ERROR',
    }),
  },
};
