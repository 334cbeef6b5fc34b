import { type Caller, limitedBy, mayTouch } from '../access.ts';
import { settleNotFound } from '../account.ts';
import { isJsonObject } from '../body.ts';
import { readDeletedMark } from '../delete/evidence.ts';
import { type Finding, refusal } from '../finding.ts';
import type { EngagementType } from '../input.ts';
import { type EngagementRecord, type RecordKey, readRecord } from '../record.ts';
import { notGranted, type Refusal, refusedInput } from '../refusal.ts';
import { buildListRequest } from '../request.ts';
import type { WireField } from '../resources.ts';
import { checkLength } from '../rules.ts';
import { checkId, checkText } from '../text-rules.ts';
import { checkFilter, type EngagementFilter, type EngagementOrder } from './filter.ts';
import { type FoundRecord, type ReadPorts, readJson, readResource } from './read-record.ts';

/** Upstream's own default for the size of a page. */
export const defaultPageSize = 25;

/** Upstream's own limit for it. */
const maxPageSize = 100;

/** Which page of which engagements. */
export interface EngagementsInput {
  readonly integratedAccountId: string;
  /** 1 to 100. @default 25 */
  readonly first?: number | null | undefined;
  /** Upstream's cursor of the page; absent for the first one. */
  readonly after?: string | null | undefined;
  readonly filter: EngagementFilter;
  readonly order?: EngagementOrder | undefined;
}

/** What a read is done with. */
export interface ReadEngagementOptions {
  readonly caller: Caller;
  readonly selected: ReadonlySet<WireField>;
  /** The moment (by `performance.now()`) by which it must be there. */
  readonly deadlineAt: number;
  /** True once nobody waits for it: then it is not begun. */
  readonly hasCallerLeft: () => boolean;
}

/** One page of engagements. */
export interface EngagementPage {
  readonly kind: 'Page';
  readonly records: readonly EngagementRecord[];
  /** Upstream's cursor of the next page; null at the end. */
  readonly nextCursor: string | null;
  /** Some are left out: upstream says so, or they have no id. */
  readonly isPartial: boolean;
}

/**
 * Reads one engagement: access, rules, one request.
 */
export async function readEngagement(
  key: RecordKey & { readonly engagementType?: EngagementType | null | undefined },
  options: ReadEngagementOptions,
  ports: ReadPorts,
): Promise<FoundRecord<'engagements'> | Refusal> {
  if (!mayTouch(options.caller, key.integratedAccountId)) return notGranted();
  const issues = [...checkId(key.id, ['id']), ...checkId(key.integratedAccountId, ['integratedAccountId'])];
  if (issues.length > 0) return refusedInput(issues);
  return readResource('engagements', key, { ...options, engagementType: key.engagementType }, ports);
}

/** What a read shows of an engagement whose delete may have been carried out. */
export type SeenAfterDelete =
  /** The provider's own record says that it is deleted. */
  | { readonly kind: 'MarkedDeleted' }
  /** It was not deleted, or not yet. */
  | { readonly kind: 'There' }
  /** It can be read, which proves nothing: deleted ones may be readable too. */
  | { readonly kind: 'Unproven' };

const nothing: ReadonlySet<WireField> = new Set();
const remoteDataOnly: ReadonlySet<WireField> = new Set<WireField>(['remote_data']);

/**
 * Reads an engagement whose delete may have been carried out. That it can be read only counts where the account's integration is
 * known to keep no deleted ones readable.
 */
export async function readAfterDelete(
  key: RecordKey & { readonly engagementType?: EngagementType | null | undefined },
  options: Omit<ReadEngagementOptions, 'selected'>,
  ports: ReadPorts,
): Promise<SeenAfterDelete | Refusal> {
  const { caller, deadlineAt } = options;
  const { support } = await ports.findAccountIntegration(caller, key.integratedAccountId, deadlineAt);
  const integration = support.kind === 'supported' ? support.integration : undefined;
  const keepsDeleted = integration?.keepsDeletedReadable === true;
  const found = await readEngagement(key, { ...options, selected: keepsDeleted ? remoteDataOnly : nothing }, ports);
  if (found.kind !== 'Found') return found;
  const isDeleted = keepsDeleted ? readDeletedMark(found.record.remote_data) : integration && false;
  if (isDeleted === undefined) return { kind: 'Unproven' };
  return { kind: isDeleted ? 'MarkedDeleted' : 'There' };
}

function checkPage({ integratedAccountId, first, after, filter }: EngagementsInput): readonly Finding[] {
  const isPageSize = first === null || first === undefined || (first >= 1 && first <= maxPageSize);
  return [
    ...checkId(integratedAccountId, ['integratedAccountId']),
    ...(isPageSize ? [] : [refusal(['first'], `It must be from 1 to ${maxPageSize}.`)]),
    ...checkText(after ?? '', ['after']),
    ...checkFilter(filter),
  ];
}

/** Upstream's page is `{result, next_cursor}`; an item without an id is nothing that could be named, and is left out. */
function readPage(
  json: unknown,
  selected: ReadonlySet<WireField>,
  integratedAccountId: string,
): EngagementPage | Refusal {
  const { result, next_cursor: next, is_partial_response: isPartial } = isJsonObject(json) ? json : {};
  if (!Array.isArray(result)) return { kind: 'UpstreamUnavailableError', message: "Upstream's answer is not a page." };
  const records = result
    .filter(isJsonObject)
    .map((item) => readRecord('engagements', item, selected, { id: '', integratedAccountId }).record)
    .filter(({ id }) => id !== '');
  const nextCursor = typeof next === 'string' && next !== '' ? next : null;
  return { kind: 'Page', records, nextCursor, isPartial: isPartial === true || records.length < result.length };
}

/**
 * Reads one page of an account's engagements: access, rules, one request.
 */
export async function readEngagements(
  input: EngagementsInput,
  { caller, selected, deadlineAt, hasCallerLeft }: ReadEngagementOptions,
  { send, findAccountIntegration }: ReadPorts,
): Promise<EngagementPage | Refusal> {
  const { integratedAccountId } = input;
  if (!mayTouch(caller, integratedAccountId)) return notGranted();
  const issues = checkPage(input);
  if (issues.length > 0) return refusedInput(issues);
  const request = buildListRequest(
    { ...input, limit: input.first ?? defaultPageSize },
    selected,
    caller.authorization.reveal(),
  );
  const tooLong = checkLength(request.path, ['filter']);
  if (tooLong.length > 0) return refusedInput(tooLong);
  const limits = limitedBy(caller, integratedAccountId);
  const { attempt } = await send(request, { deadlineAt, hasCallerLeft, limitedBy: limits });
  const answer = readJson(attempt, caller);
  if (answer.kind === 'Json') return readPage(answer.json, selected, integratedAccountId);
  return settleNotFound(answer, { caller, integratedAccountId, deadlineAt }, findAccountIntegration);
}
