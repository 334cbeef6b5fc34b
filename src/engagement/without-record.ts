import type { DeleteEnd } from './result.ts';

const isAbsent = (value: unknown) => value === null || value === undefined;

/**
 * The result without what upstream answered: what happened is worth more room than how the record looked. The same result
 * when there is nothing to leave out.
 * @param why says, to whoever gets it, why it is not there.
 */
export function withoutRecord<End extends DeleteEnd>(result: End, why: string): End {
  // The kind stays the same: the compiler cannot follow that.
  return leaveOut(result, why) as End;
}

function leaveOut(result: DeleteEnd, why: string): DeleteEnd {
  switch (result.kind) {
    case 'OutcomeUnknownError':
      if (!result.engagement && isAbsent(result.rawResponse)) return result;
      return { ...result, rawResponse: null, engagement: null, message: `${result.message} ${why}` };
    case 'RemoteApiError':
      return isAbsent(result.rawResponse)
        ? result
        : { ...result, rawResponse: null, message: `${result.message} ${why}` };
    case 'DeleteEngagementSuccess':
      if (result.engagement === null && result.raw === undefined) return result;
      return { ...result, engagement: null, raw: null, warnings: [...result.warnings, why] };
    default:
      return result;
  }
}
