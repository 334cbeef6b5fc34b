import { type DeleteEngagementParameter, type EngagementType, engagementTypes } from './input.ts';

/**
 * How a provider documents a refusal with a 2xx status: a member that is false, or a form that `delete/evidence.ts` reads. For other
 * providers, a possible refusal with a 2xx is an unknown outcome.
 */
export type RefusalForm = 'success' | 'succeeded' | 'Monday' | 'Zoho';

/** What one integration requires and supports on delete and create. */
export interface Integration {
  /** The name in Truto's documentation. */
  readonly name: string;
  /** True when a delete requires `engagementType`. */
  readonly requiresEngagementType: boolean;
  /** The accepted values of `engagementType`. Empty when the integration does not list the parameter. */
  readonly engagementTypes: readonly EngagementType[];
  /** The other parameters that the integration lists. */
  readonly parameters: readonly DeleteEngagementParameter[];
  /** True when the provider only marks engagements as deleted: a successful read does not prove that one exists. */
  readonly softDeletes: boolean;
  /** True when Truto can create engagements of this integration. */
  readonly creates: boolean;
  /** True when a create requires `engagementType`. */
  readonly requiresEngagementTypeOnCreate: boolean;
  /** The documented form of a refusal with a 2xx status. Undefined without one. */
  readonly refusalForm?: RefusalForm;
}

function integration(name: string, rest: Partial<Omit<Integration, 'name'>> = {}): Integration {
  const onDelete = { requiresEngagementType: false, engagementTypes: [], parameters: [], softDeletes: false };
  return { name, ...onDelete, creates: true, requiresEngagementTypeOnCreate: false, ...rest };
}

function requiring(...types: EngagementType[]): Partial<Integration> {
  return { requiresEngagementType: true, engagementTypes: types };
}

/**
 * The integrations that can delete engagements, in the order of Truto's "Delete Engagements" page, with that page's notes on
 * `engagement_type` and the other parameters (read in November 2026). No integration is documented to support `direction` and
 * `updatedAt`. What a create supports is from the "Create Engagement" page. Rules, documents, descriptions and metrics derive from this table.
 */
export const integrations: readonly Integration[] = [
  integration('Affinity', { ...requiring('call', 'email', 'meeting', 'chat'), refusalForm: 'success' }),
  integration('Capsule'),
  integration('Close', requiring('call', 'meeting', 'note', 'email')),
  // Copper returns deleted activities as `{id, is_deleted: true}` (developer.copper.com, Activities).
  integration('Copper', { softDeletes: true, requiresEngagementTypeOnCreate: true }),
  integration('Freshsales'),
  integration('Highlevel', { creates: false, refusalForm: 'succeeded' }),
  integration('Keap', { ...requiring('email', 'meeting'), creates: false }),
  integration('Monday CRM', { creates: false, refusalForm: 'Monday' }),
  integration('OnePageCRM', { ...requiring('call', 'meeting'), requiresEngagementTypeOnCreate: true }),
  // "Marks an activity as deleted. After 30 days, the activity will be permanently deleted." (developers.pipedrive.com, Activities)
  integration('Pipedrive', { softDeletes: true, refusalForm: 'success' }),
  integration('Pipeliner', {
    ...requiring('call', 'email'),
    parameters: ['sortBy'],
    creates: false,
    refusalForm: 'success',
  }),
  integration('Planhat', {
    engagementTypes,
    parameters: ['content', 'subject', 'createdAt', 'status', 'account', 'contacts'],
  }),
  integration('Zendesk Sell'),
  integration('Zoho CRM', { ...requiring('call', 'meeting'), refusalForm: 'Zoho' }),
];

/**
 * CRM integrations that list engagements but cannot delete them (Truto's "List Engagements" page), whether its "Create Engagement" page
 * lists them, and other names where the slug is not the name without spaces.
 */
const integrationsWithoutDelete: readonly (readonly [name: string, creates: boolean, ...otherNames: string[]])[] = [
  ['Microsoft Dynamics 365 Sales', false, 'dynamics365', 'MS Dynamics 365 Sales'],
  ['HubSpot', true],
  ['Nutshell', false],
  ['Outreach', false],
  ['Salesforce', true],
  ['Teamleader', false],
  ['Wix', true],
];

/** The names of all integrations that can create engagements. */
export const creatingIntegrations: readonly string[] = [
  ...integrations.filter(({ creates }) => creates).map(({ name }) => name),
  ...integrationsWithoutDelete.filter(([, creates]) => creates).map(([name]) => name),
].sort();

/** What is known about an integration. `unsupported`: it cannot delete. */
export type IntegrationSupport =
  | { readonly kind: 'supported'; readonly name: string; readonly integration: Integration }
  | { readonly kind: 'unsupported'; readonly name: string; readonly integration?: undefined }
  | { readonly kind: 'unknown'; readonly name?: undefined; readonly integration?: undefined };

/** True when Truto can create engagements of the integration, or when it is unknown: then Truto decides. */
export function canCreate({ name }: IntegrationSupport): boolean {
  return name === undefined || creatingIntegrations.includes(name);
}

/** Truto does not publish the slugs of all integrations, so "Zoho CRM", "zohocrm" and "zoho-crm" are one name here. */
const comparable = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

const supportByName = new Map<string, IntegrationSupport>([
  ...integrations.map(
    (row) => [comparable(row.name), { kind: 'supported', name: row.name, integration: row }] as const,
  ),
  ...integrationsWithoutDelete.flatMap(([name, , ...others]) =>
    [name, ...others].map((each) => [comparable(each), { kind: 'unsupported', name }] as const),
  ),
]);

/** Finds an integration by name, ignoring case, spaces and punctuation. */
export function findIntegration(name: string | undefined): IntegrationSupport {
  return supportByName.get(comparable(name ?? '')) ?? { kind: 'unknown' };
}

const inWords = new Intl.ListFormat('en-GB', { type: 'conjunction' });

const namesWhere = (holds: (integration: Integration) => boolean) =>
  inWords.format(integrations.filter(holds).map(({ name }) => name));

/** The names of the integrations that require `engagementType`, in words. */
export const requiringType = namesWhere(({ requiresEngagementType }) => requiresEngagementType);
/** The names of the integrations that require `engagementType` on a create, in words. */
export const requiringTypeOnCreate = namesWhere(({ requiresEngagementTypeOnCreate }) => requiresEngagementTypeOnCreate);

/** The names of the integrations that list the parameter, in words. Empty when none does. */
export function listing(parameter: DeleteEngagementParameter): string {
  return namesWhere(({ parameters }) => parameters.includes(parameter));
}

/** The names of the integrations that cannot delete engagements, in words. */
export const withoutDelete = inWords.format(integrationsWithoutDelete.map(([name]) => name));
