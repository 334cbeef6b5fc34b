import type { EngagementType } from '../../engagement/input.ts';
import { describeInPlainText, mapNothing, numericId, type Provider } from './provider.ts';

/** The `type` query parameter of /interactions. [3rd]; the number of email is [inferred]. */
const interactionTypes: Readonly<Record<EngagementType, number>> = { meeting: 0, call: 1, chat: 2, email: 3, note: 4 };

/** DELETE /interactions/{id}?type=N: the type is part of the address, so a wrong one finds nothing. [3rd] */
export const affinity: Provider = {
  label: 'Affinity',
  seededTypes: ['call', 'email', 'meeting', 'chat'],
  deletion: {
    // 200 {"success":true} [3rd]: no id for a mapping to take.
    answer: () => ({ status: 200, body: { success: true } }),
    map: mapNothing,
  },
  createId: (_kind, random) => String(random.integer(10_000_000, 99_999_999)),
  showEngagement: (record) => ({
    id: numericId(record.id),
    type: interactionTypes[record.engagement_type],
    title: record.subject ?? null,
    body: record.content ?? null,
    start_time: record.start_time ?? null,
    end_time: record.end_time ?? null,
    date: record.created_at ?? null,
    persons: (record.contact ?? []).map((contact) => ({ id: numericId(contact.id), type: 0 })),
    notes: (record.notes ?? []).map((note) => numericId(note.id)),
  }),
  // Error body: NOT FOUND.
  describeFailure: describeInPlainText,
};
