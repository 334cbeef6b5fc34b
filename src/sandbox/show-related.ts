/**
 * A related record as the provider's own API might show it: `raw` and `remote_data` of a read. What the CRMs call these
 * fields is not imitated: they have the unified names here, with references as bare ids, so that it can be told from
 * the unified record. [inferred]
 */
export function showRelated(record: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) =>
      references.has(name) ? [`${name}_id`, idsOf(value)] : [name, value],
    ),
  );
}

const references: ReadonlySet<string> = new Set(['owner', 'account', 'contact', 'opportunity', 'lead']);

function idsOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(idsOf);
  }
  return typeof value === 'object' && value !== null && 'id' in value ? value.id : value;
}
