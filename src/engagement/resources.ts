import { z } from 'zod';
import { type EngagementType, typeNamed } from './input.ts';
import * as shape from './shapes.ts';

const { text, reference, references, dateTime, object } = shape;

/**
 * Upstream's resources under `/unified/crm/`, by their wire names: every documented field, and what its value may be.
 * `engagements` is the seed's "Response body"; the others are the resources that an engagement refers to
 * (https://www.truto.one/docs/api-reference/unified-crm-api/<resource>.md, read in November 2026).
 */
export const resources = {
  engagements: {
    id: shape.identifier,
    owner: reference,
    content: text,
    subject: text,
    direction: text,
    engagement_type: text,
    internal_notes: text,
    notes: references,
    status: text,
    start_time: text,
    end_time: text,
    duration: text,
    project: reference,
    account: reference,
    contact: references,
    opportunity: references,
    lead: references,
    phone_numbers: shape.phoneNumbers,
    custom_fields: object,
    created_at: dateTime,
    updated_at: dateTime,
    remote_data: shape.anything,
  },
  users: {
    id: shape.identifier,
    name: text,
    email: text,
    is_active: z.boolean(),
    urls: shape.urls,
    created_at: dateTime,
    updated_at: dateTime,
  },
  contacts: {
    id: shape.identifier,
    first_name: text,
    last_name: text,
    name: text,
    title: text,
    account: reference,
    owner: reference,
    addresses: shape.addresses,
    email_addresses: shape.emailAddresses,
    phone_numbers: shape.phoneNumbers,
    urls: shape.urls,
    tags: shape.tags,
    custom_fields: object,
    etag: text,
    last_activity_at: dateTime,
    created_at: dateTime,
    updated_at: dateTime,
  },
  accounts: {
    id: shape.identifier,
    owner: reference,
    name: text,
    description: text,
    industry: text,
    website: text,
    number_of_employees: z.int32(),
    addresses: shape.addresses,
    phone_numbers: shape.phoneNumbers,
    urls: shape.urls,
    tags: shape.tags,
    custom_fields: object,
    last_activity_at: dateTime,
    created_at: dateTime,
    updated_at: dateTime,
  },
  opportunities: {
    id: shape.identifier,
    name: text,
    description: text,
    amount: z.number(),
    currency: text,
    owner: reference,
    account: reference,
    contact: references,
    stage: shape.named,
    status: text,
    tags: shape.tags,
    custom_fields: object,
    close_date: text,
    last_activity_at: dateTime,
    created_at: dateTime,
    updated_at: dateTime,
  },
  leads: {
    id: shape.identifier,
    owner: reference,
    contact: reference,
    account: reference,
    lead_source: text,
    lead_type: text,
    status: text,
    title: text,
    first_name: text,
    last_name: text,
    addresses: shape.addresses,
    email_addresses: shape.emailAddresses,
    phone_numbers: shape.phoneNumbers,
    custom_fields: object,
    created_at: dateTime,
    updated_at: dateTime,
  },
  projects: {
    id: shape.identifier,
    name: text,
    description: text,
    amount: z.number(),
    currency: text,
    owner: reference,
    account: reference,
    contact: references,
    opportunity: references,
    stage: shape.named,
    status: text,
    tags: shape.tags,
    created_at: dateTime,
    updated_at: dateTime,
  },
  notes: {
    id: shape.identifier,
    title: text,
    content: text,
    owner: reference,
    contact: references,
    account: reference,
    opportunity: references,
    lead: references,
    visibility: text,
    urls: shape.urls,
    created_at: dateTime,
    updated_at: dateTime,
  },
};

/** The wire name of a resource. */
export type Resource = keyof typeof resources;

/** The wire name of a resource's field. */
export type WireField<R extends Resource = 'engagements'> = keyof (typeof resources)[R] & string;

/** What says which kind of engagement a record is, and nothing else of it. */
export const typeOnly: ReadonlySet<WireField> = new Set<WireField>(['engagement_type']);

/** What a record says of its kind. */
interface Typed {
  readonly engagement_type?: string | null | undefined;
}

/** Which kind of engagement a record says it is, in the provider's or Truto's word. */
export function typeWordOf({ engagement_type: word }: Typed): string | null {
  return word ?? null;
}

/** Which of the documented kinds a record says it is, however it writes that; null when it says none of them. */
export function typeOf(record: Typed): EngagementType | null {
  return typeNamed(typeWordOf(record));
}
