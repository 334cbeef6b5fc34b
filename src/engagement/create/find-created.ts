import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Send } from '../../upstream/attempt.ts';
import type { EngagementFilter } from '../input.ts';
import { type ReadOptions, type ReadPorts, readDeletedMark, readEngagements } from '../read.ts';
import { type EngagementRecord, isSameId } from '../record.ts';
import { resources, type WireField } from '../resources.ts';
import type { Refusal } from '../result.ts';
import type { FieldKind } from '../shapes.ts';
import { type CreateEngagementInput, identifies, sentFields, typeOf, type WritableField } from './input.ts';

/** How many pages are searched at most. So many engagements are not created while a create waits for its answer. */
const maxPages = 3;

/** A longer subject is left out of the query: some servers cut it. */
const maxFilterCharacters = 200;

/** A time of creation later than this, in milliseconds, is by another clock, or not in UTC as it says. It proves nothing. */
const maxAheadMs = 1_000;

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

/**
 * Notes that a create is about to be sent. Searches for others then know that they may find its engagement.
 * @param key see {@link SentCreate.key}.
 * @returns how to note its end: the id of its engagement, null if there is none, undefined if that is not known.
 */
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

/** The result of a search for a created engagement. */
export type CreatedSearch =
  /** Exactly one engagement was created since, and has the values that were sent. */
  | { readonly kind: 'One'; readonly record: EngagementRecord }
  | { readonly kind: 'None' }
  /** The search proves nothing. `why` is a sentence. `refused`: why it failed, if it did. */
  | { readonly kind: 'Unclear'; readonly why: string; readonly refused?: Refusal | undefined };

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
    Object.entries(sent).every(([name, value]) => JSON.stringify(found[name]) === JSON.stringify(value)),
};

/** True when the record's field has the value that was sent. Undefined when the record lacks the field. */
export function hasSent(
  record: Readonly<Record<string, unknown>>,
  [field, sent]: readonly [WritableField, unknown],
): boolean | undefined {
  const found = record[field] ?? null;
  return found === null ? undefined : comparisons[resources.engagements[field].kind]?.(sent as never, found as never);
}

/** The filter that most integrations support best, and one with the least that they support. */
function filtersFor({ fields }: CreateEngagementInput, type: EngagementFilter['engagementType'], sinceMs: number) {
  const createdAt = { gt: new Date(sinceMs) };
  const subject = fields.subject && fields.subject.length <= maxFilterCharacters ? fields.subject : undefined;
  const contact = fields.contact?.[0]?.id;
  const least: EngagementFilter = { engagementType: type, createdAt };
  return subject === undefined && contact === undefined ? [least] : [{ ...least, subject, contact }, least];
}

/** True when the record has another value than one that was sent: it is not the engagement of that create. */
export function contradicts(record: EngagementRecord, input: CreateEngagementInput): boolean {
  return sentFields(input).some((each) => hasSent(record, each) === false);
}

/** The provider's own data, where it marks deleted engagements. */
async function marksOfDeletion(
  { integratedAccountId }: CreateEngagementInput,
  { caller, deadlineAt }: ReadOptions<'engagements'>,
  { findAccountIntegration }: ReadPorts,
): Promise<readonly WireField[]> {
  const { support } = await findAccountIntegration(caller, integratedAccountId, deadlineAt);
  return support.kind === 'supported' && support.integration.softDeletes ? ['remote_data'] : [];
}

/** The other creates of this process whose engagement may have been created since. */
function othersSent(
  input: CreateEngagementInput,
  sinceMs: number,
  send: Send,
  key: string | undefined,
): readonly SentCreate[] {
  const { integratedAccountId } = input;
  return [...sentBy(send).values()].filter(
    (other) =>
      other.input !== input &&
      (key === undefined || other.key !== key) &&
      other.input.integratedAccountId === integratedAccountId &&
      other.endedAtMs >= sinceMs,
  );
}

/**
 * Searches an account for an engagement with the values that were sent, created after that moment: a create whose answer was lost. Only
 * a search that saw all candidates proves something.
 * @param sinceMs the time of day just before the create was sent, in milliseconds since the epoch.
 * @param mayLack true when a value may be missing, as long as two that identify the engagement are there, and no other value contradicts.
 * @param key that of the create, if it was sent by an earlier call.
 */
export async function findCreated(
  input: CreateEngagementInput,
  sinceMs: number,
  options: ReadOptions<'engagements'>,
  ports: ReadPorts,
  mayLack = false,
  key?: string,
): Promise<CreatedSearch> {
  const sent = sentFields(input);
  const identifying = sent.filter(identifies);
  if (identifying.length === 0)
    return { kind: 'Unclear', why: 'It was not searched for: no field that was sent identifies it.' };
  const selected: ReadonlySet<WireField> = new Set([
    ...options.selected,
    ...sent.map(([field]) => field),
    'created_at',
    ...(await marksOfDeletion(input, options, ports)),
  ]);
  const leastSame = mayLack ? Math.min(2, identifying.length) : identifying.length;
  const isSince = (createdAtMs: number) => createdAtMs >= sinceMs && createdAtMs <= Date.now() + maxAheadMs;
  const matches = (record: EngagementRecord) =>
    isSince(Date.parse(record.created_at ?? '')) &&
    readDeletedMark(record.remote_data) !== true &&
    // Some providers do not store all fields.
    !contradicts(record, input) &&
    identifying.filter((each) => hasSent(record, each)).length >= leastSame;
  let refused: Refusal | undefined;
  for (const filter of filtersFor(input, typeOf(input), sinceMs)) {
    // By id: a list may show a record on two pages.
    const found = new Map<string, EngagementRecord>();
    let after: string | null = null;
    let isWhole = true;
    for (let pages = 0; pages < maxPages && (pages === 0 || after !== null); pages += 1) {
      const { integratedAccountId, trutoQuery } = input;
      const page = await readEngagements(
        { integratedAccountId, first: 100, after, filter, trutoQuery },
        { ...options, selected },
        ports,
      );
      if (page.kind !== 'Page') {
        refused = page;
        break;
      }
      refused = undefined;
      for (const record of page.records.filter(matches)) found.set(record.id, record);
      after = page.nextCursor;
      isWhole &&= !page.isPartial;
    }
    // Only a filter that the integration does not support is worth another search.
    if (refused?.kind === 'InvalidInputError' || refused?.kind === 'RemoteApiError') continue;
    if (refused) break;
    const others = othersSent(input, sinceMs, ports.send, key);
    for (const { newId } of others) found.delete(newId ?? '');
    const [record] = found.values();
    if (found.size > 1) return { kind: 'Unclear', why: `A search found ${found.size} such engagements.` };
    if (after !== null || !isWhole) return { kind: 'Unclear', why: 'A search could not look at all engagements.' };
    if (!record) return { kind: 'None' };
    const isOfOther = others.some((other) => other.newId === undefined && !contradicts(record, other.input));
    return isOfOther
      ? { kind: 'Unclear', why: 'A search found one that another create may have made.' }
      : { kind: 'One', record };
  }
  return { kind: 'Unclear', why: `A search for it failed (${refused?.kind}).`, refused };
}
