import { version } from '../config/version.ts';
import type { UpstreamRequest } from '../upstream/attempt.ts';
import {
  type Argument,
  type Arguments,
  type DeleteEngagementInput,
  defaultPageSize,
  deleteParameters,
  type EngagementsInput,
  filterArguments,
  hasRecord,
  sentType,
  type WithTrutoQuery,
  wireNames,
} from './input.ts';
import { excludedFields, type Selection, type TypedKey } from './record.ts';
import type { Resource, WireField } from './resources.ts';

/** A query parameter's name and its value: text, number, boolean, null, or lists and objects of such. */
type QueryParameter = readonly [name: string, value: unknown];

/** No server accepts a longer one: Node and most proxies allow 16 KiB for a request's whole head. */
const maxQueryCharacters = 16_384;

/** The query so far. `left` is negative once it is too long. */
type Written = { readonly pairs: string[]; left: number };

function append(written: Written, name: string, value: unknown): void {
  // Each value repeats the names of its objects: without this check, a body of 256 KiB made a query of gigabytes.
  if (written.left < 0) return;
  if (Array.isArray(value)) {
    // Without an index, parsers like qs merge the items of a list of objects into one.
    const needsIndex = value.some((item) => typeof item === 'object' && item !== null);
    for (const [index, item] of value.entries()) append(written, `${name}[${needsIndex ? index : ''}]`, item);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (written.left < 0) return;
      append(written, `${name}[${encodeURIComponent(key)}]`, item);
    }
  } else if (value !== undefined) {
    const pair = `${name}=${value === null ? '' : encodeURIComponent(String(value))}`;
    written.pairs.push(pair);
    written.left -= pair.length;
  }
}

/**
 * Encodes parameters as Truto documents it (https://www.truto.one/docs/api-reference/overview/querying.md): objects as `a[b]=x`, lists as
 * `a[]=x`, lists of objects as `a[0][b]=x`. Structure is written with plain brackets; names and values from callers are percent-encoded, so
 * they cannot end a parameter or begin another. Undefined values, empty lists and empty objects vanish; null is an empty value. A query
 * longer than 16,384 characters is incomplete and must not be sent (see `checkLength`).
 * @throws {URIError} for text with a lone surrogate: refuse such input first.
 */
export function encodeQuery(parameters: Iterable<QueryParameter>): string {
  const written: Written = { pairs: [], left: maxQueryCharacters };
  for (const [name, value] of parameters) append(written, name, value);
  return written.pairs.join('&');
}

/** A delete or create that is ready to be sent. */
export interface WriteRequest extends UpstreamRequest {
  /** The wire names of the fields that the request excludes. */
  readonly excludedFields: readonly string[];
}

const userAgent = `truto-engagements-graphql/${version}`;

/** The headers of every request. */
export function headersFor(authorization: string): Record<string, string> {
  return { authorization, accept: 'application/json', 'user-agent': userAgent };
}

function get(path: string, authorization: string): UpstreamRequest {
  return { method: 'GET', path, headers: headersFor(authorization) };
}

/** The parameters that exclude the fields that are not selected. */
export function exclusionParameters(resource: Resource, selected: ReadonlySet<string>): QueryParameter[] {
  return [
    ['truto_ignore_remote_data', selected.has('remote_data') ? undefined : true],
    ['truto_exclude_fields', excludedFields(resource, selected)],
  ];
}

/** How to write the kinds of arguments whose value changes on the wire. Text has no offset, and is sent unchanged. */
const wireValues: Readonly<Partial<Record<Argument['kind'], (value: never) => unknown>>> = {
  date: (moment: Date | string) => (typeof moment === 'string' ? moment : moment.toISOString()),
  id: (id: string) => ({ id }),
  idInList: (id: string) => [{ id }],
  range: ({ gt, lt }: { gt?: Date | null; lt?: Date | null }) => ({ gt: gt?.toISOString(), lt: lt?.toISOString() }),
};

/** The query parameters for the values of a table of arguments. */
function parametersFor(table: Arguments, values: Readonly<Record<string, unknown>>): QueryParameter[] {
  return Object.entries(table).map(([name, { wireName, kind }]) => {
    const value = values[name] ?? undefined;
    const write = wireValues[kind];
    return [wireName, write && value !== undefined ? write(value as never) : value];
  });
}

/** The caller's own parameters of Truto. Check their names before: those that the request has itself would be ambiguous. */
export function parametersOfTruto({ trutoQuery }: WithTrutoQuery): QueryParameter[] {
  return Object.entries(trutoQuery ?? {}).map(([name, value]) => [encodeURIComponent(name), value]);
}

/** Builds `DELETE /unified/crm/engagements/{id}`. Check the input before: the id must be exactly one path segment. @param authorization the whole header. */
export function buildDeleteRequest(
  input: DeleteEngagementInput,
  { fields }: Selection,
  authorization: string,
): WriteRequest {
  const query = encodeQuery([
    [wireNames.integratedAccountId, input.integratedAccountId],
    [wireNames.format, input.format],
    ...(hasRecord(input) ? exclusionParameters('engagements', fields) : []),
    [wireNames.engagementType, sentType(input) ?? undefined],
    ...(input.parameters ? parametersFor(deleteParameters, input.parameters) : []),
    [wireNames.remoteQuery, input.remoteQuery ?? undefined],
    ...parametersOfTruto(input),
  ]);
  return {
    method: 'DELETE',
    path: `/unified/crm/engagements/${encodeURIComponent(input.id)}?${query}`,
    headers: headersFor(authorization),
    excludedFields: hasRecord(input) ? excludedFields('engagements', fields) : [],
  };
}

/** Builds `GET /unified/crm/{resource}/{id}`. Check the key before. */
export function buildReadRequest<R extends Resource>(
  resource: R,
  key: TypedKey,
  selected: ReadonlySet<WireField<R>>,
  authorization: string,
): UpstreamRequest {
  const query = encodeQuery([
    [wireNames.integratedAccountId, key.integratedAccountId],
    ...exclusionParameters(resource, selected),
    [wireNames.engagementType, sentType(key) ?? undefined],
    ...parametersOfTruto(key),
  ]);
  return get(`/unified/crm/${resource}/${encodeURIComponent(key.id)}?${query}`, authorization);
}

/** Builds `GET /unified/crm/engagements` for one page. */
export function buildListRequest(
  input: EngagementsInput,
  selected: ReadonlySet<WireField>,
  authorization: string,
): UpstreamRequest {
  const query = encodeQuery([
    [wireNames.integratedAccountId, input.integratedAccountId],
    ...exclusionParameters('engagements', selected),
    ['limit', input.first ?? defaultPageSize],
    // Some clients write the first page so.
    ['next_cursor', input.after || undefined],
    [wireNames.engagementType, input.rawEngagementType ?? undefined],
    ...parametersFor(filterArguments, input.filter),
    ['sort_by', input.order && { [input.order.field]: input.order.direction }],
    ...parametersOfTruto(input),
  ]);
  return get(`/unified/crm/engagements?${query}`, authorization);
}

/** Builds `GET /integrated-account/{id}/capabilities` for the methods of engagements (truto-skills, discovering-capabilities.md). */
export function buildCapabilitiesRequest(integratedAccountId: string, authorization: string): UpstreamRequest {
  const path = `/integrated-account/${encodeURIComponent(integratedAccountId)}/capabilities`;
  return get(`${path}?type=unified&resource=engagements`, authorization);
}

/** Builds `GET /integrated-account/{id}`, whose answer names the account's integration. */
export function buildIntegratedAccountRequest(integratedAccountId: string, authorization: string): UpstreamRequest {
  return get(`/integrated-account/${encodeURIComponent(integratedAccountId)}`, authorization);
}
