import { excludableFieldsOf } from './record.ts';
import type { Resource, WireField } from './resources.ts';

/** What a client selected of a delete's result, by upstream's names. */
export interface Selection {
  /** The selected fields of the engagement. The id may be among them; it is always there anyway. */
  readonly fields: ReadonlySet<WireField>;
  /** The selected fields of its notes, besides the id. */
  readonly noteFields: ReadonlySet<WireField<'notes'>>;
  /** True when the chunks of the streamed body are selected. */
  readonly chunks: boolean;
}

/** What was found out for each selection that was seen: a prepared operation has the same one every time. */
const excluded = new WeakMap<object, readonly string[]>();

/**
 * A selection pushed down: the excludable fields of the resource that nobody asked for, for `truto_exclude_fields`.
 * The order is the documentation's, so equal selections make equal requests.
 */
export function excludedFields<R extends Resource>(
  resource: R,
  selected: ReadonlySet<WireField<R>>,
): readonly WireField<R>[] {
  const known = excluded.get(selected);
  if (known) return known as readonly WireField<R>[];
  const fields = excludableFieldsOf(resource).filter((field) => !selected.has(field));
  excluded.set(selected, fields);
  return fields;
}
