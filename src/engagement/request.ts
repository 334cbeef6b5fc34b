import type { UpstreamRequest } from '../upstream/attempt.ts';
import { encodeQuery, type QueryParameter } from '../upstream/query-string.ts';
import { type DeleteEngagementInput, hasRecord } from './input.ts';
import { type EngagementFilter, type EngagementOrder, filterParameters, orderParameter } from './read/filter.ts';
import type { RecordKey } from './record.ts';
import type { Resource, WireField } from './resources.ts';
import { excludedFields, type Selection } from './selection.ts';

/** A delete that is ready to be sent. */
export interface DeleteRequest extends UpstreamRequest {
  /** The wire names of the fields upstream is told to leave out. */
  readonly excludedFields: readonly string[];
}

const userAgent = 'truto-engagements-graphql/0.1.0';

/** The headers of every request. */
function headersFor(authorization: string): Record<string, string> {
  return { authorization, accept: 'application/json', 'user-agent': userAgent };
}

/** The parameters by which upstream leaves out what nobody selected. */
function exclusionParameters<R extends Resource>(resource: R, selected: ReadonlySet<WireField<R>>): QueryParameter[] {
  const isRemoteDataSelected = (selected as ReadonlySet<string>).has('remote_data');
  return [
    ['truto_ignore_remote_data', isRemoteDataSelected ? undefined : true],
    ['truto_exclude_fields', excludedFields(resource, selected)],
  ];
}

function deleteParameters(input: DeleteEngagementInput, { fields }: Selection): QueryParameter[] {
  const { parameters } = input;
  return [
    ['integrated_account_id', input.integratedAccountId],
    ['truto_response_format', input.format],
    ...(hasRecord(input) ? exclusionParameters('engagements', fields) : []),
    ['engagement_type', input.engagementType ?? undefined],
    ['sort_by', parameters?.sortBy ?? undefined],
    ['content', parameters?.content ?? undefined],
    ['subject', parameters?.subject ?? undefined],
    ['direction', parameters?.direction ?? undefined],
    ['created_at', parameters?.createdAt?.toISOString()],
    ['updated_at', parameters?.updatedAt?.toISOString()],
    ['status', parameters?.status ?? undefined],
    ['account', parameters?.account ?? undefined],
    ['contact', parameters?.contacts ?? undefined],
    ['remote_query', input.remoteQuery ?? undefined],
  ];
}

/**
 * Builds `DELETE /unified/crm/engagements/{id}` with the seed's query parameters. The input must have passed the rules:
 * the id then is exactly one path segment.
 * @param authorization the whole header.
 */
export function buildDeleteRequest(
  input: DeleteEngagementInput,
  selection: Selection,
  authorization: string,
): DeleteRequest {
  return {
    method: 'DELETE',
    path: `/unified/crm/engagements/${encodeURIComponent(input.id)}?${encodeQuery(deleteParameters(input, selection))}`,
    headers: headersFor(authorization),
    excludedFields: hasRecord(input) ? excludedFields('engagements', selection.fields) : [],
  };
}

/** Builds `GET /unified/crm/{resource}/{id}`. The key must have passed the rules. */
export function buildReadRequest<R extends Resource>(
  resource: R,
  { id, integratedAccountId }: RecordKey,
  selected: ReadonlySet<WireField<R>>,
  authorization: string,
  engagementType?: string | null,
): UpstreamRequest {
  const query = encodeQuery([
    ['integrated_account_id', integratedAccountId],
    ...exclusionParameters(resource, selected),
    ['engagement_type', engagementType ?? undefined],
  ]);
  return {
    method: 'GET',
    path: `/unified/crm/${resource}/${encodeURIComponent(id)}?${query}`,
    headers: headersFor(authorization),
  };
}

/** Builds `GET /unified/crm/engagements`, one page. */
export function buildListRequest(
  page: {
    readonly integratedAccountId: string;
    readonly limit: number;
    readonly after?: string | null | undefined;
    readonly filter: EngagementFilter;
    readonly order?: EngagementOrder | undefined;
  },
  selected: ReadonlySet<WireField>,
  authorization: string,
): UpstreamRequest {
  const query = encodeQuery([
    ['integrated_account_id', page.integratedAccountId],
    ...exclusionParameters('engagements', selected),
    ['limit', page.limit],
    ['next_cursor', page.after ?? undefined],
    ...filterParameters(page.filter),
    orderParameter(page.order),
  ]);
  return { method: 'GET', path: `/unified/crm/engagements?${query}`, headers: headersFor(authorization) };
}

/** Builds `GET /integrated-account/{id}`, which names the account's integration. */
export function buildIntegratedAccountRequest(integratedAccountId: string, authorization: string): UpstreamRequest {
  return {
    method: 'GET',
    path: `/integrated-account/${encodeURIComponent(integratedAccountId)}`,
    headers: headersFor(authorization),
  };
}
