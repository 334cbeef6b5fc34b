import type { Answer } from './answer.ts';
import type { ListFilters } from './list-filters.ts';
import { listRecords } from './list-records.ts';
import { readableTypes } from './parameters.ts';
import type { EngagementRecord } from './record.ts';
import { findQueriedAccount, type SandboxRequest } from './request.ts';
import { findCollection } from './store.ts';
import { checkTimeWindow } from './time-window.ts';

/** The documented filters. Which of them a real integration supports is only known as counts; here every account has them all. */
const engagementFilters: ListFilters<EngagementRecord> = {
  engagement_type: readableTypes,
  start_time: 'start',
  end_time: 'end',
  contact: 'reference',
  opportunity: 'reference',
  account: 'reference',
  owner: 'reference',
  lead: 'reference',
  subject: 'part',
  content: 'part',
  status: 'whole',
  created_at: 'date',
  updated_at: 'date',
};

/**
 * `GET /unified/crm/engagements`. `engagement_type` is optional for every account: the list page counts ten integrations
 * that require it without naming them.
 */
export function listEngagements(request: SandboxRequest): Answer {
  const account = findQueriedAccount(request);
  return listRecords(request, account, {
    kind: 'engagements',
    collection: findCollection(request.store, 'engagements', account),
    filters: engagementFilters,
    checkConditions: checkTimeWindow,
    show: account.provider.showEngagement,
  });
}
