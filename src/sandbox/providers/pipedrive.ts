import { mapIdOnly, numericId, type Provider } from './provider.ts';

/** DELETE /api/v2/activities/{id}, and /v1/notes/{id} for notes. [vendor] */
export const pipedrive: Provider = {
  label: 'Pipedrive',
  seededTypes: ['call', 'email', 'meeting', 'note'],
  deletion: {
    // Both 200 [vendor]: v2 names the id, v1 says only `true`.
    answer: (record) => ({
      status: 200,
      body: { success: true, data: record.engagement_type === 'note' ? true : { id: numericId(record.id) } },
    }),
    map: mapIdOnly,
  },
  numbersKindsAlike: true,
  createId: (_kind, random) => String(random.integer(100, 99_999)),
  showEngagement: (record) => ({
    success: true,
    data: {
      id: numericId(record.id),
      type: record.engagement_type,
      subject: record.subject ?? null,
      note: record.content ?? null,
      owner_id: record.owner ? numericId(record.owner.id) : null,
      deal_id: record.opportunity?.[0] ? numericId(record.opportunity[0].id) : null,
      org_id: record.account ? numericId(record.account.id) : null,
      person_id: record.contact?.[0] ? numericId(record.contact[0].id) : null,
      done: record.status === 'completed',
      due_date: record.start_time?.slice(0, 10) ?? null,
      due_time: record.start_time?.slice(11, 16) ?? null,
      add_time: record.created_at ?? null,
      update_time: record.updated_at ?? null,
      is_deleted: false,
    },
  }),
  // A deleted activity stays readable for 30 days [vendor]; that v2 shows it as v1 does, with a mark, is [inferred].
  showDeleted: (id) => ({ success: true, data: { id: numericId(id), is_deleted: true } }),
  // [vendor]
  describeFailure: ({ message }) => ({
    success: false,
    error: message,
    error_info: 'Please check developers.pipedrive.com for more information about Pipedrive API.',
    data: null,
    additional_data: null,
  }),
};
