import type { Attempt, Send } from '../upstream/attempt.ts';
import { type Caller, canAccess, type FindAccountIntegration, limitedBy, settleNotFound } from './account.ts';
import { isJsonObject, readBody } from './body.ts';
import { noteRecord } from './drift.ts';
import { type ArgumentPaths, defaultPageSize, type EngagementsInput, listPaths, readPaths } from './input.ts';
import {
  type EngagementRecord,
  isIdValue,
  isSameId,
  type ReadRecord,
  readRecord,
  type TypedKey,
  wireNameOf,
} from './record.ts';
import { isError, notGranted, notSent, readRefusal, refusedInput } from './refusal.ts';
import { buildListRequest, buildReadRequest } from './request.ts';
import type { Resource, WireField } from './resources.ts';
import { type Finding, type Refusal, refusal } from './result.ts';
import { checkFilter, checkId, checkKey, checkLength, checkRawType, checkText, checkTrutoQuery } from './rules.ts';

/** Upstream's largest page size. */
const maxPageSize = 100;

/** The options of a read. */
export interface ReadOptions<R extends Resource> {
  readonly caller: Caller;
  /** The fields to read. The request excludes the others. */
  readonly selected: ReadonlySet<WireField<R>>;
  /** The moment (by `performance.now()`) by which the result is due. */
  readonly deadlineAt: number;
  /** True once the client has disconnected. Then nothing further is sent. */
  readonly hasCallerLeft: () => boolean;
}

/** The services that a read needs. */
export interface ReadPorts {
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
}

/** A record that was found. */
export interface FoundRecord<R extends Resource> extends ReadRecord<R> {
  readonly kind: 'Found';
}

/** One page of engagements. */
export interface EngagementPage {
  readonly kind: 'Page';
  readonly records: readonly EngagementRecord[];
  /** Upstream's cursor of the next page. Null on the last page. */
  readonly nextCursor: string | null;
  /** True when some are missing: upstream marks the page as partial, or they have no id. */
  readonly isPartial: boolean;
}

/** The proof of a read about an engagement whose delete may have been executed. */
type SeenAfterDelete =
  /** The provider's own record is marked as deleted. */
  | { readonly kind: 'MarkedDeleted' }
  /** It is not deleted, or not yet. */
  | { readonly kind: 'There' }
  /** It can be read, which proves nothing: deleted engagements may be readable too. */
  | { readonly kind: 'Unproven' };

function failed(message: string): Refusal {
  return { kind: 'UpstreamUnavailableError', message, wasSent: true };
}

/** Reads upstream's answer to a `GET`: its JSON, or a refusal. */
function readJson(
  attempt: Attempt,
  { bringsToken }: Caller,
  paths?: ArgumentPaths,
): { kind: 'Json'; json: unknown } | Refusal {
  if (attempt.kind === 'failure') {
    return attempt.mayHaveBeenSent ? failed('Truto did not answer the read. Try again.') : notSent(attempt);
  }
  if (attempt.statusCode !== 200) {
    const refused = readRefusal(attempt, bringsToken, paths);
    return refused.kind === 'UnclearAnswer' ? failed(`${refused.why}. Try again.`) : refused;
  }
  const body = readBody(attempt.body);
  if (body.kind === 'json') return { kind: 'Json', json: body.value };
  return failed(
    `Truto's answer could not be read: ${body.kind === 'unreadable' ? body.why : 'it is not JSON'}. Try again.`,
  );
}

/** Reads one record by `GET /unified/crm/{resource}/{id}`. The caller must check the key and the access before. */
export async function readResource<R extends Resource>(
  resource: R,
  key: TypedKey,
  { caller, selected, deadlineAt, hasCallerLeft }: ReadOptions<R>,
  { send, findAccountIntegration }: ReadPorts,
): Promise<FoundRecord<R> | Refusal> {
  const { integratedAccountId } = key;
  const request = buildReadRequest(resource, key, selected, caller.authorization.reveal());
  const limits = limitedBy(caller, integratedAccountId);
  const { attempt } = await send(request, { deadlineAt, hasCallerLeft, limitedBy: limits });
  const answer = readJson(attempt, caller, readPaths);
  if (answer.kind !== 'Json')
    return settleNotFound(answer, { caller, integratedAccountId, deadlineAt }, findAccountIntegration);
  const { json } = answer;
  const isRecord =
    isJsonObject(json) && !isError(json) && ['id', ...selected].some((key) => Object.hasOwn(json, wireNameOf(key)));
  if (!isRecord) return failed("Truto's answer is not a record. Try again.");
  if (isIdValue(json.id) && !isSameId(json.id, key.id)) {
    // It answers another request. Later answers on the connection may do so too.
    if (attempt.kind === 'answer') attempt.disconnect();
    return failed("Truto's answer is another record. Try again.");
  }
  const read = readRecord(resource, json, selected, key);
  noteRecord(resource, json, read, true);
  return { kind: 'Found', ...read };
}

/** Reads one engagement: access, rules, one request. */
export async function readEngagement(
  key: TypedKey,
  options: ReadOptions<'engagements'>,
  ports: ReadPorts,
): Promise<FoundRecord<'engagements'> | Refusal> {
  if (!canAccess(options.caller, key.integratedAccountId)) return notGranted();
  const issues = [...checkKey(key), ...checkRawType(key), ...checkTrutoQuery(key, readPaths)];
  return issues.length > 0 ? refusedInput(issues) : readResource('engagements', key, options, ports);
}

/**
 * Reads the mark of deletion in a provider's own record: `is_deleted` of Copper and Pipedrive (v2), `active_flag` of Pipedrive (v1).
 * Undefined without a mark.
 */
export function readDeletedMark(remoteData: unknown): boolean | undefined {
  if (!isJsonObject(remoteData)) return undefined;
  const { is_deleted: isDeleted, active_flag: isActive, data } = remoteData;
  if (isDeleted === true || isActive === false) return true;
  if (isDeleted === false || isActive === true) return false;
  return readDeletedMark(data);
}

const noFields: ReadonlySet<WireField> = new Set();
const remoteDataOnly: ReadonlySet<WireField> = new Set<WireField>(['remote_data']);

/**
 * Reads an engagement whose delete may have been executed. A successful read proves that it exists only if the account's integration is
 * known not to soft-delete.
 */
export async function readAfterDelete(
  key: TypedKey,
  options: Omit<ReadOptions<'engagements'>, 'selected'>,
  ports: ReadPorts,
): Promise<SeenAfterDelete | Refusal> {
  const { caller, deadlineAt } = options;
  const { support } = await ports.findAccountIntegration(caller, key.integratedAccountId, deadlineAt);
  const integration = support.kind === 'supported' ? support.integration : undefined;
  const softDeletes = integration?.softDeletes === true;
  const found = await readEngagement(key, { ...options, selected: softDeletes ? remoteDataOnly : noFields }, ports);
  if (found.kind !== 'Found') return found;
  const isDeleted = softDeletes ? readDeletedMark(found.record.remote_data) : integration && false;
  if (isDeleted === undefined) return { kind: 'Unproven' };
  return { kind: isDeleted ? 'MarkedDeleted' : 'There' };
}

function checkPage(input: EngagementsInput): readonly Finding[] {
  const { integratedAccountId, first, after, filter, rawEngagementType } = input;
  const size = first ?? defaultPageSize;
  return [
    ...checkId(integratedAccountId, ['integratedAccountId']),
    ...(size >= 1 && size <= maxPageSize ? [] : [refusal(['first'], `It must be from 1 to ${maxPageSize}.`)]),
    ...checkText(after ?? '', ['after']),
    ...checkFilter(filter),
    ...checkRawType({ engagementType: filter.engagementType, rawEngagementType }),
    ...checkTrutoQuery(input, listPaths, filter),
  ];
}

/** Reads upstream's page, `{result, next_cursor}`. Items without an id are left out. */
function readPage(
  json: unknown,
  selected: ReadonlySet<WireField>,
  integratedAccountId: string,
): EngagementPage | Refusal {
  const { result, next_cursor: next, is_partial_response: isPartial } = isJsonObject(json) ? json : {};
  if (!Array.isArray(result)) return failed("Truto's answer is not a page. Try again.");
  const records = result
    .filter(isJsonObject)
    .map((item) => {
      const read = readRecord('engagements', item, selected, { id: '', integratedAccountId });
      noteRecord('engagements', item, read, true);
      return read.record;
    })
    .filter(({ id }) => id !== '');
  const nextCursor = typeof next === 'string' && next !== '' ? next : null;
  return { kind: 'Page', records, nextCursor, isPartial: isPartial === true || records.length < result.length };
}

/** Reads one page of an account's engagements: access, rules, one request. */
export async function readEngagements(
  input: EngagementsInput,
  { caller, selected, deadlineAt, hasCallerLeft }: ReadOptions<'engagements'>,
  { send, findAccountIntegration }: ReadPorts,
): Promise<EngagementPage | Refusal> {
  const { integratedAccountId } = input;
  if (!canAccess(caller, integratedAccountId)) return notGranted();
  const issues = checkPage(input);
  if (issues.length > 0) return refusedInput(issues);
  const request = buildListRequest(input, selected, caller.authorization.reveal());
  const tooLong = checkLength(request.path, input);
  if (tooLong.length > 0) return refusedInput(tooLong);
  const limits = limitedBy(caller, integratedAccountId);
  const { attempt } = await send(request, { deadlineAt, hasCallerLeft, limitedBy: limits });
  const answer = readJson(attempt, caller, listPaths);
  if (answer.kind === 'Json') return readPage(answer.json, selected, integratedAccountId);
  return settleNotFound(answer, { caller, integratedAccountId, deadlineAt }, findAccountIntegration);
}
