import { mapNoBody, numericId, type Provider } from './provider.ts';

/** The vendor's file gives the form `{code, message, status, details}` [vendor]; these values are gRPC's, [inferred]. */
const errorCodes: ReadonlyMap<number, readonly [code: number, status: string]> = new Map([
  [400, [3, 'INVALID_ARGUMENT']],
  [401, [16, 'UNAUTHENTICATED']],
  [403, [7, 'PERMISSION_DENIED']],
  [404, [5, 'NOT_FOUND']],
  [409, [10, 'ABORTED']],
  [429, [8, 'RESOURCE_EXHAUSTED']],
  [500, [13, 'INTERNAL']],
]);

/** DELETE /rest/v2/emails/{id}, and /crm/rest/v1/appointments/{id} for meetings: two addresses. [vendor] */
export const keap: Provider = {
  label: 'Keap',
  seededTypes: ['email', 'meeting'],
  deletion: {
    // v2 answers 204 [vendor]; the status of v1's appointments: NOT FOUND, so 204 too.
    answer: () => ({ status: 204 }),
    map: mapNoBody,
  },
  createId: (_kind, random) => String(random.integer(1000, 999_999)),
  showEngagement: (record) => ({
    id: numericId(record.id),
    subject: record.subject ?? null,
    plain_content: record.content ?? null,
    contact_id: record.contact?.[0] ? numericId(record.contact[0].id) : null,
    user_id: record.owner ? numericId(record.owner.id) : null,
    start_date: record.start_time ?? null,
    end_date: record.end_time ?? null,
    sent_date: record.created_at ?? null,
  }),
  describeFailure: ({ statusCode, message }) => {
    const [code, status] = errorCodes.get(statusCode) ?? [2, 'UNKNOWN'];
    return { code, message, status, details: [{ domain: 'keap', resource: 'engagement' }] };
  },
};
