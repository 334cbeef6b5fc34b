import { excludableWireFields, type WireField } from './record.ts';

/** What a client selected of a delete's result, by upstream's names. */
export interface Selection {
  /** The selected fields of the engagement. The id may be among them; it is always there anyway. */
  readonly fields: ReadonlySet<WireField>;
  /** True when the chunks of the streamed body are selected. */
  readonly chunks: boolean;
}

/**
 * The selection pushed down: the excludable wire fields that nobody asked for, for `truto_exclude_fields`.
 * The order is the documentation's, so equal selections make equal requests.
 */
export function excludedFields(selected: ReadonlySet<WireField>): readonly WireField[] {
  return excludableWireFields.filter((field) => !selected.has(field));
}
