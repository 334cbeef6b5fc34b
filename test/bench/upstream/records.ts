/** How many bytes of JSON the engagement has, as in every earlier measurement, so that figures stay comparable. */
const engagementBytes = 1_767;

const reference = (kind: string, index = 0) => ({ id: `${kind}-6e66c87e5cd13c3c${index}` });

/** Every documented field of an engagement, by its wire name. */
function buildEngagement(id: string, index = 0) {
  return {
    id,
    owner: reference('user', index % 10),
    content: 'We went through the open points of the offer. ',
    subject: `Quarterly review #${index}`,
    direction: 'outbound',
    engagement_type: 'meeting',
    internal_notes: 'Legal wants to see the new terms before the CEO signs.',
    notes: [reference('note', 0), reference('note', 1)],
    status: 'completed',
    start_time: '2026-03-04T09:00:00.000Z',
    end_time: '2026-03-04T09:45:00.000Z',
    duration: '45',
    project: reference('project'),
    account: reference('account'),
    contact: [reference('contact', 0), reference('contact', 1)],
    opportunity: [reference('opportunity')],
    lead: [reference('lead')],
    phone_numbers: [{ id: 'phone-1', number: '+49 30 1234567', type: 'mobile', extension: '12' }],
    custom_fields: { region: 'EMEA', priority: 2, renewal: true, products: ['crm', 'sync'] },
    created_at: '2026-03-01T08:30:00.000Z',
    updated_at: '2026-03-05T16:20:00.000Z',
    remote_data: { id: 4711, activity: { kind: 'meeting', done: true }, labels: ['review', 'offer'], score: 0.75 },
  };
}

/** An engagement as upstream sends it. */
export type WireEngagement = ReturnType<typeof buildEngagement>;

/** The engagement with that id, padded to exactly {@link engagementBytes}. */
export function engagementOf(id: string): WireEngagement {
  const engagement = buildEngagement(id);
  const missing = engagementBytes - JSON.stringify(engagement).length;
  if (missing < 0) throw new RangeError(`The engagement has ${-missing} bytes too many`);
  const { content } = engagement;
  return { ...engagement, content: content + content.repeat(Math.ceil(missing / content.length)).slice(0, missing) };
}

/** A page of 50 engagements, which belong to ten people. */
export const pageOfEngagements: readonly WireEngagement[] = Array.from({ length: 50 }, (_, index) =>
  buildEngagement(`6e66c87e5cd13c3c79a3${String(index).padStart(4, '0')}`, index),
);

function userOf(id: string, index: number) {
  return {
    id,
    name: `Person No. ${index}`,
    email: `person.${index}@example.com`,
    is_active: true,
    created_at: '2025-01-01T00:00:00.000Z',
    updated_at: '2025-06-01T00:00:00.000Z',
  };
}

/** The ten people that the page's engagements belong to. */
export const users = Array.from({ length: 10 }, (_, index) => userOf(reference('user', index).id, index));

/** A hundred others, for whom upstream takes its time. */
export const slowUsers = Array.from({ length: 100 }, (_, index) => userOf(`slow-user-${index}`, index));
