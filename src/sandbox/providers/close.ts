import type { RecordKind } from '../record-kind.ts';
import { describeInPlainText, mapNothing, type Provider } from './provider.ts';

const idCharacters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Close puts the kind of a record in front of its id: `acti_…` [vendor], the others alike. */
const idPrefixes: Readonly<Record<RecordKind, string>> = {
  engagements: 'acti',
  users: 'user',
  contacts: 'cont',
  accounts: 'lead',
  opportunities: 'oppo',
  leads: 'lead',
  projects: 'proj',
  notes: 'acti',
};

/** DELETE /api/v1/activity/{call,note,meeting,email}/{id}/: the type is part of the path. [vendor] */
export const close: Provider = {
  label: 'Close',
  seededTypes: ['call', 'meeting', 'note', 'email'],
  // `RateLimit: limit=100, remaining=50, reset=5` [vendor]; the length of the window is [inferred].
  rateLimit: { limit: 100, windowSeconds: 10 },
  deletion: {
    // 200; the body is undocumented, `{}` is [inferred].
    answer: () => ({ status: 200, body: {} }),
    map: mapNothing,
  },
  createId: (kind, random) => `${idPrefixes[kind]}_${random.text(idCharacters, 43)}`,
  showEngagement: (record) => ({
    id: record.id,
    _type: `${record.engagement_type.charAt(0).toUpperCase()}${record.engagement_type.slice(1)}`,
    user_id: record.owner?.id ?? null,
    lead_id: record.account?.id ?? null,
    contact_id: record.contact?.[0]?.id ?? null,
    direction: record.direction ?? null,
    status: record.status ?? null,
    subject: record.subject ?? null,
    note: record.content ?? null,
    duration: record.duration ? Number(record.duration) : null,
    phone: record.phone_numbers?.[0]?.number ?? null,
    date_created: record.created_at ?? null,
    date_updated: record.updated_at ?? null,
  }),
  describeFailure: (failure) =>
    // A 429 says in its body when to come back [vendor], nothing else of it is documented; other bodies: NOT FOUND.
    failure.statusCode === 429
      ? { message: failure.message, rate_reset: failure.retryAfterSeconds }
      : describeInPlainText(failure),
};
