import type { SandboxAccount } from './accounts.ts';
import { type OptionalField, withGaps } from './gaps.ts';
import { createRandom, type Random } from './random.ts';
import type { EngagementRecord } from './record.ts';
import type { RelatedKind } from './record-kind.ts';
import { createIds, relatedIds } from './related.ts';

/** An engagement that every fresh sandbox holds. */
export type SeededEngagement = EngagementRecord;

/** How many engagements each account starts with unless told otherwise: the default page of 25 needs a second one. */
export const usualEngagementsPerAccount = 30;

/** The most: Pipedrive's ids have no more than five digits, and finding the last free ones would take forever. */
const maxEngagementsPerAccount = 75_000;

const firstMomentMs = Date.UTC(2026, 0, 5, 9);
const hourMs = 3_600_000;

const topics = ['Renewal', 'Onboarding', 'Pricing', 'Security review', 'Quarterly review', 'Integration', 'Contract'];
const places = ['Zürich', 'Lyon', 'São Paulo', 'Łódź', 'Austin', '東京'];
const statuses = ['completed', 'scheduled', 'canceled'];

const cache = new Map<string, readonly SeededEngagement[]>();

/**
 * The engagements of an account as a fresh sandbox holds them, oldest first; the same on every machine.
 * The first record has a value in every field that its integration supports; the further ones leave some null and some
 * out. Those beyond the usual number repeat these in turn, under ids of their own.
 * @throws {RangeError} for a count that is no whole number from 0 to 75,000.
 */
export function seedEngagements(
  account: SandboxAccount,
  count = usualEngagementsPerAccount,
): readonly SeededEngagement[] {
  const usual = seedUsualEngagements(account);
  if (count === usual.length) {
    return usual;
  }
  if (!Number.isInteger(count) || count < 0 || count > maxEngagementsPerAccount) {
    throw new RangeError(`An account has from 0 to ${maxEngagementsPerAccount} engagements`);
  }
  // Copies share what is in them: hundreds of thousands are made at once, and most are only ever deleted.
  return createIds(account, 'engagements', count).flatMap((id, index) => {
    const record = usual[index % usual.length];
    return record === undefined ? [] : [{ ...record, id }];
  });
}

function seedUsualEngagements(account: SandboxAccount): readonly SeededEngagement[] {
  const known = cache.get(account.id);
  if (known !== undefined) {
    return known;
  }
  const random = createRandom(`${account.integration.label} seed`);
  const { seededTypes } = account;
  const engagements = createIds(account, 'engagements', usualEngagementsPerAccount).map((id, index) => {
    const type = seededTypes[index % seededTypes.length] ?? 'call';
    const whole = createEngagement(account, random, { id, engagement_type: type }, index);
    return withoutUnsupported(account, withGaps<EngagementRecord>(whole, index, optionalFields));
  });
  cache.set(account.id, engagements);
  return engagements;
}

function createEngagement(
  account: SandboxAccount,
  random: Random,
  identity: Pick<EngagementRecord, 'id' | 'engagement_type'>,
  index: number,
): Required<EngagementRecord> {
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
    ...identity,
    owner: one('users'),
    content: `${topic}: notes of the ${identity.engagement_type} with the team in ${random.pick(places)}.`,
    subject: `${topic} #${index + 1}`,
    direction: random.pick(['inbound', 'outbound']),
    internal_notes: 'Follow up within a week.',
    notes: some('notes', random.integer(1, 2)),
    status: random.pick(statuses),
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

/** Fields that go missing, a few at a time: over an account's records each is at least once null and once left out. */
const optionalFields: readonly OptionalField<EngagementRecord>[] = [
  'owner',
  'content',
  'subject',
  'direction',
  'internal_notes',
  'notes',
  'status',
  'start_time',
  'end_time',
  'duration',
  'project',
  'account',
  'contact',
  'opportunity',
  'lead',
  'phone_numbers',
  'custom_fields',
  'created_at',
  'updated_at',
];

/** A mapping cannot emit a reference to a resource that its integration lacks: the field is absent, not null. */
function withoutUnsupported(account: SandboxAccount, record: EngagementRecord): EngagementRecord {
  if (account.provider.hasProjects) {
    return record;
  }
  const { project: _project, ...rest } = record;
  return rest;
}
