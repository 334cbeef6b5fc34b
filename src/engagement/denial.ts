import { isJsonObject } from './body.ts';
import type { Integration } from './integrations.ts';

type Form = (body: Readonly<Record<string, unknown>>) => boolean;

const success: Form = (body) => body.success === false;
/** HighLevel documents both spellings. */
const succeeded: Form = (body) => body.succeeded === false || body.succeded === false;
const graphqlErrors: Form = ({ errors, data }) => Array.isArray(errors) && errors.length > 0 && !data;
const failedItems: Form = ({ data }) =>
  Array.isArray(data) && data.length > 0 && data.every((item) => isJsonObject(item) && item.status === 'error');

/** How each provider documents a "no" that may come with a 2xx. */
const forms: Readonly<Record<string, Form>> = {
  Affinity: success,
  Highlevel: succeeded,
  'Monday CRM': graphqlErrors,
  Pipedrive: success,
  Pipeliner: success,
  'Zoho CRM': failedItems,
};

/**
 * Tells whether a provider's own body says that it did not delete, although it came with a 2xx.
 * @returns `certain` when it has the form in which this integration's provider says so, `possible` when the integration
 * is not known and it has anybody's.
 */
export function findDenial(body: unknown, integration: Integration | null): 'none' | 'possible' | 'certain' {
  if (!isJsonObject(body)) return 'none';
  if (integration) return forms[integration.name]?.(body) ? 'certain' : 'none';
  return Object.values(forms).some((denies) => denies(body)) ? 'possible' : 'none';
}
