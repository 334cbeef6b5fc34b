import { describeInPlainText, mapNoBody, numericId, type Provider } from './provider.ts';

/** DELETE /api/sales_activities/{id}: which object Truto deletes is [inferred]. */
export const freshsales: Provider = {
  label: 'Freshsales',
  seededTypes: ['call', 'email', 'meeting', 'note'],
  deletion: {
    // Status and body: NOT FOUND. The sandbox answers 204.
    answer: () => ({ status: 204 }),
    map: mapNoBody,
  },
  createId: (_kind, random) => `700${random.text('0123456789', 8)}`,
  showEngagement: (record) => ({
    sales_activity: {
      id: numericId(record.id),
      title: record.subject ?? null,
      notes: record.content ?? null,
      owner_id: record.owner ? numericId(record.owner.id) : null,
      targetable_type: 'Contact',
      targetable_id: record.contact?.[0] ? numericId(record.contact[0].id) : null,
      start_date: record.start_time ?? null,
      end_date: record.end_time ?? null,
      custom_field: record.custom_fields ?? {},
      created_at: record.created_at ?? null,
      updated_at: record.updated_at ?? null,
    },
  }),
  // Error body: NOT FOUND.
  describeFailure: describeInPlainText,
};
