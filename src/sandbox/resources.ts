import type { RecordReference } from '../engagement/input.ts';
import { relatedIds, type SandboxAccount } from './accounts.ts';
import { type Company, companyAt, emailOf, ofSameCustomer, personAt } from './customers.ts';
import type { ListFilters } from './list-filters.ts';
import { createRandom, type Random } from './random.ts';
import { type PhoneNumber, type RelatedKind, withGaps } from './records.ts';

/** A record of a resource in Truto's unified shape, without `remote_data`. */
export type RelatedRecord = Readonly<Record<string, unknown>> & { readonly id: string };

interface Resource {
  /** Besides those by `created_at` and `updated_at`, which every list has. */
  readonly filters: ListFilters;
  /** The fields that are null or absent now and then, in turn; never a name that other records show. */
  readonly gaps: string;
  /** Makes a record with a value in every documented field. */
  create(origin: Origin): RelatedRecord;
}

const hourMs = 3_600_000;
const firstMomentMs = Date.UTC(2025, 0, 6, 8);

/** The moments of a record that was created in 2025, changed within two months, and active after that. */
function createTimes(random: Random) {
  const createdMs = firstMomentMs + random.integer(0, 300 * 24) * hourMs;
  const updatedMs = createdMs + random.integer(1, 60 * 24) * hourMs;
  const at = (ms: number) => new Date(ms).toISOString();
  const times = { created_at: at(createdMs), updated_at: at(updatedMs) };
  return {
    times,
    timesAndActivity: { ...times, last_activity_at: at(updatedMs + random.integer(1, 30) * 24 * hourMs) },
  };
}

/** Its country of two letters is [inferred]. */
function createAddress(random: Random, { city, state, postal_code, country }: Company): object {
  return {
    id: String(random.integer(7000, 7999)),
    street_1: `${random.integer(1, 240)} ${random.pick(['Station Road', 'Harbour Street', 'Market Square'])}`,
    street_2: random.pick(['Floor 3', null]),
    city,
    state,
    postal_code,
    country,
    type: random.pick(['billing', 'shipping']),
  };
}

/** A number out of the range that is reserved for fiction. */
function createPhoneNumber(random: Random, type: string): PhoneNumber {
  const id = String(random.integer(8000, 8999));
  const number = `+1512555${String(random.integer(100, 199)).padStart(4, '0')}`;
  return { id, number, extension: random.pick(['7', null]), type };
}

function withIds(names: Readonly<Record<string, string>>): readonly object[] {
  return Object.entries(names).map(([id, name]) => ({ id, name }));
}

const dealStages = withIds({ 1: 'Qualified', 2: 'Proposal', 3: 'Negotiation' });
const projectStages = withIds({ 10: 'Planned', 20: 'Running', 30: 'Done' });
const tags = withIds({ 1: 'Key account', 2: 'Beta', 3: 'Partner' });
const currencies = ['EUR', 'USD', 'CHF'];

/** One or two tags. Their two fields are documented for opportunities, for the others [inferred]. */
function createTags(random: Random): readonly object[] {
  const start = random.integer(0, tags.length - 1);
  return tags.slice(start, start + 2);
}

/** The resources that engagements refer to, with every documented field. All filters but those of users are [inferred]. */
export const resources: Readonly<Record<RelatedKind, Resource>> = {
  // Employees of the customer whose CRM it is.
  users: {
    filters: { part: ['name'], whole: ['email'] },
    gaps: 'email is_active urls created_at updated_at',
    create: ({ id, index, random, person }) => ({
      id,
      name: `${person.first_name} ${person.last_name}`,
      email: emailOf(person, 'vendor.example'),
      is_active: index < 3, // the last one has left, and engagements still name them
      urls: [{ url: `https://vendor.example/people/${index + 1}`, type: 'profile' }],
      ...createTimes(random).times,
    }),
  },
  // People at an account. What is in `owner` is [inferred].
  contacts: {
    filters: { part: ['name'], reference: ['account', 'owner'] },
    gaps: 'title email_addresses account addresses owner phone_numbers tags urls custom_fields etag last_activity_at first_name last_name updated_at',
    create: ({ id, index, random, person, company, owner, account }) => ({
      id,
      ...person,
      name: `${person.first_name} ${person.last_name}`,
      title: random.pick(['Head of Procurement', 'CTO', 'Operations Manager', 'Analyst']),
      account: { ...account, name: company.name },
      owner,
      addresses: [createAddress(random, company)],
      email_addresses: [{ email: emailOf(person, company.domain), type: 'work' }],
      phone_numbers: [createPhoneNumber(random, 'work'), createPhoneNumber(random, 'mobile')],
      urls: [{ url: `https://${company.domain}/team/${index + 1}`, type: 'profile' }],
      tags: createTags(random),
      custom_fields: { newsletter: random.pick([true, false]), language: random.pick(['en', 'de', 'fr']) },
      etag: `"${random.text('0123456789abcdef', 16)}"`,
      ...createTimes(random).timesAndActivity,
    }),
  },
  // Companies; not to be confused with integrated accounts.
  accounts: {
    filters: { reference: ['owner'], part: ['name'], whole: ['industry'] },
    gaps: 'owner description industry website number_of_employees addresses phone_numbers urls tags custom_fields last_activity_at updated_at',
    create: ({ id, random, company, owner }) => ({
      id,
      owner,
      name: company.name,
      description: `${company.name} of ${company.city}.`,
      industry: company.industry,
      website: `https://${company.domain}`,
      number_of_employees: random.integer(5, 4000),
      addresses: [createAddress(random, company)],
      phone_numbers: [createPhoneNumber(random, 'work')],
      urls: [{ url: `https://${company.domain}/about`, type: 'about' }],
      tags: createTags(random),
      custom_fields: { tier: random.pick(['gold', 'silver']), renewal_month: random.integer(1, 12) },
      ...createTimes(random).timesAndActivity,
    }),
  },
  // Deals. `updated_at` and the form of `close_date` are [inferred].
  opportunities: {
    filters: { part: ['name'], whole: ['status'], reference: ['owner', 'account', 'contact'] },
    gaps: 'description amount owner stage custom_fields contact close_date currency tags status last_activity_at',
    create({ id, random, company, owner, account, referencesTo }) {
      const purpose = random.pick(['Renewal', 'Expansion', 'Pilot']);
      return {
        id,
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
        ...createTimes(random).timesAndActivity,
      };
    },
  },
  // People who may become customers. `custom_fields` and the times are [inferred].
  leads: {
    filters: { whole: ['status', 'lead_source'], reference: ['owner', 'account', 'contact'] },
    gaps: 'lead_type title contact phone_numbers addresses lead_source custom_fields last_name',
    create({ id, random, person, company, owner, account, referencesTo }) {
      const { times } = createTimes(random);
      return {
        id,
        owner,
        contact: referencesTo('contacts')[0],
        account,
        lead_source: random.pick(['website', 'referral', 'event']),
        lead_type: random.pick(['inbound', 'outbound']),
        status: random.pick(['new', 'contacted', 'qualified']),
        title: random.pick(['Founder', 'Buyer', 'Plant Manager']),
        ...person,
        addresses: [createAddress(random, company)],
        email_addresses: [{ email: emailOf(person, company.domain), type: 'work' }],
        phone_numbers: [createPhoneNumber(random, 'mobile')],
        custom_fields: { score: random.integer(1, 100) },
        ...times,
      };
    },
  },
  // The times are [inferred].
  projects: {
    filters: { part: ['name'], whole: ['status'], reference: ['owner', 'account', 'contact', 'opportunity'] },
    gaps: 'description amount stage opportunity tags currency',
    create({ id, random, company, account, namesOf }) {
      const { times } = createTimes(random);
      return {
        id,
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
        ...times,
      };
    },
  },
  notes: {
    filters: { part: ['title', 'content'], reference: ['owner', 'contact', 'account', 'opportunity', 'lead'] },
    gaps: 'title visibility contact urls opportunity lead content account owner updated_at',
    create({ id, index, random, owner, account, referencesTo }) {
      const topic = random.pick(['Budget', 'Timeline', 'Open questions', 'Stakeholders']);
      const { times } = createTimes(random);
      return {
        id,
        title: topic,
        content: `${topic}: to be settled by ${random.pick(['Monday', 'Thursday', 'Friday'])}.`,
        owner,
        contact: referencesTo('contacts').slice(0, 1),
        account,
        opportunity: referencesTo('opportunities'),
        lead: referencesTo('leads'),
        visibility: random.pick(['public', 'private']),
        urls: [{ url: `https://vendor.example/notes/${index + 1}`, type: 'web' }],
        ...times,
      };
    },
  },
};

const seeded = new Map<string, readonly RelatedRecord[]>();

/** The records of an account, which nothing changes. The first has a value in every field; the others lack some. */
export function seedRelated(account: SandboxAccount, kind: RelatedKind): readonly RelatedRecord[] {
  const name = `${account.integration.label} ${kind}`;
  const { create, gaps } = resources[kind];
  const records =
    seeded.get(name) ??
    relatedIds(account, kind).map((id, index) =>
      withGaps(create(originOf(account, kind, id, index)), index, gaps.split(' ')),
    );
  seeded.set(name, records);
  return records;
}

type Origin = ReturnType<typeof originOf>;

/** What the record at an index is made from. The references are to the records of the same customer. */
function originOf(account: SandboxAccount, kind: RelatedKind, id: string, index: number) {
  const { label } = account.integration;
  const referencesTo = (other: RelatedKind): readonly RecordReference[] =>
    ofSameCustomer(relatedIds(account, other), index).map((otherId) => ({ id: otherId }));
  const namesOf = (other: RelatedKind): readonly object[] =>
    ofSameCustomer(seedRelated(account, other), index).map((named) => ({ id: named.id, name: named.name ?? null }));
  return {
    id,
    index,
    // Depends on account, kind and index alone, so that a change to one record leaves the others as they are.
    random: createRandom(`${label} ${kind} ${index} record`),
    person: personAt(label, kind, index),
    company: companyAt(label, index),
    owner: referencesTo('users')[0],
    account: referencesTo('accounts')[0],
    referencesTo,
    namesOf,
  };
}
