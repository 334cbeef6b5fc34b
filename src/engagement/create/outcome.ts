import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Attempt, Send, UpstreamAnswer } from '../../upstream/attempt.ts';
import { isJsonObject, isSameJson, readBody } from '../body.ts';
import { findErrorForm, isPage, isPageType, refusalForms, successStatuses } from '../delete/evidence.ts';
import { parseRateLimit, refusedByBody, unreadableFields, whyUnknown } from '../delete/outcome.ts';
import { readAnswer } from '../drift.ts';
import type { EngagementFilter } from '../input.ts';
import { type ReadOptions, type ReadPorts, readDeletedMark, readEngagements } from '../read.ts';
import {
  additionalFields,
  type EngagementRecord,
  isIdValue,
  isSameId,
  type ReadRecord,
  readRecord,
  wireNameOf,
} from '../record.ts';
import { nothingWas, notSent, readRefusal, readUpstreamError } from '../refusal.ts';
import { type FieldKind, resources, type WireField } from '../resources.ts';
import type { CreateEnd, CreateEngagementSuccess, OutcomeUnknownError, RateLimit, Refusal } from '../result.ts';
import { checkId } from '../rules.ts';
import type { OutcomeContext } from '../write.ts';
import {
  type CreateEngagementInput,
  commonFields,
  createPaths,
  givenTypeOf,
  identifies,
  sentFields,
  typeOf,
  type WritableField,
} from './input.ts';

/* What proves a create: its answer, or else a search for the engagement. */

/** What the end of a create is read with. */
export interface CreateContext extends OutcomeContext<CreateEngagementInput> {
  readonly selected: ReadonlySet<WireField>;
}

/** Maps the end of a sent create to the result's member. What proves neither a refusal nor a record is an unknown outcome. */
export function readCreateOutcome(attempt: Attempt, context: CreateContext): CreateEnd | Promise<CreateEnd> {
  if (attempt.kind === 'answer')
    return attempt.statusCode >= 200 && attempt.statusCode < 300
      ? readSuccess(attempt, context)
      : readRefused(attempt, context);
  if (!attempt.mayHaveBeenSent) return nothingCreated(notSent(attempt));
  return unknownCreate(context.upstreamIdempotencyKey, { why: whyUnknown(attempt.reason) });
}

/** Decides what a 2xx answer proves. Only a record with an id is a success; the first line that applies decides. */
function readSuccess(answer: UpstreamAnswer, context: CreateContext): CreateEnd {
  const { statusCode, headers } = answer;
  const body = readBody(answer.body);
  const unknown = (problem: string, rest: { isLikely?: boolean; rawResponse?: unknown } = {}) => {
    const why = `The answer has status ${statusCode}, but ${problem}`;
    return unknownCreate(context.upstreamIdempotencyKey, { why, statusCode, ...rest });
  };
  if (isPageType(headers['content-type'])) return unknown('its body is an HTML page, which Truto never sends');
  if (!successStatuses.has(statusCode)) return unknown('that status does not confirm the create');
  if (body.kind === 'unreadable') return unknown(`its body could not be read: ${body.why}`, { isLikely: true });
  if (body.kind === 'empty') return unknown('it has no body', { isLikely: true });
  if (body.kind !== 'json' || !isJsonObject(body.value)) return unknown('its body is not a JSON object');
  const json = body.value;
  const { remote_data: rawResponse } = json;
  const id = isIdValue(json.id) ? String(json.id) : '';
  // Only a create is answered with 201.
  const echo = statusCode === 201 ? 'same' : readEcho(json, context.input);
  if (isPage(json) || echo === 'other') {
    // Further answers on the connection may belong to other requests too.
    answer.disconnect();
    return unknown('it answers another request');
  }
  const form = context.integration?.refusalForm;
  const documented = form && isJsonObject(rawResponse) ? refusalForms[form](rawResponse, id) : undefined;
  if (documented?.kind === 'refused' && id === '') return nothingCreated({ ...refusedByBody(statusCode), rawResponse });
  const error = findErrorForm(json, id) ?? (documented ? 'the body of the provider reports a failure' : undefined);
  if (error) return unknown(error, { rawResponse });
  if (checkId(id, []).length > 0) return unknown('it names no id', { isLikely: true, rawResponse });
  if (echo === 'absent')
    return unknown(`it names ${id} without a value that was sent, so it may answer another request`, {
      isLikely: true,
    });
  if (statusCode !== 200 && statusCode !== 201)
    return unknown('that status does not confirm the create', { isLikely: true, rawResponse });
  const { input, selected } = context;
  const key = { id, integratedAccountId: input.integratedAccountId, ...givenTypeOf(input) };
  const read = readAnswer('POST', 'engagements', json, selected, key);
  return created(read, 'CREATED', context, parseRateLimit(headers));
}

async function readRefused(answer: UpstreamAnswer, context: CreateContext): Promise<CreateEnd> {
  const refused = readRefusal(answer, context.callerBroughtToken, createPaths);
  if (refused.kind === 'UnclearAnswer') return unknownCreate(context.upstreamIdempotencyKey, refused);
  const body = readBody(answer.body);
  const { rawResponse } = readUpstreamError(body.kind === 'json' ? body.value : undefined, createPaths);
  return nothingCreated(await context.settleNotFound(refused), rawResponse);
}

/** Puts "Nothing was created." before the message of a refusal. A 404 is about something that the new engagement refers to. */
export function nothingCreated(refused: Refusal, rawResponse?: unknown): CreateEnd {
  if (refused.kind !== 'NotFoundError') return nothingWas('created', refused);
  const account = refused.accountFound ? '' : ', or the integrated account';
  const message = `Nothing was created. A record that the engagement refers to was not found${account}. Check the ids.`;
  return { kind: 'RemoteApiError', message, statusCode: 404, rawResponse };
}

/** Creates the result for a create that was sent, with unknown effect. It is never safe to repeat. */
export function unknownCreate(
  upstreamIdempotencyKey: string,
  { why, isLikely, ...seen }: { why: string; isLikely?: boolean; statusCode?: number; rawResponse?: unknown },
): OutcomeUnknownError {
  const what = isLikely
    ? 'The engagement was most likely created, but that is not proved.'
    : 'The engagement may or may not have been created.';
  return {
    kind: 'OutcomeUnknownError',
    message: `${what} ${why}. Look for it in the CRM before you create it again.`,
    retrySafe: false,
    upstreamIdempotencyKey,
    lastStatusCode: seen.statusCode ?? null,
    rawResponse: seen.rawResponse,
    engagement: null,
  };
}

/** What was selected of a record that a search found: the search read more. A field without a value counts as absent. */
export function selectedOf(found: EngagementRecord, selected: ReadonlySet<WireField>): ReadRecord<'engagements'> {
  const isRead = (name: string) =>
    name === 'id' || selected.has(name as WireField) || !Object.hasOwn(resources.engagements, name);
  const absent = [...selected].filter(
    (field) => !Object.hasOwn(found, field) && (field as string) !== additionalFields,
  );
  return {
    record: Object.fromEntries(Object.entries(found).filter(([name]) => isRead(name))) as EngagementRecord,
    unreadable: [],
    absent: absent.map(wireNameOf) as WireField[],
  };
}

/** Creates the success for a record: from upstream's answer, or found by a search. */
export function created(
  { record, unreadable, absent }: ReadRecord<'engagements'>,
  outcome: CreateEngagementSuccess['outcome'],
  { input, integration, warnings }: CreateContext,
  rateLimit: RateLimit | null = null,
): CreateEngagementSuccess {
  const sent = new Set<WireField>(sentFields(input).map(([name]) => name));
  const unstored = absent.filter((field) => sent.has(field)).join(', ');
  const missing = absent.filter((field) => field !== 'id' && !sent.has(field)).join(', ');
  return {
    kind: 'CreateEngagementSuccess',
    createdEngagementId: record.id,
    outcome,
    engagement: record,
    integration,
    rateLimit,
    warnings: [
      ...warnings,
      ...unreadableFields(unreadable),
      ...(unstored && [
        `Truto's answer lacks values that were sent: ${unstored}. The provider may not store them. Read the engagement to see.`,
      ]),
      ...(missing && [`Truto's answer lacks ${missing}. Read the engagement to get them.`]),
    ],
  };
}

/** Whether a record has values that were sent: some, only others, or no such fields. Common values count only without others. */
function readEcho(json: Readonly<Record<string, unknown>>, input: CreateEngagementInput): 'same' | 'other' | 'absent' {
  const sent = sentFields(input);
  const key = { id: '', integratedAccountId: input.integratedAccountId };
  // Upstream's own JSON may have any form.
  const { record } = readRecord('engagements', json, new Set(sent.map(([field]) => field)), key);
  for (const fields of [sent.filter(identifies), sent.filter(([field]) => commonFields.has(field))]) {
    const found = fields.map((each) => hasSent(record, each));
    if (found.includes(true)) return 'same';
    if (found.includes(false)) return 'other';
  }
  return 'absent';
}

type Ids = readonly { readonly id: string }[];
type Phones = readonly { readonly number?: string | null }[];

function isSameText(sent: unknown, found: unknown): boolean {
  const [one, other] = [sent, found].map((value) => String(value).trim().toLowerCase());
  return (
    one === other || (/^\d{4}-\d\d-\d\d./.test(String(sent)) && Date.parse(String(sent)) === Date.parse(String(found)))
  );
}

const digits = ({ number }: Phones[number]) => number?.replace(/\D/g, '') ?? '';

/** How a sent value is recognized in a record: providers trim texts, and add references and custom fields of their own. */
const comparisons: Readonly<Partial<Record<FieldKind, (sent: never, found: never) => boolean>>> = {
  text: isSameText,
  reference: (sent: Ids[number], found: Ids[number]) => isSameId(sent.id, found.id),
  references: (sent: Ids, found: Ids) => sent.every(({ id }) => found.some((other) => isSameId(id, other.id))),
  phoneNumbers: (sent: Phones, found: Phones) =>
    sent.every((one) => found.some((other) => digits(one) === digits(other))),
  object: (sent: object, found: Readonly<Record<string, unknown>>) =>
    Object.entries(sent).every(([name, value]) => isSameJson(found[name], value)),
};

/** True when the record's field has the value that was sent. Undefined when the record lacks the field. */
export function hasSent(
  record: Readonly<Record<string, unknown>>,
  [field, sent]: readonly [WritableField, unknown],
): boolean | undefined {
  const found = record[field] ?? null;
  return found === null ? undefined : comparisons[resources.engagements[field].kind]?.(sent as never, found as never);
}

/** True when the record has another value than one that was sent: it is not the engagement of that create. */
export function contradicts(record: EngagementRecord, input: CreateEngagementInput): boolean {
  return sentFields(input).some((each) => hasSent(record, each) === false);
}

/** A create that this process has sent. */
interface SentCreate {
  readonly input: CreateEngagementInput;
  /** The caller's key of the create, if it has one. A restore's later search for it passes the same. */
  readonly key: string | undefined;
  /** When it ended, in milliseconds since the epoch. Infinity while it is in flight. */
  endedAtMs: number;
  /** The id of its engagement, once that is known. */
  newId?: string;
}

/** Longer than any create takes, with its search. */
const sentKeptMs = 10 * 60_000;
const maxSentCharacters = 64 * 1024 * 1024;
/** The creates that each connection sent lately, by names. What a search finds may be the engagement of another one. */
const sentLately = new WeakMap<Send, LRUCache<string, SentCreate>>();

function sentBy(given: Send): LRUCache<string, SentCreate> {
  const send = given.behind ?? given;
  const sizeCalculation = ({ input }: SentCreate) => JSON.stringify(input).length;
  const sent = sentLately.get(send) ?? new LRUCache({ ttl: sentKeptMs, maxSize: maxSentCharacters, sizeCalculation });
  sentLately.set(send, sent);
  return sent;
}

/** Notes that a create is about to be sent, for the searches of others. Returns how to note its end: the new id, null for none, undefined if not known. */
export function noteSent(
  input: CreateEngagementInput,
  send: Send,
  key: string | undefined,
): (newId: string | null | undefined) => void {
  const [name, creates] = [randomUUID(), sentBy(send)];
  const sent: SentCreate = { input, key, endedAtMs: Number.POSITIVE_INFINITY };
  creates.set(name, sent);
  return (newId) => {
    if (newId === null) return void creates.delete(name);
    sent.endedAtMs = Date.now();
    if (newId !== undefined) sent.newId = newId;
  };
}

/**
 * The result of a search for a created engagement. `One`: exactly one was created since, and has the values that were sent. `Unclear`: the
 * search proves nothing; `why` is a sentence, and `refused` says why it failed, if it did.
 */
export type CreatedSearch =
  | { readonly kind: 'One'; readonly record: EngagementRecord }
  | { readonly kind: 'None' }
  | { readonly kind: 'Unclear'; readonly why: string; readonly refused?: Refusal | undefined };

const unclear = (why: string, refused?: Refusal): CreatedSearch => ({ kind: 'Unclear', why, refused });
/** How many pages are searched at most. So many engagements are not created while a create waits for its answer. */
const maxPages = 3;
/** A longer subject is left out of the query: some servers cut it. */
const maxFilterCharacters = 200;
/** A time of creation later than this, in milliseconds, is by another clock, or not in UTC as it says. It proves nothing. */
const maxAheadMs = 1_000;

/** The filter that most integrations support best, and one with the least that they support. */
function filtersFor(input: CreateEngagementInput, sinceMs: number): readonly EngagementFilter[] {
  const { subject: sent, contact: contacts } = input.fields;
  const subject = sent && sent.length <= maxFilterCharacters ? sent : undefined;
  const contact = contacts?.[0]?.id;
  const least: EngagementFilter = { engagementType: typeOf(input), createdAt: { gt: new Date(sinceMs) } };
  return subject === undefined && contact === undefined ? [least] : [{ ...least, subject, contact }, least];
}

/**
 * Searches an account for an engagement with the values that were sent, created after that moment: a create whose answer was lost. Only
 * a search that saw all candidates proves something.
 * @param sinceMs the time of day just before the create was sent, in milliseconds since the epoch.
 * @param restoreKey the key of the create, if a restore sent it. Then values may be missing, as long as two that identify the engagement
 * are there: providers do not store all fields of a whole record.
 */
export async function findCreated(
  input: CreateEngagementInput,
  sinceMs: number,
  options: ReadOptions<'engagements'>,
  ports: ReadPorts,
  restoreKey?: string,
): Promise<CreatedSearch> {
  const { integratedAccountId, trutoQuery } = input;
  const sent = sentFields(input);
  const identifying = sent.filter(identifies);
  if (identifying.length === 0) return unclear('It was not searched for: no field that was sent identifies it.');
  const { support } = await ports.findAccountIntegration(options.caller, integratedAccountId, options.deadlineAt);
  const selected: ReadonlySet<WireField> = new Set([
    ...options.selected,
    ...sent.map(([field]) => field),
    'created_at',
    ...(support.integration?.softDeletes ? (['remote_data'] as const) : []),
  ]);
  const leastSame = restoreKey === undefined ? identifying.length : Math.min(2, identifying.length);
  const isSince = (createdAtMs: number) => createdAtMs >= sinceMs && createdAtMs <= Date.now() + maxAheadMs;
  const matches = (record: EngagementRecord) =>
    isSince(Date.parse(record.created_at ?? '')) &&
    readDeletedMark(record.remote_data) !== true &&
    // Some providers do not store all fields.
    !contradicts(record, input) &&
    identifying.filter((each) => hasSent(record, each)).length >= leastSame;
  /** Another create of this process, whose engagement may have been created since. */
  const isOther = (other: SentCreate) =>
    other.input !== input &&
    (restoreKey === undefined || other.key !== restoreKey) &&
    other.input.integratedAccountId === integratedAccountId &&
    other.endedAtMs >= sinceMs;
  let refused: Refusal | undefined;
  for (const filter of filtersFor(input, sinceMs)) {
    // By id: a list may show a record on two pages.
    const found = new Map<string, EngagementRecord>();
    let after: string | null = null;
    let isWhole = true;
    for (let pages = 0; pages < maxPages && (pages === 0 || after !== null); pages += 1) {
      const wanted = { integratedAccountId, first: 100, after, filter, trutoQuery };
      const page = await readEngagements(wanted, { ...options, selected }, ports);
      refused = page.kind === 'Page' ? undefined : page;
      if (page.kind !== 'Page') break;
      for (const record of page.records.filter(matches)) found.set(record.id, record);
      after = page.nextCursor;
      isWhole &&= !page.isPartial;
    }
    // Only a filter that the integration does not support is worth another search.
    if (refused?.kind === 'InvalidInputError' || refused?.kind === 'RemoteApiError') continue;
    if (refused) break;
    const others = [...sentBy(ports.send).values()].filter(isOther);
    for (const { newId } of others) found.delete(newId ?? '');
    const [record] = found.values();
    if (found.size > 1) return unclear(`A search found ${found.size} such engagements.`);
    if (after !== null || !isWhole) return unclear('A search could not look at all engagements.');
    if (!record) return { kind: 'None' };
    const isOfOther = others.some((other) => other.newId === undefined && !contradicts(record, other.input));
    return isOfOther ? unclear('A search found one that another create may have made.') : { kind: 'One', record };
  }
  return unclear(`A search for it failed (${refused?.kind}).`, refused);
}
