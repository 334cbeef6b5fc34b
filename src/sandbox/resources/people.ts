import type { SandboxAccount } from '../accounts.ts';
import { createRandom } from '../random.ts';

/** Somebody with a name. */
export interface Person {
  readonly firstName: string;
  readonly lastName: string;
}

/** As many as an account has users, contacts and leads together, so that no two share a first name. */
const firstNames = [
  'Amara',
  'Björn',
  'Chiara',
  'Dmitri',
  'Élodie',
  'Farid',
  'Grace',
  'Hiroshi',
  'Inés',
  'Jamal',
  'Katarzyna',
  'Liam',
  'Mei',
  'Noah',
  'Olúwaṣeun',
  'Priya',
];
const lastNames = [
  'Ahmed',
  'Brunner',
  'Costa',
  'Dubois',
  'Eriksen',
  'Fischer',
  'García',
  'Hughes',
  "O'Neill",
  'Łuczak',
];

/** Where each kind's people start among an account's. */
const firstPlaces = { users: 0, contacts: 4, leads: 12 } as const;

/** The person behind the record at a place; another one for every record of an account. */
export function personAt(account: SandboxAccount, kind: keyof typeof firstPlaces, place: number): Person {
  const random = createRandom(`${account.integration.label} people`);
  const index = firstPlaces[kind] + place;
  const firstName = firstNames[(random.integer(0, firstNames.length - 1) + index) % firstNames.length] ?? '';
  const lastName = lastNames[(random.integer(0, lastNames.length - 1) + index) % lastNames.length] ?? '';
  return { firstName, lastName };
}

/** An address under a domain, in plain letters. */
export function emailOf({ firstName, lastName }: Person, domain: string): string {
  return `${plain(firstName)}.${plain(lastName)}@${domain}`;
}

/** Letters without their marks; `ł`, which has no mark to take off, by name. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .normalize('NFD')
    .replace(/ł/g, 'l')
    .replace(/[^a-z]/g, '');
}
