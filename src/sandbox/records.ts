import type { EngagementType, RecordReference } from '../engagement/input.ts';

/** The resources that engagements refer to. */
export type RelatedKind = 'users' | 'contacts' | 'accounts' | 'opportunities' | 'leads' | 'projects' | 'notes';

/** Every resource, by its name in paths. */
export type RecordKind = 'engagements' | RelatedKind;

/** A phone number in any record. */
export interface PhoneNumber {
  readonly id: string;
  readonly number: string;
  readonly extension: string | null;
  readonly type: string;
}

interface EngagementFields {
  readonly owner: RecordReference;
  readonly content: string;
  readonly subject: string;
  /** `inbound` or `outbound`. */
  readonly direction: string;
  readonly internal_notes: string;
  readonly notes: readonly RecordReference[];
  readonly status: string;
  readonly start_time: string;
  readonly end_time: string;
  /** Seconds, as a string: all of upstream's scalars are strings. */
  readonly duration: string;
  readonly project: RecordReference;
  readonly account: RecordReference;
  readonly contact: readonly RecordReference[];
  readonly opportunity: readonly RecordReference[];
  readonly lead: readonly RecordReference[];
  readonly phone_numbers: readonly PhoneNumber[];
  readonly custom_fields: Readonly<Record<string, unknown>>;
  readonly created_at: string;
  readonly updated_at: string;
}

/**
 * One engagement in Truto's unified shape, without `remote_data`, which each answer adds. Upstream promises only the first two
 * fields: any other may be null or absent.
 */
export type EngagementRecord = { readonly id: string; readonly engagement_type: EngagementType } & {
  readonly [Name in keyof EngagementFields]?: EngagementFields[Name] | null;
};

/**
 * The record with one of the fields null and another left out, in turn: over enough records each field is at least once null
 * and once absent. The first record stays whole.
 */
export function withGaps<Item extends object>(record: Item, index: number, fields: readonly string[]): Item {
  if (index === 0) return record;
  const absent = fields[(index + Math.min(7, Math.floor(fields.length / 2))) % fields.length] ?? '';
  const copy = { ...record, [fields[index % fields.length] ?? '']: null };
  Reflect.deleteProperty(copy, absent);
  return copy;
}

/** A record and its number in the provider's own order. */
export interface Numbered<Item> {
  /** Counts from 0 and is never given twice, so that a cursor survives the deletion of what it points at. */
  readonly number: number;
  readonly record: Item;
}

/** The engagements of one account. */
export class Collection {
  readonly #records: Map<string, Numbered<EngagementRecord>>;
  readonly #deletedIds = new Set<string>();

  constructor(records: readonly EngagementRecord[]) {
    this.#records = new Map(records.map((record, number) => [record.id, { number, record }]));
  }

  get(id: string): EngagementRecord | undefined {
    return this.#records.get(id)?.record;
  }

  delete(id: string): void {
    if (this.#records.delete(id)) this.#deletedIds.add(id);
  }

  wasDeleted(id: string): boolean {
    return this.#deletedIds.has(id);
  }

  /** What is there now, in order. */
  list(): readonly Numbered<EngagementRecord>[] {
    return [...this.#records.values()];
  }
}
