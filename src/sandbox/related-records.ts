import type { RecordReference } from '../engagement/input.ts';
import type { PhoneNumberRecord } from './record.ts';

/**
 * The records that engagements refer to, in Truto's unified shapes less `remote_data`: every documented field. As for
 * engagements, everything but `id` may be null or absent. Fields marked [inferred] stand where the documentation that
 * could be read breaks off, or does not say what is in them.
 */

/** A reference that also carries the other record's name. */
export interface NamedReference extends RecordReference {
  readonly name?: string | null;
}

/** A web address. */
export interface UrlRecord {
  readonly url: string;
  readonly type: string | null;
}

/** An email address. */
export interface EmailAddressRecord {
  readonly email: string;
  readonly type: string | null;
}

/** A postal address. */
export interface AddressRecord {
  readonly id: string;
  readonly street_1: string;
  readonly street_2: string | null;
  readonly city: string;
  readonly state: string | null;
  readonly postal_code: string;
  /** Two letters. [inferred] */
  readonly country: string;
  readonly type: string | null;
}

/** A label; its two fields are documented for opportunities, for the others [inferred]. */
export interface TagRecord {
  readonly id: string;
  readonly name: string;
}

/** When a record came to be and was last changed. */
interface TimesRecord {
  readonly created_at?: string | null;
  readonly updated_at?: string | null;
}

/** One of `/unified/crm/users`: an employee of the customer whose CRM it is. */
export interface UserRecord extends TimesRecord {
  readonly id: string;
  readonly name?: string | null;
  readonly email?: string | null;
  readonly is_active?: boolean | null;
  readonly urls?: readonly UrlRecord[] | null;
}

/** One of `/unified/crm/contacts`: a person at an account. */
export interface ContactRecord extends TimesRecord {
  readonly id: string;
  readonly first_name?: string | null;
  readonly last_name?: string | null;
  readonly name?: string | null;
  readonly title?: string | null;
  readonly account?: NamedReference | null;
  /** What is in it is [inferred] from the other resources. */
  readonly owner?: RecordReference | null;
  readonly addresses?: readonly AddressRecord[] | null;
  readonly email_addresses?: readonly EmailAddressRecord[] | null;
  readonly phone_numbers?: readonly PhoneNumberRecord[] | null;
  readonly urls?: readonly UrlRecord[] | null;
  readonly tags?: readonly TagRecord[] | null;
  readonly custom_fields?: Readonly<Record<string, unknown>> | null;
  readonly etag?: string | null;
  readonly last_activity_at?: string | null;
}

/** One of `/unified/crm/accounts`: a company; not to be taken for an integrated account. */
export interface AccountRecord extends TimesRecord {
  readonly id: string;
  readonly owner?: RecordReference | null;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly industry?: string | null;
  readonly website?: string | null;
  readonly number_of_employees?: number | null;
  readonly addresses?: readonly AddressRecord[] | null;
  readonly phone_numbers?: readonly PhoneNumberRecord[] | null;
  readonly urls?: readonly UrlRecord[] | null;
  readonly tags?: readonly TagRecord[] | null;
  readonly custom_fields?: Readonly<Record<string, unknown>> | null;
  readonly last_activity_at?: string | null;
}

/** One of `/unified/crm/opportunities`: a deal. `updated_at` is [inferred]. */
export interface OpportunityRecord extends TimesRecord {
  readonly id: string;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly amount?: number | null;
  readonly currency?: string | null;
  readonly owner?: RecordReference | null;
  readonly account?: RecordReference | null;
  readonly contact?: readonly RecordReference[] | null;
  readonly stage?: NamedReference | null;
  readonly status?: string | null;
  readonly tags?: readonly TagRecord[] | null;
  readonly custom_fields?: Readonly<Record<string, unknown>> | null;
  /** A day, such as `2026-06-30`; the form is [inferred]. */
  readonly close_date?: string | null;
  readonly last_activity_at?: string | null;
}

/** One of `/unified/crm/leads`: somebody who may become a customer. `custom_fields` and the times are [inferred]. */
export interface LeadRecord extends TimesRecord {
  readonly id: string;
  readonly owner?: RecordReference | null;
  readonly contact?: RecordReference | null;
  readonly account?: RecordReference | null;
  readonly lead_source?: string | null;
  readonly lead_type?: string | null;
  readonly status?: string | null;
  readonly title?: string | null;
  readonly first_name?: string | null;
  readonly last_name?: string | null;
  readonly addresses?: readonly AddressRecord[] | null;
  readonly email_addresses?: readonly EmailAddressRecord[] | null;
  readonly phone_numbers?: readonly PhoneNumberRecord[] | null;
  readonly custom_fields?: Readonly<Record<string, unknown>> | null;
}

/** One of `/unified/crm/projects`. The times are [inferred]. */
export interface ProjectRecord extends TimesRecord {
  readonly id: string;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly amount?: number | null;
  readonly currency?: string | null;
  readonly owner?: NamedReference | null;
  readonly account?: NamedReference | null;
  readonly contact?: readonly NamedReference[] | null;
  readonly opportunity?: readonly NamedReference[] | null;
  readonly stage?: NamedReference | null;
  readonly status?: string | null;
  readonly tags?: readonly TagRecord[] | null;
}

/** One of `/unified/crm/notes`. */
export interface NoteRecord extends TimesRecord {
  readonly id: string;
  readonly title?: string | null;
  readonly content?: string | null;
  readonly owner?: RecordReference | null;
  readonly contact?: readonly RecordReference[] | null;
  readonly account?: RecordReference | null;
  readonly opportunity?: readonly RecordReference[] | null;
  readonly lead?: readonly RecordReference[] | null;
  /** `public` or `private`. */
  readonly visibility?: string | null;
  readonly urls?: readonly UrlRecord[] | null;
}
