import { isJsonObject } from './body.ts';

/**
 * True when a provider's own body says that it did not delete, although it came with a 2xx. These are the documented
 * forms: `success: false` (Affinity, Pipedrive, Pipeliner), `succeeded: false` (HighLevel, which also misspells it),
 * GraphQL `errors` without data (Monday), and items that are all `status: "error"` (Zoho).
 */
export function deniesDelete(body: unknown): boolean {
  if (!isJsonObject(body)) return false;
  if ([body.success, body.succeeded, body.succeded].includes(false)) return true;
  const { data, errors } = body;
  if (Array.isArray(errors) && errors.length > 0 && !data) return true;
  return Array.isArray(data) && data.length > 0 && data.every((item) => isJsonObject(item) && item.status === 'error');
}
