import { mapNoBody, type Provider } from './provider.ts';

/** Error names by status: that of 401 is [3rd], the others [inferred]. */
const errorNames: ReadonlyMap<number, string> = new Map([
  [401, 'authorization_data_not_found'],
  [404, 'resource_not_found'],
]);

/** DELETE /api/v3/calls/{id}, /api/v3/meetings/{id}: the type is part of the path. [3rd] */
export const onepagecrm: Provider = {
  label: 'OnePageCRM',
  seededTypes: ['call', 'meeting'],
  deletion: {
    // A third party speaks of 200, the body is NOT FOUND: the sandbox invents none and answers 204.
    answer: () => ({ status: 204 }),
    map: mapNoBody,
  },
  createId: (_kind, random) => `5${random.text('0123456789abcdef', 23)}`,
  showEngagement: (record) => ({
    status: 0,
    message: 'OK',
    data: {
      [record.engagement_type]: {
        id: record.id,
        contact_id: record.contact?.[0]?.id ?? null,
        author: record.owner?.id ?? null,
        text: record.content ?? null,
        call_result: record.status ?? null,
        phone_number: record.phone_numbers?.[0]?.number ?? null,
        created_at: record.created_at ?? null,
        modified_at: record.updated_at ?? null,
      },
    },
  }),
  // [3rd]
  describeFailure: ({ statusCode, message }) => ({
    status: statusCode,
    message,
    error_name: errorNames.get(statusCode) ?? 'request_failed',
    error_message: message,
    errors: {},
  }),
};
