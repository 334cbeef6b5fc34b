import { createRandom } from './random.ts';
import type { RelatedKind } from './records.ts';

/** The records of an account are those of four customers, in turn: an opportunity's contacts are people of its account. */
const customerCount = 4;

/** Those items that belong to the same customer as the record at an index. */
export function ofSameCustomer<Item>(items: readonly Item[], index: number): readonly Item[] {
  return items.filter((_item, other) => other % customerCount === index % customerCount);
}

const companies = [
  ['Alpenglow Optics AG', 'Manufacturing', 'Zürich', null, '8005', 'CH'] as const,
  ['Bluebird Logistics', 'Transportation', 'Austin', 'TX', '78701', 'US'] as const,
  ['Cartographe SARL', 'Software', 'Lyon', null, '69002', 'FR'] as const,
  ['Deepwell Energy', 'Energy', 'Denver', 'CO', '80202', 'US'] as const,
  ['Estrela Foods', 'Food and beverage', 'São Paulo', 'SP', '01310-100', 'BR'] as const,
  ['Fernweh Travel GmbH', 'Travel', 'Hamburg', null, '20095', 'DE'] as const,
  ['Granica Health', 'Healthcare', 'Łódź', null, '90-001', 'PL'] as const,
].map(([name, industry, city, state, postal_code, country]) => {
  // Under a top-level domain that nobody can own (RFC 2606 section 2).
  const domain = `${name.split(' ')[0]?.toLowerCase()}.example`;
  return { name, industry, city, state, postal_code, country, domain };
});

/** A customer of an integrated account. */
export type Company = Readonly<(typeof companies)[number]>;

/** The company that the record at an index belongs to, by the integration's name. Each customer of an account is another one. */
export function companyAt(label: string, index: number): Company {
  const start = createRandom(`${label} companies`).integer(0, companies.length - 1);
  return itemAt(companies, start + (index % customerCount));
}

/** As many as an account has users, contacts and leads together, so that no two share a first name. */
const firstNames =
  'Amara Björn Chiara Dmitri Élodie Farid Grace Hiroshi Inés Jamal Katarzyna Liam Mei Noah Olúwaṣeun Priya'.split(' ');
const lastNames = "Ahmed Brunner Costa Dubois Eriksen Fischer García Hughes O'Neill Łuczak".split(' ');

/** Where each kind's people start among an account's. */
const firstPeople: { readonly [Kind in RelatedKind]?: number } = { users: 0, contacts: 4, leads: 12 };

/** Somebody with a name. */
export type Person = { readonly first_name: string; readonly last_name: string };

/** The person behind the record at an index: another one for every user, contact and lead of an account. */
export function personAt(label: string, kind: RelatedKind, index: number): Person {
  const random = createRandom(`${label} people`);
  const offset = (firstPeople[kind] ?? 0) + index;
  return {
    first_name: itemAt(firstNames, random.integer(0, firstNames.length - 1) + offset),
    last_name: itemAt(lastNames, random.integer(0, lastNames.length - 1) + offset),
  };
}

/** An address under a domain, in plain letters. `ł` has no mark to take off, and is replaced by name. */
export function emailOf({ first_name, last_name }: Person, domain: string): string {
  const [first, last] = [first_name, last_name].map((name) =>
    name
      .toLowerCase()
      .normalize('NFD')
      .replace(/ł/g, 'l')
      .replace(/[^a-z]/g, ''),
  );
  return `${first}.${last}@${domain}`;
}

/** The item at an index, which goes on from the start after the end. */
function itemAt<Item>(items: readonly Item[], index: number): Item {
  const item = items[index % items.length];
  if (item === undefined) throw new RangeError(`No item at ${index}`);
  return item;
}
