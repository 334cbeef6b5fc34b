import { STATUS_CODES } from 'node:http';
import { mapIdOnly, numericId, type Provider } from './provider.ts';

/** DELETE /v2/notes/{id}, /v2/calls/{id}: [vendor] endpoints, which of them Truto uses is [inferred]. */
export const zendeskSell: Provider = {
  label: 'Zendesk Sell',
  seededTypes: ['note', 'call'],
  deletion: {
    // 204 without a body [vendor].
    answer: () => ({ status: 204 }),
    // The sibling delete pages list Zendesk Sell among those that fill `id`: it can only come from the request. [inferred]
    map: mapIdOnly,
  },
  numbersKindsAlike: true,
  createId: (_kind, random) => String(random.integer(1_000_000, 99_999_999)),
  showEngagement: (record) => ({
    data: {
      id: numericId(record.id),
      creator_id: record.owner ? numericId(record.owner.id) : null,
      resource_type: 'contact',
      resource_id: record.contact?.[0] ? numericId(record.contact[0].id) : null,
      content: record.content ?? null,
      summary: record.subject ?? null,
      duration: record.duration ? Number(record.duration) : null,
      phone_number: record.phone_numbers?.[0]?.number ?? null,
      incoming: record.direction === 'inbound',
      created_at: record.created_at ?? null,
      updated_at: record.updated_at ?? null,
    },
    meta: { type: record.engagement_type },
  }),
  // [vendor]; the values of `code` and `logref` are [inferred].
  describeFailure: ({ statusCode, message }) => ({
    errors: [
      {
        error: { code: statusCode === 404 ? 'resource_not_found' : 'request_failed', message, details: message },
        meta: { type: 'error' },
      },
    ],
    meta: { http_status: `${statusCode} ${STATUS_CODES[statusCode]}`, logref: 'sandbox' },
  }),
};
