import { type DeleteEngagementParameter, type EngagementType, engagementTypes } from './input.ts';

/** What one integration needs and supports on delete. */
export interface Integration {
  /** The name as Truto's documentation prints it. */
  readonly name: string;
  /** True when a delete without `engagementType` is refused. */
  readonly requiresEngagementType: boolean;
  /** The values `engagementType` may have; empty when the integration does not list the parameter. */
  readonly engagementTypes: readonly EngagementType[];
  /** The further parameters the integration lists. */
  readonly parameters: readonly DeleteEngagementParameter[];
  /** True when a deleted engagement can still be read, so that reading one does not prove that it is there. */
  readonly keepsDeletedReadable: boolean;
}

function integration(name: string, rest: Partial<Omit<Integration, 'name'>> = {}): Integration {
  return {
    name,
    requiresEngagementType: false,
    engagementTypes: [],
    parameters: [],
    keepsDeletedReadable: false,
    ...rest,
  };
}

function requiring(...types: EngagementType[]): Partial<Integration> {
  return { requiresEngagementType: true, engagementTypes: types };
}

/**
 * The integrations that can delete engagements, in the order Truto's "Delete Engagements" page prints them, with that
 * page's notes on `engagement_type` and the other parameters (read in November 2026). `direction` and `updatedAt` are
 * documented there with no supporting integration at all, so nobody lists them.
 */
export const integrations: readonly Integration[] = [
  integration('Affinity', requiring('call', 'email', 'meeting', 'chat')),
  integration('Capsule'),
  integration('Close', requiring('call', 'meeting', 'note', 'email')),
  // "Deleted" activities are shown as `{id, is_deleted: true}` (developer.copper.com, Activities).
  integration('Copper', { keepsDeletedReadable: true }),
  integration('Freshsales'),
  integration('Highlevel'),
  integration('Keap', requiring('email', 'meeting')),
  integration('Monday CRM'),
  integration('OnePageCRM', requiring('call', 'meeting')),
  // "Marks an activity as deleted. After 30 days, the activity will be permanently deleted." (developers.pipedrive.com, Activities)
  integration('Pipedrive', { keepsDeletedReadable: true }),
  integration('Pipeliner', { ...requiring('call', 'email'), parameters: ['sortBy'] }),
  integration('Planhat', {
    engagementTypes,
    parameters: ['content', 'subject', 'createdAt', 'status', 'account', 'contacts'],
  }),
  integration('Zendesk Sell'),
  integration('Zoho CRM', requiring('call', 'meeting')),
];

/**
 * CRM integrations that list engagements but have no delete for them (Truto's "List Engagements" page, less the above), and
 * their other names: most slugs are the name without spaces, Dynamics' is not.
 */
const integrationsWithoutDelete: ReadonlyMap<string, readonly string[]> = new Map([
  ['Microsoft Dynamics 365 Sales', ['dynamics365', 'MS Dynamics 365 Sales']],
  ['HubSpot', []],
  ['Nutshell', []],
  ['Outreach', []],
  ['Salesforce', []],
  ['Teamleader', []],
  ['Wix', []],
]);

/** What is known of an integration by its name. */
export type IntegrationSupport =
  | { readonly kind: 'supported'; readonly integration: Integration }
  | { readonly kind: 'unsupported'; readonly name: string }
  | { readonly kind: 'unknown' };

/** Truto does not publish the slugs of all integrations: "Zoho CRM", "zohocrm" and "zoho-crm" are one name here. */
function comparable(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

const supportByName = new Map<string, IntegrationSupport>([
  ...integrations.map((known) => [comparable(known.name), { kind: 'supported', integration: known }] as const),
  ...[...integrationsWithoutDelete].flatMap(([name, others]) =>
    [name, ...others].map((each) => [comparable(each), { kind: 'unsupported', name }] as const),
  ),
]);

const unknownIntegration: IntegrationSupport = { kind: 'unknown' };

/** Finds an integration by name, whatever its case, spaces and punctuation. A name never heard of is `unknown`. */
export function findIntegration(name: string | undefined): IntegrationSupport {
  return (name !== undefined && supportByName.get(comparable(name))) || unknownIntegration;
}
