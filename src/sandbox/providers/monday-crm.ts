import type { EngagementRecord } from '../record.ts';
import { mapIdOnly, numericId, type Provider, type ProviderFailure } from './provider.ts';

/** Emails, calls and meetings are timeline items, notes are updates: [vendor] mutations, their use by Truto [inferred]. */
function deletingMutation(record: EngagementRecord): string {
  return record.engagement_type === 'note' ? 'delete_update' : 'delete_timeline_item';
}

function errorCode({ statusCode }: ProviderFailure): string {
  if (statusCode === 429) {
    return 'COMPLEXITY_BUDGET_EXHAUSTED'; // [vendor]
  }
  return statusCode === 404 ? 'ResourceNotFoundException' : 'INTERNAL_SERVER_ERROR'; // [inferred]
}

/** A GraphQL mutation at one endpoint, whatever the type. [vendor] */
export const mondayCrm: Provider = {
  label: 'Monday CRM',
  seededTypes: ['email', 'call', 'meeting', 'note'],
  deletion: {
    // 200 [vendor].
    answer: (record) => ({ status: 200, body: { data: { [deletingMutation(record)]: { id: record.id } } } }),
    map: mapIdOnly,
  },
  createId: (_kind, random) => String(random.integer(1_000_000_000, 9_999_999_999)),
  showEngagement: (record) => ({
    id: record.id,
    type: record.engagement_type,
    title: record.subject ?? null,
    content: record.content ?? null,
    user: record.owner ? { id: record.owner.id } : null,
    item: record.contact?.[0] ? { id: record.contact[0].id } : null,
    board: { id: numericId('4567890123') },
    created_at: record.created_at ?? null,
  }),
  // [vendor], where it often comes under HTTP 200: Truto has to turn it into a status of its own.
  describeFailure: (failure) => ({
    errors: [
      {
        message: failure.message,
        locations: [{ line: 1, column: 12 }],
        path: ['delete_timeline_item'],
        extensions: {
          code: errorCode(failure),
          error_data: {},
          status_code: failure.statusCode,
          ...(failure.retryAfterSeconds !== undefined && { retry_in_seconds: failure.retryAfterSeconds }),
        },
      },
    ],
  }),
};
