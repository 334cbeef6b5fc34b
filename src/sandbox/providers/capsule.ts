import { describeInPlainText, mapIdOnly, numericId, type Provider } from './provider.ts';

/** DELETE /api/v2/entries/{id}. Endpoint [3rd], statuses [vendor]. */
export const capsule: Provider = {
  label: 'Capsule',
  // An entry is a note, an email or a finished task [vendor]; a task is no engagement that the delete page names.
  seededTypes: ['note', 'email'],
  // 4000 an hour and user [vendor].
  rateLimit: { limit: 4000, windowSeconds: 3600 },
  deletion: {
    // 204 without a body, or 202 with a job in Location [vendor]; the fault `fault-202` plays the latter.
    answer: () => ({ status: 204 }),
    // The sibling delete pages list Capsule among those that fill `id`: it can only come from the request. [inferred]
    map: mapIdOnly,
  },
  createId: (_kind, random) => String(random.integer(100_000_000, 999_999_999)),
  showEngagement: (record) => ({
    id: numericId(record.id),
    type: record.engagement_type,
    subject: record.subject ?? null,
    content: record.content ?? null,
    creator: record.owner ? { id: numericId(record.owner.id) } : null,
    party: record.account ? { id: numericId(record.account.id), type: 'organisation' } : null,
    opportunity: record.opportunity?.[0] ? { id: numericId(record.opportunity[0].id) } : null,
    entryAt: record.start_time ?? null,
    createdAt: record.created_at ?? null,
    updatedAt: record.updated_at ?? null,
  }),
  describeFailure: (failure) =>
    // 429 [vendor]; the body of the other errors: NOT FOUND.
    failure.statusCode === 429 ? { error: 'rate limit reached' } : describeInPlainText(failure),
};
