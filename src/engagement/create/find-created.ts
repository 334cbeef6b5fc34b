import type { EngagementFilter } from '../input.ts';
import { type ReadOptions, type ReadPorts, readEngagements } from '../read.ts';
import { type EngagementRecord, isSameId } from '../record.ts';
import { resources, type WireField } from '../resources.ts';
import type { Refusal } from '../result.ts';
import type { FieldKind } from '../shapes.ts';
import { type CreateEngagementInput, commonFields, sentFields, typeOf, type WritableField } from './input.ts';

/** How many pages are searched at most. So many engagements are not created while a create waits for its answer. */
const maxPages = 3;

/** A longer subject is left out of the query: some servers cut it. */
const maxFilterCharacters = 200;

/** The result of a search for a created engagement. */
export type CreatedSearch =
  /** Exactly one engagement was created since, and has the values that were sent. */
  | { readonly kind: 'One'; readonly record: EngagementRecord }
  | { readonly kind: 'None' }
  /** The search proves nothing. `why` is a sentence. */
  | { readonly kind: 'Unclear'; readonly why: string };

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

/**
 * Searches an account for an engagement with the values that were sent, created after that moment: a create whose answer was lost. Only
 * a search that saw all candidates proves something.
 * @param sinceMs the time of day just before the create was sent, in milliseconds since the epoch.
 * @param mayLack true when a value may be missing, as long as two that identify the engagement are there, and no other value contradicts.
 */
export async function findCreated(
  input: CreateEngagementInput,
  sinceMs: number,
  options: ReadOptions<'engagements'>,
  ports: ReadPorts,
  mayLack = false,
): Promise<CreatedSearch> {
  const sent = sentFields(input);
  if (sent.every(([field]) => commonFields.has(field)))
    return { kind: 'Unclear', why: 'It was not searched for: no field that was sent identifies it.' };
  const selected: ReadonlySet<WireField> = new Set([
    ...options.selected,
    ...sent.map(([field]) => field),
    'created_at',
  ]);
  const identifying = sent.filter(([field]) => !commonFields.has(field));
  const leastSame = mayLack ? Math.min(2, identifying.length) : identifying.length;
  const matches = (record: EngagementRecord) =>
    Date.parse(record.created_at ?? '') >= sinceMs &&
    // Some providers do not store all fields.
    sent.every((each) => hasSent(record, each) !== false) &&
    identifying.filter((each) => hasSent(record, each)).length >= leastSame;
  let refused: Refusal | undefined;
  for (const filter of filtersFor(input, typeOf(input), sinceMs)) {
    const found: EngagementRecord[] = [];
    let after: string | null = null;
    let isWhole = true;
    for (let pages = 0; pages < maxPages && (pages === 0 || after !== null); pages += 1) {
      const { integratedAccountId } = input;
      const page = await readEngagements(
        { integratedAccountId, first: 100, after, filter },
        { ...options, selected },
        ports,
      );
      if (page.kind !== 'Page') {
        refused = page;
        break;
      }
      refused = undefined;
      found.push(...page.records.filter(matches));
      after = page.nextCursor;
      isWhole &&= !page.isPartial;
    }
    // Only a filter that the integration does not support is worth another search.
    if (refused?.kind === 'InvalidInputError' || refused?.kind === 'RemoteApiError') continue;
    if (refused) break;
    const [record] = found;
    if (found.length > 1) return { kind: 'Unclear', why: `A search found ${found.length} such engagements.` };
    if (after !== null || !isWhole) return { kind: 'Unclear', why: 'A search could not look at all engagements.' };
    return record ? { kind: 'One', record } : { kind: 'None' };
  }
  return { kind: 'Unclear', why: `A search for it failed (${refused?.kind}).` };
}
