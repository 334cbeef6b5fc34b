import type { Random } from '../random.ts';
import type { PhoneNumberRecord } from '../record.ts';
import type { AddressRecord, TagRecord } from '../related-records.ts';
import type { Company } from './companies.ts';

const hourMs = 3_600_000;
const firstMomentMs = Date.UTC(2025, 0, 6, 8);

/** The moments in a record's life, in their order. */
export interface Lifetime {
  readonly created_at: string;
  readonly updated_at: string;
  readonly last_activity_at: string;
}

/** A record that was created in 2025, changed within two months, and last heard of after that. */
export function createLifetime(random: Random): Lifetime {
  const createdMs = firstMomentMs + random.integer(0, 300 * 24) * hourMs;
  const updatedMs = createdMs + random.integer(1, 60 * 24) * hourMs;
  const at = (ms: number) => new Date(ms).toISOString();
  return {
    created_at: at(createdMs),
    updated_at: at(updatedMs),
    last_activity_at: at(updatedMs + random.integer(1, 30) * 24 * hourMs),
  };
}

/** Where a company is. */
export function createAddress(random: Random, company: Company): AddressRecord {
  return {
    id: String(random.integer(7000, 7999)),
    street_1: `${random.integer(1, 240)} ${random.pick(['Station Road', 'Harbour Street', 'Market Square'])}`,
    street_2: random.pick(['Floor 3', null]),
    city: company.city,
    state: company.state,
    postal_code: company.postalCode,
    country: company.country,
    type: random.pick(['billing', 'shipping']),
  };
}

/** A number out of the range that is kept for fiction. */
export function createPhoneNumber(random: Random, type: string): PhoneNumberRecord {
  return {
    id: String(random.integer(8000, 8999)),
    number: `+1512555${String(random.integer(100, 199)).padStart(4, '0')}`,
    extension: random.pick(['7', null]),
    type,
  };
}

const tags: readonly TagRecord[] = [
  { id: '1', name: 'Key account' },
  { id: '2', name: 'Beta' },
  { id: '3', name: 'Partner' },
];

/** One or two labels. */
export function createTags(random: Random): readonly TagRecord[] {
  const start = random.integer(0, tags.length - 1);
  return tags.slice(start, start + 2);
}
