import type { EngagementType, RecordReference } from '../engagement/input.ts';

/** The resources that engagements refer to. */
export const relatedKinds = ['users', 'contacts', 'accounts', 'opportunities', 'leads', 'projects', 'notes'] as const;

/** One of {@link relatedKinds}. */
export type RelatedKind = (typeof relatedKinds)[number];

/** Every resource, by its name in paths. */
export type RecordKind = 'engagements' | RelatedKind;

/** A phone number in any record. */
export type PhoneNumber = Readonly<Record<'id' | 'number' | 'type', string> & { extension: string | null }>;

/** `duration` is in seconds. All scalars of upstream are strings. */
type TextFields = 'content' | 'subject' | 'direction' | 'internal_notes' | 'status' | 'duration';
type TimeFields = 'start_time' | 'end_time' | 'created_at' | 'updated_at';

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

/** A record and its number in the provider's own order. */
export interface Numbered<Item> {
  /** Counts from 0 and is never reused, so that a cursor stays valid when its record is deleted. */
  readonly number: number;
  readonly record: Item;
}

/** The engagements of one account. */
export interface Engagements {
  /** The engagements that exist now, by id, in order. */
  readonly present: Map<string, Numbered<EngagementRecord>>;
  readonly deletedIds: Set<string>;
}
