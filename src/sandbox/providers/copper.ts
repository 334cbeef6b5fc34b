import { describeInPlainText, mapIdOnly, numericId, type Provider } from './provider.ts';

/** DELETE /developer_api/v1/activities/{id}. [vendor] and a third party's copy */
export const copper: Provider = {
  label: 'Copper',
  seededTypes: ['call', 'meeting', 'note'],
  deletion: {
    // 200 with the stub [vendor].
    answer: (record) => ({ status: 200, body: { id: numericId(record.id), is_deleted: true } }),
    map: mapIdOnly,
  },
  createId: (_kind, random) => String(random.integer(1_000_000_000, 9_999_999_999)),
  showEngagement: (record) => ({
    id: numericId(record.id),
    type: { category: 'user', name: record.engagement_type },
    parent: record.account ? { id: numericId(record.account.id), type: 'company' } : null,
    user_id: record.owner ? numericId(record.owner.id) : null,
    details: record.content ?? null,
    activity_date: epochSeconds(record.start_time),
    date_created: epochSeconds(record.created_at),
    date_modified: epochSeconds(record.updated_at),
  }),
  // A deleted activity stays readable, but nothing is left of it [vendor].
  showDeleted: (id) => ({ id: numericId(id), is_deleted: true }),
  // Error body: NOT FOUND.
  describeFailure: describeInPlainText,
};

/** Copper's dates are seconds since 1970. */
function epochSeconds(date: string | null | undefined): number | null {
  return date ? Date.parse(date) / 1000 : null;
}
