import type { UpstreamRequest } from '../upstream/attempt.ts';
import { encodeQuery, type QueryParameter } from '../upstream/query-string.ts';
import type { DeleteEngagementInput } from './input.ts';
import { excludedFields, type Selection } from './selection.ts';

/** What goes with every request besides what it asks for. */
export interface RequestCredentials {
  /** The whole `Authorization` header. */
  readonly authorization: string;
  /** One key for each logical delete, however often it is attempted. */
  readonly idempotencyKey?: string;
}

/** A delete that is ready to be sent. */
export interface DeleteRequest extends UpstreamRequest {
  /** The wire names of the fields upstream is told to leave out. */
  readonly excludedFields: readonly string[];
}

const userAgent = 'truto-engagements-graphql/0.1.0';

function headersFor({ authorization, idempotencyKey }: RequestCredentials): Record<string, string> {
  return {
    authorization,
    accept: 'application/json',
    'user-agent': userAgent,
    ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
  };
}

/** The raw and the streamed body are the provider's own: nothing is to be left out of them. */
function hasRecord({ format }: DeleteEngagementInput): boolean {
  return format === 'unified' || format === 'normalized';
}

function deleteParameters(
  input: DeleteEngagementInput,
  excluded: readonly string[],
  selection: Selection,
): QueryParameter[] {
  const { parameters } = input;
  const remoteDataIgnored = hasRecord(input) && !selection.fields.has('remote_data');
  return [
    ['integrated_account_id', input.integratedAccountId],
    ['truto_response_format', input.format],
    ['truto_ignore_remote_data', remoteDataIgnored || undefined],
    ['truto_exclude_fields', excluded],
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
 */
export function buildDeleteRequest(
  input: DeleteEngagementInput,
  selection: Selection,
  credentials: RequestCredentials,
): DeleteRequest {
  const excluded = hasRecord(input) ? excludedFields(selection.fields) : [];
  const query = encodeQuery(deleteParameters(input, excluded, selection));
  return {
    method: 'DELETE',
    path: `/unified/crm/engagements/${encodeURIComponent(input.id)}?${query}`,
    headers: headersFor(credentials),
    excludedFields: excluded,
  };
}

/** Builds `GET /integrated-account/{id}`, which names the account's integration. */
export function buildIntegratedAccountRequest(integratedAccountId: string, authorization: string): UpstreamRequest {
  return {
    method: 'GET',
    path: `/integrated-account/${encodeURIComponent(integratedAccountId)}`,
    headers: headersFor({ authorization }),
  };
}
