import type { DeleteEngagementResult } from './result.ts';

/**
 * The result without what upstream answered: what happened is worth more room than how the record looked. The same result
 * when there is nothing to leave out.
 * @param warning says why, to whoever gets it.
 */
export function withoutRecord(result: DeleteEngagementResult, warning: string): DeleteEngagementResult {
  if (result.kind === 'OutcomeUnknownError') return { ...result, rawResponse: null, engagement: null };
  if (result.kind === 'RemoteApiError') return { ...result, rawResponse: null };
  if (result.kind !== 'DeleteEngagementSuccess' || (result.engagement === null && result.raw === undefined))
    return result;
  return { ...result, engagement: null, raw: null, warnings: [...result.warnings, warning] };
}
