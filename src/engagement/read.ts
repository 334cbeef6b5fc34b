import type { Send, UpstreamRequest } from '../upstream/attempt.ts';
import { type Caller, canAccess, type FindAccountIntegration, limitedBy, settleNotFound } from './account.ts';
import { isJsonObject, readBody } from './body.ts';
import { readAnswer } from './drift.ts';
import { type ArgumentPaths, defaultPageSize, type EngagementsInput, listPaths, readPaths } from './input.ts';
import {
  isIdValue,
  isSameId,
  type ReadRecord,
  type RecordKey,
  type Selection,
  type TypedKey,
  wireNameOf,
} from './record.ts';
import { isError, notGranted, notSent, readRefusal, refusedInput } from './refusal.ts';
import { buildListRequest, buildReadRequest } from './request.ts';
import type { Resource, WireField } from './resources.ts';
import { type Refusal, refusal } from './result.ts';
import { checkFilter, checkId, checkKey, checkLength, checkRawType, checkText, checkTrutoQuery } from './rules.ts';

/** Upstream's largest page size. */
const maxPageSize = 100;

/** The most notes of an engagement that are read before its delete. Upstream's largest answer could name a hundred thousand. */
const maxNotes = 10_000;

/** On whose behalf, and until when. */
export interface ReadBounds {
  readonly caller: Caller;
  /** The moment (by `performance.now()`) by which the result is due. */
  readonly deadlineAt: number;
  /** True once the client has disconnected. Then nothing further is sent. */
  readonly hasCallerLeft: () => boolean;
}

/** The options of a read. */
export interface ReadOptions<R extends Resource> extends ReadBounds {
  /** The fields to read. The request excludes the others. */
  readonly selected: ReadonlySet<WireField<R>>;
}

/** The services that a read needs. */
export interface ReadPorts {
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
}

/** The services that a snapshot needs. */
export interface SnapshotPorts extends ReadPorts {
  /** Reads one note, shared with other reads of the operation. @default one request per note */
  readonly readNote?: (key: RecordKey, fields: ReadonlySet<WireField<'notes'>>) => Promise<Found<'notes'>>;
}

/** A record that was found. */
export type FoundRecord<R extends Resource> = ReadRecord<R> & { readonly kind: 'Found' };

type Found<R extends Resource> = FoundRecord<R> | Refusal;

/** One page of engagements. `nextCursor` is null on the last. `isPartial`: some are missing, since upstream says so, or they have no id. */
export type EngagementPage = Extract<Awaited<ReturnType<typeof readEngagements>>, { kind: 'Page' }>;

const failed = (message: string): Refusal => ({ kind: 'UpstreamUnavailableError', message, wasSent: true });

/** Sends a `GET`. Returns the answer's JSON, or a refusal. */
async function readJson(
  request: UpstreamRequest,
  integratedAccountId: string,
  { caller, deadlineAt, hasCallerLeft }: ReadBounds,
  { send, findAccountIntegration }: ReadPorts,
  paths: ArgumentPaths,
): Promise<{ readonly kind: 'Json'; readonly json: unknown; readonly disconnect: () => void } | Refusal> {
  const limits = limitedBy(caller, integratedAccountId);
  const { attempt } = await send(request, { deadlineAt, hasCallerLeft, limitedBy: limits });
  if (attempt.kind === 'failure')
    return attempt.mayHaveBeenSent ? failed('Truto did not answer the read. Try again.') : notSent(attempt);
  if (attempt.statusCode !== 200) {
    const refused = readRefusal(attempt, caller.bringsToken, paths);
    if (refused.kind === 'UnclearAnswer') return failed(`${refused.why}. Try again.`);
    return settleNotFound(refused, { caller, integratedAccountId, deadlineAt }, findAccountIntegration);
  }
  const body = readBody(attempt.body);
  if (body.kind === 'json') return { kind: 'Json', json: body.value, disconnect: attempt.disconnect };
  const why = body.kind === 'unreadable' ? body.why : 'it is not JSON';
  return failed(`Truto's answer could not be read: ${why}. Try again.`);
}

/** Reads one record by `GET /unified/crm/{resource}/{id}`. The caller must check the key and the access before. */
export async function readResource<R extends Resource>(
  resource: R,
  key: TypedKey,
  options: ReadOptions<R>,
  ports: ReadPorts,
): Promise<Found<R>> {
  const { caller, selected } = options;
  const request = buildReadRequest(resource, key, selected, caller.authorization.reveal());
  const answer = await readJson(request, key.integratedAccountId, options, ports, readPaths);
  if (answer.kind !== 'Json') return answer;
  const { json, disconnect } = answer;
  const isRecord =
    isJsonObject(json) && !isError(json) && ['id', ...selected].some((key) => Object.hasOwn(json, wireNameOf(key)));
  if (!isRecord) return failed("Truto's answer is not a record. Try again.");
  if (isIdValue(json.id) && !isSameId(json.id, key.id)) {
    // It answers another request. Later answers on the connection may do so too.
    disconnect();
    return failed("Truto's answer is another record. Try again.");
  }
  return { kind: 'Found', ...readAnswer('GET', resource, json, selected, key) };
}

/** Reads one engagement: access, rules, one request. */
export async function readEngagement(
  key: TypedKey,
  options: ReadOptions<'engagements'>,
  ports: ReadPorts,
): Promise<Found<'engagements'>> {
  if (!canAccess(options.caller, key.integratedAccountId)) return notGranted();
  const issues = [...checkKey(key), ...checkRawType(key), ...checkTrutoQuery(key, readPaths)];
  return issues.length > 0 ? refusedInput(issues) : readResource('engagements', key, options, ports);
}

/**
 * Reads the selected fields of an engagement before its delete, and of its notes, which may be deleted with it. A failed read is a
 * refusal of the delete. A note that is already gone does not matter.
 */
export async function takeSnapshot(
  key: TypedKey,
  { caller, selection, deadlineAt, hasCallerLeft }: ReadBounds & { readonly selection: Selection },
  ports: SnapshotPorts,
): Promise<Found<'engagements'>> {
  const bounds = { caller, deadlineAt, hasCallerLeft };
  const { fields, noteFields } = selection;
  const found = await readResource('engagements', key, { ...bounds, selected: fields }, ports);
  if (found.kind !== 'Found' || !found.record.notes || noteFields.size === 0) return found;
  const { integratedAccountId } = key;
  const { notes } = found.record;
  if (notes.length > maxNotes) return failed(`It has ${notes.length} notes. At most ${maxNotes} are read.`);
  const readNote: SnapshotPorts['readNote'] =
    ports.readNote ?? ((note) => readResource('notes', note, { ...bounds, selected: noteFields }, ports));
  const read = await Promise.all(notes.map(({ id }) => readNote({ id, integratedAccountId }, noteFields)));
  const refused = read.find((note) => note.kind !== 'Found' && note.kind !== 'NotFoundError');
  if (refused) return refused;
  const kept = notes.map(({ id }, index) => ({ id, kept: read[index] }));
  return { ...found, record: { ...found.record, notes: kept } };
}

/** Reads a provider's mark of deletion: `is_deleted` of Copper and Pipedrive (v2), `active_flag` of Pipedrive (v1). Undefined without one. */
export function readDeletedMark(remoteData: unknown): boolean | undefined {
  if (!isJsonObject(remoteData)) return undefined;
  const { is_deleted: isDeleted, active_flag: isActive, data } = remoteData;
  if (isDeleted === true || isActive === false) return true;
  return isDeleted === false || isActive === true ? false : readDeletedMark(data);
}

// Always the same sets: what a selection means is derived once for each.
const noFields: ReadonlySet<WireField> = new Set();
const remoteDataOnly: ReadonlySet<WireField> = new Set<WireField>(['remote_data']);

/**
 * Reads an engagement whose delete may have been executed. `MarkedDeleted`: the provider's own record is marked as deleted. `There`: it is
 * not deleted, or not yet. `Unproven`: it can be read, but deleted engagements may be readable too.
 */
export async function readAfterDelete(key: TypedKey, options: ReadBounds, ports: ReadPorts) {
  const { caller, deadlineAt } = options;
  const { support } = await ports.findAccountIntegration(caller, key.integratedAccountId, deadlineAt);
  const softDeletes = support.integration?.softDeletes;
  const selected = softDeletes ? remoteDataOnly : noFields;
  const found = await readEngagement(key, { ...options, selected }, ports);
  if (found.kind !== 'Found') return found;
  if (!softDeletes) return support.kind === 'supported' ? 'There' : 'Unproven';
  const isDeleted = readDeletedMark(found.record.remote_data);
  return isDeleted === undefined ? 'Unproven' : isDeleted ? 'MarkedDeleted' : 'There';
}

/** Reads one page of an account's engagements: access, rules, one request. Items without an id are left out. */
export async function readEngagements(input: EngagementsInput, options: ReadOptions<'engagements'>, ports: ReadPorts) {
  const { integratedAccountId, after, filter, rawEngagementType } = input;
  const { caller, selected } = options;
  if (!canAccess(caller, integratedAccountId)) return notGranted();
  const size = input.first ?? defaultPageSize;
  const issues = [
    ...checkId(integratedAccountId, ['integratedAccountId']),
    ...(size >= 1 && size <= maxPageSize ? [] : [refusal(['first'], `It must be from 1 to ${maxPageSize}.`)]),
    ...checkText(after ?? '', ['after']),
    ...checkFilter(filter),
    ...checkRawType({ engagementType: filter.engagementType, rawEngagementType }),
    ...checkTrutoQuery(input, listPaths, filter),
  ];
  if (issues.length > 0) return refusedInput(issues);
  const request = buildListRequest(input, selected, caller.authorization.reveal());
  const tooLong = checkLength(request.path, input);
  if (tooLong.length > 0) return refusedInput(tooLong);
  const answer = await readJson(request, integratedAccountId, options, ports, listPaths);
  if (answer.kind !== 'Json') return answer;
  const { result, next_cursor: next, is_partial_response: isPartial } = isJsonObject(answer.json) ? answer.json : {};
  const isLast = (next ?? '') === '';
  // Only a known end may count as one: the list would look complete.
  if (!Array.isArray(result) || !(isLast || isIdValue(next))) return failed("Truto's answer is not a page. Try again.");
  const key = { id: '', integratedAccountId, engagementType: filter.engagementType, rawEngagementType };
  const records = result
    .filter(isJsonObject)
    .map((item) => readAnswer('GET', 'engagements', item, selected, key).record);
  const named = records.filter(({ id }) => id !== '');
  const nextCursor = isLast ? null : String(next);
  const isWhole = !isPartial && named.length === result.length;
  return { kind: 'Page', records: named, nextCursor, isPartial: !isWhole } as const;
}
