import { mapIdOnly, type Provider } from './provider.ts';

const hex = '0123456789abcdef';

/** DELETE /api/v100/rest/spaces/{space}/entities/{Entity}/{id}: the type picks the entity. From a copy of the vendor's file. */
export const pipeliner: Provider = {
  label: 'Pipeliner',
  seededTypes: ['call', 'email'],
  deletion: {
    // 200 with the id as `data`, from the same copy.
    answer: (record) => ({ status: 200, body: { success: true, data: record.id } }),
    map: mapIdOnly,
  },
  createId: (_kind, random) =>
    [
      random.text(hex, 8),
      random.text(hex, 4),
      `4${random.text(hex, 3)}`,
      `a${random.text(hex, 3)}`,
      random.text(hex, 12),
    ].join('-'),
  showEngagement: (record) => ({
    success: true,
    data: {
      id: record.id,
      subject: record.subject ?? null,
      description: record.content ?? null,
      owner_id: record.owner?.id ?? null,
      account_id: record.account?.id ?? null,
      contact_id: record.contact?.[0]?.id ?? null,
      call_start: record.start_time ?? null,
      call_end: record.end_time ?? null,
      is_deleted: false,
      created: record.created_at ?? null,
      modified: record.updated_at ?? null,
    },
  }),
  // 404 and 500 have this form in the same copy; the values of `code` are [inferred].
  describeFailure: ({ statusCode, message }) => ({
    success: false,
    http_status: statusCode,
    code: statusCode === 404 ? 1201 : 1000,
    name: statusCode < 500 ? 'ERROR_PARAMETER_INVALID' : 'ERROR_INTERNAL',
    message,
  }),
};
