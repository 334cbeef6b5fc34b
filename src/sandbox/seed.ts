import type { EngagementType } from '../engagement/input.ts';

import { createIds, relatedIds, type SandboxAccount } from './accounts.ts';
import { createRandom, type Random } from './random.ts';
import { type EngagementRecord, type RelatedKind, withGaps } from './records.ts';

/** The default page of 25 needs a second one. */
const defaultCount = 30;

/** Pipedrive's ids have no more than five digits, and finding the last free ones would take forever. */
const maxCount = 75_000;

const firstMomentMs = Date.UTC(2026, 0, 5, 9);
const hourMs = 3_600_000;

const topics = ['Renewal', 'Onboarding', 'Pricing', 'Security review', 'Quarterly review', 'Integration', 'Contract'];
const cities = ['Zürich', 'Lyon', 'São Paulo', 'Łódź', 'Austin', '東京'];

const seeded = new Map<string, readonly EngagementRecord[]>();

/**
 * The engagements of an account in a new sandbox, oldest first. The first has a value in every field that its integration
 * supports, the others leave some null and some out. Those after the 30th repeat the first 30, with ids of their own.
 * @throws {RangeError} for a count that is no whole number from 0 to 75,000.
 */
export function seedEngagements(account: SandboxAccount, count = defaultCount): readonly EngagementRecord[] {
  const first = seeded.get(account.id) ?? createEngagements(account);
  seeded.set(account.id, first);
  if (count === first.length) return first;
  if (!Number.isInteger(count) || count < 0 || count > maxCount) {
    throw new RangeError(`An account has from 0 to ${maxCount} engagements`);
  }
  // Copies share what is in them: hundreds of thousands are made at once, and most are only ever deleted.
  return createIds(account, 'engagements', count).flatMap((id, index) => {
    const record = first[index % first.length];
    return record === undefined ? [] : [{ ...record, id }];
  });
}

function createEngagements(account: SandboxAccount): readonly EngagementRecord[] {
  const random = createRandom(`${account.integration.label} seed`);
  const { seededTypes, provider } = account;
  return createIds(account, 'engagements', defaultCount).map((id, index) => {
    const engagement_type = seededTypes[index % seededTypes.length] ?? 'call';
    const fields = createFields(account, random, engagement_type, index);
    const record = withGaps<EngagementRecord>({ id, engagement_type, ...fields }, index, Object.keys(fields));
    // A mapping cannot emit a reference to a resource that its integration lacks: the field is absent, not null.
    const { project: _project, ...rest } = record;
    return provider.hasProjects ? record : rest;
  });
}

type Fields = Required<Omit<EngagementRecord, 'id' | 'engagement_type'>>;

function createFields(account: SandboxAccount, random: Random, type: EngagementType, index: number): Fields {
  const one = (kind: RelatedKind) => ({ id: random.pick(relatedIds(account, kind)) });
  const some = (kind: RelatedKind, count: number) =>
    relatedIds(account, kind)
      .slice(0, count)
      .map((id) => ({ id }));
  const topic = random.pick(topics);
  const startMs = firstMomentMs + index * 7 * hourMs;
  const durationSeconds = random.integer(1, 12) * 300;
  const at = (ms: number) => new Date(ms).toISOString();
  return {
    owner: one('users'),
    content: `${topic}: notes of the ${type} with the team in ${random.pick(cities)}.`,
    subject: `${topic} #${index + 1}`,
    direction: random.pick(['inbound', 'outbound']),
    internal_notes: 'Follow up within a week.',
    notes: some('notes', random.integer(1, 2)),
    status: random.pick(['completed', 'scheduled', 'canceled']),
    start_time: at(startMs),
    end_time: at(startMs + durationSeconds * 1000),
    duration: String(durationSeconds),
    project: one('projects'),
    account: one('accounts'),
    contact: some('contacts', random.integer(1, 3)),
    opportunity: some('opportunities', random.integer(1, 2)),
    lead: [one('leads')],
    phone_numbers: [
      {
        id: String(9000 + index),
        number: `+1512555${String(100 + index).padStart(4, '0')}`,
        extension: index % 2 === 0 ? '42' : null,
        type: random.pick(['work', 'mobile']),
      },
    ],
    custom_fields: { sentiment: random.pick(['good', 'neutral', 'bad']), score: random.integer(1, 10) },
    created_at: at(startMs - hourMs),
    updated_at: at(startMs + durationSeconds * 1000 + hourMs),
  };
}
