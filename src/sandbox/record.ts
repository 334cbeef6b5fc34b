import type { EngagementType, RecordReference } from '../engagement/input.ts';

/** A phone number of an engagement, as it stands on the wire. */
export interface PhoneNumberRecord {
  readonly id: string;
  readonly number: string;
  readonly extension: string | null;
  readonly type: string;
}

/**
 * One engagement in Truto's unified shape: the seed's response fields less `remote_data`, which is made per answer.
 * Everything but `id` and `engagement_type` may be null or absent, because upstream promises nothing about it.
 */
export interface EngagementRecord {
  readonly id: string;
  readonly engagement_type: EngagementType;
  readonly owner?: RecordReference | null;
  readonly content?: string | null;
  readonly subject?: string | null;
  /** `inbound` or `outbound`. */
  readonly direction?: string | null;
  readonly internal_notes?: string | null;
  readonly notes?: readonly RecordReference[] | null;
  readonly status?: string | null;
  readonly start_time?: string | null;
  readonly end_time?: string | null;
  /** Seconds, as a string: all of upstream's scalars are strings. */
  readonly duration?: string | null;
  readonly project?: RecordReference | null;
  readonly account?: RecordReference | null;
  readonly contact?: readonly RecordReference[] | null;
  readonly opportunity?: readonly RecordReference[] | null;
  readonly lead?: readonly RecordReference[] | null;
  readonly phone_numbers?: readonly PhoneNumberRecord[] | null;
  readonly custom_fields?: Readonly<Record<string, unknown>> | null;
  readonly created_at?: string | null;
  readonly updated_at?: string | null;
}
