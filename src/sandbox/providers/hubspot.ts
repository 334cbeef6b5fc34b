import { numericId, type Provider } from './provider.ts';

/** Can be read, but Truto's delete page does not list it: the account on which a delete is refused. */
export const hubspot: Provider = {
  label: 'HubSpot',
  seededTypes: ['call', 'email', 'meeting', 'note'],
  // The documentation's example of the header, `110;w=10`, is the limit of HubSpot's private apps. [inferred]
  rateLimit: { limit: 110, windowSeconds: 10 },
  createId: (_kind, random) => String(random.integer(10_000_000_000, 99_999_999_999)),
  showEngagement: (record) => ({
    id: record.id,
    properties: {
      hs_object_id: numericId(record.id),
      hs_engagement_type: record.engagement_type.toUpperCase(),
      hs_body_preview: record.content ?? null,
      hubspot_owner_id: record.owner?.id ?? null,
      hs_timestamp: record.start_time ?? null,
    },
    createdAt: record.created_at ?? null,
    updatedAt: record.updated_at ?? null,
    archived: false,
  }),
  // [inferred] from the form of HubSpot's public errors.
  describeFailure: ({ statusCode, message }) => ({
    status: 'error',
    message,
    correlationId: '00000000-0000-4000-8000-00000000e44e',
    category: statusCode === 404 ? 'OBJECT_NOT_FOUND' : 'VALIDATION_ERROR',
  }),
};
