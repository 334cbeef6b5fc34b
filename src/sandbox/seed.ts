import type { EngagementType, RecordReference } from '../engagement/input.ts';
import { type SandboxAccount, sandboxAccounts } from './accounts.ts';
import type { EngagementRecord, RecordKind, RelatedKind, RelatedRecord } from './providers.ts';
import { createRandom, type Random } from './random.ts';

/* The first records of each account: invented, and the same in every sandbox. The first record of each kind has all fields. */

const hourMs = 3_600_000;
const timeAt = (ms: number) => new Date(ms).toISOString();

const known = new Map<string, readonly unknown[]>();

/** Makes a list once. */
function remembered<Item>(name: string, make: () => readonly Item[]): readonly Item[] {
  const list = known.get(name) ?? make();
  known.set(name, list);
  return list as readonly Item[];
}

/** Sets one field to null and omits another, in turn, so that each field is missing in some record. The first record keeps all. */
function withGaps<Item extends object>(record: Item, index: number, fields: readonly string[]): Item {
  if (index === 0) return record;
  const absent = fields[(index + Math.min(7, Math.floor(fields.length / 2))) % fields.length] ?? '';
  const copy = { ...record, [fields[index % fields.length] ?? '']: null };
  Reflect.deleteProperty(copy, absent);
  return copy;
}

/** How many records of each kind an account has: few, so that engagements share them and a look-up of many ids has duplicates. */
const relatedCounts = { users: 4, contacts: 8, accounts: 4, opportunities: 5, leads: 4, projects: 3, notes: 10 };

/** The ids of an account's records of one kind, in the provider's form. */
export function relatedIds(account: SandboxAccount, kind: RelatedKind): readonly string[] {
  return remembered(`ids ${account.id} ${kind}`, () => createIds(account, kind, relatedCounts[kind]));
}

/** Creates `count` different ids that depend on the account and, unless all kinds are numbered alike, on the kind. */
function createIds({ integration, provider }: SandboxAccount, kind: RecordKind, count: number): readonly string[] {
  const random = createRandom(`${integration.label} ${provider.numbersKindsAlike ? 'engagements' : kind}`);
  const ids = new Set<string>();
  while (ids.size < count) ids.add(provider.createId(random, kind));
  return [...ids];
}

/** The records of an account belong to four customers, in turn, so that an opportunity's contacts are people of its account. */
const customerCount = 4;

/** The country code of two letters is [inferred]. */
const companies = [
  ['Alpenglow Optics AG', 'Manufacturing', 'Zürich', null, '8005', 'CH'] as const,
  ['Bluebird Logistics', 'Transportation', 'Austin', 'TX', '78701', 'US'] as const,
  ['Cartographe SARL', 'Software', 'Lyon', null, '69002', 'FR'] as const,
  ['Deepwell Energy', 'Energy', 'Denver', 'CO', '80202', 'US'] as const,
  ['Estrela Foods', 'Food and beverage', 'São Paulo', 'SP', '01310-100', 'BR'] as const,
  ['Fernweh Travel GmbH', 'Travel', 'Hamburg', null, '20095', 'DE'] as const,
  ['Granica Health', 'Healthcare', 'Łódź', null, '90-001', 'PL'] as const,
].map(([name, industry, city, state, postal_code, country]) => {
  // Under a reserved top-level domain (RFC 2606 section 2).
  const domain = `${name.split(' ')[0]?.toLowerCase()}.example`;
  return { name, industry, place: { city, state, postal_code, country }, domain };
});

/** One for each user, contact and lead of an account, so that no two have the same first name. */
const firstNames =
  'Amara Björn Chiara Dmitri Élodie Farid Grace Hiroshi Inés Jamal Katarzyna Liam Mei Noah Olúwaṣeun Priya'.split(' ');
const lastNames = "Ahmed Brunner Costa Dubois Eriksen Fischer García Hughes O'Neill Łuczak".split(' ');

const firstPeople: { readonly [Kind in RelatedKind]?: number } = { users: 0, contacts: 4, leads: 12 };

/** The item at a number of steps after a random start, cyclically. */
function itemAfter<Item>(items: readonly Item[], random: Random, steps: number): Item {
  return items[(random.integer(0, items.length - 1) + steps) % items.length] as Item;
}

/** An email address in ASCII letters. `ł` does not decompose, so it is replaced by name. */
function emailAddress(name: string, domain: string): string {
  const letters = name.toLowerCase().normalize('NFD').replace(/ł/g, 'l');
  return `${letters.replace(' ', '.').replace(/[^a-z.]/g, '')}@${domain}`;
}

/** The data that the record at an index is made from. References are to records of the same customer. */
function originOf(account: SandboxAccount, kind: RelatedKind, index: number) {
  const { label } = account.integration;
  const ofSameCustomer = <Item>(items: readonly Item[]) =>
    items.filter((_item, other) => other % customerCount === index % customerCount);
  const referencesTo = (other: RelatedKind): readonly RecordReference[] =>
    ofSameCustomer(relatedIds(account, other)).map((id) => ({ id }));
  const namesOf = (other: RelatedKind): readonly object[] =>
    ofSameCustomer(seedRelated(account, other)).map(({ id, name = null }) => ({ id, name }));
  const people = createRandom(`${label} people`);
  const peopleBefore = (firstPeople[kind] ?? 0) + index;
  const first_name = itemAfter(firstNames, people, peopleBefore);
  const last_name = itemAfter(lastNames, people, peopleBefore);
  return {
    index,
    // Depends on account, kind and index only, so that a change to one record does not change others.
    random: createRandom(`${label} ${kind} ${index} record`),
    person: { first_name, last_name },
    personName: `${first_name} ${last_name}`,
    company: itemAfter(companies, createRandom(`${label} companies`), index % customerCount),
    owner: referencesTo('users')[0],
    account: referencesTo('accounts')[0],
    referencesTo,
    namesOf,
  };
}

/** Times of a record that was created in 2025, updated within two months, and, with `isActive`, active after that. */
function createTimes(random: Random, isActive = false): object {
  const createdMs = Date.UTC(2025, 0, 6, 8) + random.integer(0, 300 * 24) * hourMs;
  const updatedMs = createdMs + random.integer(1, 60 * 24) * hourMs;
  const activeMs = updatedMs + random.integer(1, 30) * 24 * hourMs;
  const times = { created_at: timeAt(createdMs), updated_at: timeAt(updatedMs) };
  return isActive ? { ...times, last_activity_at: timeAt(activeMs) } : times;
}

function createAddress(random: Random, { place }: (typeof companies)[number]): object {
  return {
    id: String(random.integer(7000, 7999)),
    street_1: `${random.integer(1, 240)} ${random.pick(['Station Road', 'Harbour Street', 'Market Square'])}`,
    street_2: random.pick(['Floor 3', null]),
    ...place,
    type: random.pick(['billing', 'shipping']),
  };
}

/** A number from the range that is reserved for fiction. */
const fictionalNumber = (serial: number) => `+1512555${String(serial).padStart(4, '0')}`;

function createPhoneNumber(random: Random, type: string): object {
  const id = String(random.integer(8000, 8999));
  const number = fictionalNumber(random.integer(100, 199));
  return { id, number, extension: random.pick(['7', null]), type };
}

const withIds = (names: Readonly<Record<string, string>>) => Object.entries(names).map(([id, name]) => ({ id, name }));
const dealStages = withIds({ 1: 'Qualified', 2: 'Proposal', 3: 'Negotiation' });
const projectStages = withIds({ 10: 'Planned', 20: 'Running', 30: 'Done' });
const tags = withIds({ 1: 'Key account', 2: 'Beta', 3: 'Partner' });
const currencies = ['EUR', 'USD', 'CHF'];

/** One or two tags. Their two fields are documented for opportunities, and [inferred] for other kinds. */
function createTags(random: Random): readonly object[] {
  const start = random.integer(0, tags.length - 1);
  return tags.slice(start, start + 2);
}

/** Each makes a record, without its id, with a value in every documented field. */
const creators: Readonly<Record<RelatedKind, (origin: ReturnType<typeof originOf>) => object>> = {
  // Employees of the customer whose CRM it is.
  users: ({ index, random, personName }) => ({
    name: personName,
    email: emailAddress(personName, 'vendor.example'),
    is_active: index < 3, // the last user left the company, and engagements still refer to them
    urls: [{ url: `https://vendor.example/people/${index + 1}`, type: 'profile' }],
    ...createTimes(random),
  }),
  // People at an account. The content of `owner` is [inferred].
  contacts: ({ index, random, person, personName, company, owner, account }) => ({
    ...person,
    name: personName,
    title: random.pick(['Head of Procurement', 'CTO', 'Operations Manager', 'Analyst']),
    account: { ...account, name: company.name },
    owner,
    addresses: [createAddress(random, company)],
    email_addresses: [{ email: emailAddress(personName, company.domain), type: 'work' }],
    phone_numbers: [createPhoneNumber(random, 'work'), createPhoneNumber(random, 'mobile')],
    urls: [{ url: `https://${company.domain}/team/${index + 1}`, type: 'profile' }],
    tags: createTags(random),
    custom_fields: { newsletter: random.pick([true, false]), language: random.pick(['en', 'de', 'fr']) },
    etag: `"${random.text('0123456789abcdef', 16)}"`,
    ...createTimes(random, true),
  }),
  // Companies, not integrated accounts.
  accounts: ({ random, company, owner }) => ({
    owner,
    name: company.name,
    description: `${company.name} of ${company.place.city}.`,
    industry: company.industry,
    website: `https://${company.domain}`,
    number_of_employees: random.integer(5, 4000),
    addresses: [createAddress(random, company)],
    phone_numbers: [createPhoneNumber(random, 'work')],
    urls: [{ url: `https://${company.domain}/about`, type: 'about' }],
    tags: createTags(random),
    custom_fields: { tier: random.pick(['gold', 'silver']), renewal_month: random.integer(1, 12) },
    ...createTimes(random, true),
  }),
  // Deals. `updated_at` and the form of `close_date` are [inferred].
  opportunities({ random, company, owner, account, referencesTo }) {
    const purpose = random.pick(['Renewal', 'Expansion', 'Pilot']);
    return {
      name: `${company.name}: ${purpose}`,
      description: `${purpose} for ${random.integer(1, 40) * 5} seats.`,
      amount: random.integer(1_000, 90_000) + random.pick([0, 0.5]),
      currency: random.pick(currencies),
      owner,
      account,
      contact: referencesTo('contacts'),
      stage: random.pick(dealStages),
      status: random.pick(['open', 'won', 'lost']),
      tags: createTags(random),
      custom_fields: { probability: random.integer(1, 20) * 5 },
      close_date: `2026-${String(random.integer(2, 12)).padStart(2, '0')}-28`,
      ...createTimes(random, true),
    };
  },
  // People who may become customers. `custom_fields` and the times are [inferred].
  leads: ({ random, person, personName, company, owner, account, referencesTo }) => ({
    ...createTimes(random),
    owner,
    contact: referencesTo('contacts')[0],
    account,
    lead_source: random.pick(['website', 'referral', 'event']),
    lead_type: random.pick(['inbound', 'outbound']),
    status: random.pick(['new', 'contacted', 'qualified']),
    title: random.pick(['Founder', 'Buyer', 'Plant Manager']),
    ...person,
    addresses: [createAddress(random, company)],
    email_addresses: [{ email: emailAddress(personName, company.domain), type: 'work' }],
    phone_numbers: [createPhoneNumber(random, 'mobile')],
    custom_fields: { score: random.integer(1, 100) },
  }),
  // The times are [inferred].
  projects: ({ random, company, account, namesOf }) => ({
    ...createTimes(random),
    name: `${random.pick(['Rollout', 'Migration', 'Training'])} at ${company.name}`,
    description: 'In three steps, by the end of the quarter.',
    amount: random.integer(500, 20_000),
    currency: random.pick(currencies),
    owner: namesOf('users')[0],
    account: { ...account, name: company.name },
    contact: namesOf('contacts'),
    opportunity: namesOf('opportunities'),
    stage: random.pick(projectStages),
    status: random.pick(['open', 'completed']),
    tags: createTags(random),
  }),
  notes({ index, random, owner, account, referencesTo }) {
    const topic = random.pick(['Budget', 'Timeline', 'Open questions', 'Stakeholders']);
    return {
      ...createTimes(random),
      title: topic,
      content: `${topic}: to be settled by ${random.pick(['Monday', 'Thursday', 'Friday'])}.`,
      owner,
      contact: referencesTo('contacts').slice(0, 1),
      account,
      opportunity: referencesTo('opportunities'),
      lead: referencesTo('leads'),
      visibility: random.pick(['public', 'private']),
      urls: [{ url: `https://vendor.example/notes/${index + 1}`, type: 'web' }],
    };
  },
};

/** The related records of an account. They never change. The first has all fields; the others lack some. */
export function seedRelated(account: SandboxAccount, kind: RelatedKind): readonly RelatedRecord[] {
  return remembered(`records ${account.id} ${kind}`, () =>
    relatedIds(account, kind).map((id, index) => {
      const made = creators[kind](originOf(account, kind, index));
      // Other records repeat the names, and lists are sorted by the date.
      const fields = Object.keys(made).filter((field) => field !== 'name' && field !== 'created_at');
      return withGaps<RelatedRecord>({ id, ...made }, index, fields);
    }),
  );
}

/** More than one default page of 25. */
const defaultCount = 30;

/** Pipedrive's ids have at most five digits, and finding the last free ones would take too long. */
const maxCount = 75_000;

const topics = ['Renewal', 'Onboarding', 'Pricing', 'Security review', 'Quarterly review', 'Integration', 'Contract'];
const cities = ['Zürich', 'Lyon', 'São Paulo', 'Łódź', 'Austin', '東京'];

/**
 * The engagements of an account in a new sandbox, oldest first. The first has all fields that its integration supports; the others
 * lack some. Those after the 30th repeat the first 30 with other ids.
 * @throws {RangeError} for a count that is not a whole number from 0 to 75,000.
 */
export function seedEngagements(account: SandboxAccount, count = defaultCount): readonly EngagementRecord[] {
  const first = remembered(`engagements ${account.id}`, () => createEngagements(account));
  if (count === first.length) return first;
  if (!Number.isInteger(count) || count < 0 || count > maxCount) {
    throw new RangeError(`An account has from 0 to ${maxCount} engagements`);
  }
  // Copies share their values: hundreds of thousands are made at once, and most are only deleted.
  return createIds(account, 'engagements', count).map((id, index) => {
    return { ...(first[index % first.length] as EngagementRecord), id };
  });
}

function createEngagements(account: SandboxAccount): readonly EngagementRecord[] {
  const random = createRandom(`${account.integration.label} seed`);
  const { seededTypes, provider } = account;
  return createIds(account, 'engagements', defaultCount).map((id, index) => {
    const engagement_type = seededTypes[index % seededTypes.length] ?? 'call';
    const fields = createFields(account, random, engagement_type, index);
    const record = withGaps<EngagementRecord>({ id, engagement_type, ...fields }, index, Object.keys(fields));
    // A mapping cannot return a reference to a resource that its integration lacks. The field is absent, not null.
    const { project: _project, ...rest } = record;
    return provider.hasProjects ? record : rest;
  });
}

function createFields(account: SandboxAccount, random: Random, type: EngagementType, index: number) {
  const one = (kind: RelatedKind) => ({ id: random.pick(relatedIds(account, kind)) });
  const some = (kind: RelatedKind, count: number) =>
    Array.from(relatedIds(account, kind).slice(0, count), (id) => ({ id }));
  const topic = random.pick(topics);
  const startMs = Date.UTC(2026, 0, 5, 9) + index * 7 * hourMs;
  const durationSeconds = random.integer(1, 12) * 300;
  const endMs = startMs + durationSeconds * 1000;
  const number = { id: String(9000 + index), number: fictionalNumber(100 + index) };
  return {
    owner: one('users'),
    content: `${topic}: notes of the ${type} with the team in ${random.pick(cities)}.`,
    subject: `${topic} #${index + 1}`,
    direction: random.pick(['inbound', 'outbound']),
    internal_notes: 'Follow up within a week.',
    notes: some('notes', random.integer(1, 2)),
    status: random.pick(['completed', 'scheduled', 'canceled']),
    start_time: timeAt(startMs),
    end_time: timeAt(endMs),
    duration: String(durationSeconds),
    project: one('projects'),
    account: one('accounts'),
    contact: some('contacts', random.integer(1, 3)),
    opportunity: some('opportunities', random.integer(1, 2)),
    lead: [one('leads')],
    phone_numbers: [{ ...number, extension: index % 2 === 0 ? '42' : null, type: random.pick(['work', 'mobile']) }],
    custom_fields: { sentiment: random.pick(['good', 'neutral', 'bad']), score: random.integer(1, 10) },
    created_at: timeAt(startMs - hourMs),
    updated_at: timeAt(endMs + hourMs),
  };
}

/** One engagement of each account, in the order of the accounts. */
export function sampleEngagements() {
  return sandboxAccounts.map((account) => {
    const [{ id: engagementId, engagement_type: engagementType }] = seedEngagements(account) as [EngagementRecord];
    return { integration: account.integration.label, accountId: account.id, engagementType, engagementId };
  });
}

/** The samples as a table for people. */
export function describeSamples(samples: ReturnType<typeof sampleEngagements>): string {
  const rows = samples.map((row) => [row.integration, row.accountId, row.engagementType, row.engagementId]);
  return [['integration', 'integrated account id', 'type', 'engagement id'], ...rows]
    .map(([integration = '', accountId = '', type = '', id = '']) =>
      ['', '', integration.padEnd(13), accountId.padEnd(37), type.padEnd(8), id].join(' '),
    )
    .join('\n');
}
