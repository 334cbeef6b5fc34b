import type { SandboxAccount } from '../accounts.ts';
import { createRandom } from '../random.ts';
import { customerAt } from './customer.ts';

/** What an account is the record of. */
export interface Company {
  readonly name: string;
  readonly industry: string;
  /** Under a top-level domain that nobody can own (RFC 2606 section 2). */
  readonly domain: string;
  readonly city: string;
  /** Null where addresses have none. */
  readonly state: string | null;
  readonly postalCode: string;
  readonly country: string;
}

function company(
  name: string,
  industry: string,
  place: Pick<Company, 'city' | 'postalCode' | 'country'> & { readonly state?: string },
): Company {
  return {
    name,
    industry,
    domain: `${name.split(' ')[0]?.toLowerCase()}.example`,
    ...place,
    state: place.state ?? null,
  };
}

const companies: readonly Company[] = [
  company('Alpenglow Optics AG', 'Manufacturing', { city: 'Zürich', postalCode: '8005', country: 'CH' }),
  company('Bluebird Logistics', 'Transportation', { city: 'Austin', state: 'TX', postalCode: '78701', country: 'US' }),
  company('Cartographe SARL', 'Software', { city: 'Lyon', postalCode: '69002', country: 'FR' }),
  company('Deepwell Energy', 'Energy', { city: 'Denver', state: 'CO', postalCode: '80202', country: 'US' }),
  company('Estrela Foods', 'Food and beverage', {
    city: 'São Paulo',
    state: 'SP',
    postalCode: '01310-100',
    country: 'BR',
  }),
  company('Fernweh Travel GmbH', 'Travel', { city: 'Hamburg', postalCode: '20095', country: 'DE' }),
  company('Granica Health', 'Healthcare', { city: 'Łódź', postalCode: '90-001', country: 'PL' }),
];

/** The company that the record at a place belongs to: each of an account's customers is another one. */
export function companyOf(account: SandboxAccount, place: number): Company {
  const start = createRandom(`${account.integration.label} companies`).integer(0, companies.length - 1);
  const found = companies[(start + customerAt(place)) % companies.length];
  if (found === undefined) {
    throw new RangeError('A place counts from 0');
  }
  return found;
}
