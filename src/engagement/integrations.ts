import { type DeleteEngagementParameter, type EngagementType, engagementTypes } from './input.ts';

/**
 * How a provider documents a "no" that may come with a 2xx: a member that is false, or a form that `delete/evidence.ts` reads. Any
 * other provider's "no" is an unknown outcome.
 */
export type RefusalForm = 'success' | 'succeeded' | 'Monday' | 'Zoho';

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
  /** How the provider says "no" under a 2xx, where it documents that. */
  readonly refusalForm?: RefusalForm;
}

function integration(name: string, rest: Partial<Omit<Integration, 'name'>> = {}): Integration {
  const nothing = { requiresEngagementType: false, engagementTypes: [], parameters: [], keepsDeletedReadable: false };
  return { name, ...nothing, ...rest };
}

function requiring(...types: EngagementType[]): Partial<Integration> {
  return { requiresEngagementType: true, engagementTypes: types };
}

/**
 * The integrations that can delete engagements, in the order of Truto's "Delete Engagements" page, with that page's notes on
 * `engagement_type` and the other parameters (read in November 2026). No integration is documented to support `direction` and
 * `updatedAt`. Rules, documents, descriptions and metrics derive from this table.
 */
export const integrations: readonly Integration[] = [
  integration('Affinity', { ...requiring('call', 'email', 'meeting', 'chat'), refusalForm: 'success' }),
  integration('Capsule'),
  integration('Close', requiring('call', 'meeting', 'note', 'email')),
  // "Deleted" activities are shown as `{id, is_deleted: true}` (developer.copper.com, Activities).
  integration('Copper', { keepsDeletedReadable: true }),
  integration('Freshsales'),
  integration('Highlevel', { refusalForm: 'succeeded' }),
  integration('Keap', requiring('email', 'meeting')),
  integration('Monday CRM', { refusalForm: 'Monday' }),
  integration('OnePageCRM', requiring('call', 'meeting')),
  // "Marks an activity as deleted. After 30 days, the activity will be permanently deleted." (developers.pipedrive.com, Activities)
  integration('Pipedrive', { keepsDeletedReadable: true, refusalForm: 'success' }),
  integration('Pipeliner', { ...requiring('call', 'email'), parameters: ['sortBy'], refusalForm: 'success' }),
  integration('Planhat', {
    engagementTypes,
    parameters: ['content', 'subject', 'createdAt', 'status', 'account', 'contacts'],
  }),
  integration('Zendesk Sell'),
  integration('Zoho CRM', { ...requiring('call', 'meeting'), refusalForm: 'Zoho' }),
];

/**
 * CRM integrations that list engagements but cannot delete them (Truto's "List Engagements" page), with other names where the slug
 * is not the name without spaces.
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

/** Finds an integration by name, whatever its case, spaces and punctuation. */
export function findIntegration(name: string | undefined): IntegrationSupport {
  return (name !== undefined && supportByName.get(comparable(name))) || unknownIntegration;
}

const inWords = new Intl.ListFormat('en-GB', { type: 'conjunction' });

const namesWhere = (holds: (integration: Integration) => boolean) =>
  inWords.format(integrations.filter(holds).map(({ name }) => name));

/** The names of the integrations that require `engagementType`, in words. */
export const requiringType = namesWhere(({ requiresEngagementType }) => requiresEngagementType);

/** The names of the integrations that list the parameter, in words; empty when none does. */
export function listing(parameter: DeleteEngagementParameter): string {
  return namesWhere(({ parameters }) => parameters.includes(parameter));
}

/** The names of the integrations that cannot delete engagements, in words. */
export const withoutDelete = inWords.format(integrationsWithoutDelete.keys());
