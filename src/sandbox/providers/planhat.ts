import type { EngagementRecord } from '../record.ts';
import { describeInPlainText, type Provider } from './provider.ts';

function showConversation(record: EngagementRecord): Readonly<Record<string, unknown>> {
  return {
    _id: record.id,
    type: record.engagement_type,
    subject: record.subject ?? null,
    description: record.content ?? null,
    companyId: record.account?.id ?? null,
    users: record.owner ? [{ id: record.owner.id, isOwner: true }] : [],
    endusers: (record.contact ?? []).map((contact) => ({ id: contact.id })),
    archived: false,
    custom: record.custom_fields ?? {},
    date: record.start_time ?? null,
    createDate: record.created_at ?? null,
    lastUpdated: record.updated_at ?? null,
  };
}

/** DELETE /conversations/{_id}: one address for every type. [3rd] */
export const planhat: Provider = {
  label: 'Planhat',
  seededTypes: ['call', 'chat', 'email', 'meeting', 'note'],
  // 200 a minute before it slows down [3rd].
  rateLimit: { limit: 200, windowSeconds: 60 },
  deletion: {
    // 200 with the deleted object [3rd]; the tests of one client expect 204 instead.
    answer: (record) => ({ status: 200, body: showConversation(record) }),
    // The object is whole, so the mapping of a read works on it. [inferred]
    map: (record) => ({
      id: record.id,
      engagement_type: record.engagement_type,
      subject: record.subject ?? null,
      content: record.content ?? null,
      owner: record.owner ?? null,
      account: record.account ?? null,
      contact: record.contact ?? [],
      custom_fields: record.custom_fields ?? {},
      start_time: record.start_time ?? null,
      created_at: record.created_at ?? null,
      updated_at: record.updated_at ?? null,
    }),
  },
  createId: (_kind, random) => `6${random.text('0123456789abcdef', 23)}`,
  showEngagement: showConversation,
  // One client's tests see text with a 404 [3rd]; JSON: NOT FOUND.
  describeFailure: describeInPlainText,
};
