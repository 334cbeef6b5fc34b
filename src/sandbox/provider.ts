import type { EngagementType } from '../engagement/input.ts';
import type { PlainAnswer } from './answer.ts';
import type { Random } from './random.ts';
import type { EngagementRecord, RecordKind } from './records.ts';

/** What a CRM itself answers. Without `body`, nothing follows the headers. */
export type ProviderAnswer = Pick<PlainAnswer, 'status' | 'body'>;

/** A record as a CRM's own API shows it. */
export type RawRecord = Readonly<Record<string, unknown>>;

/** One imitated CRM. */
export interface Provider {
  /** The last digits of its account's id. Never reused and never changed: documents and callers have the ids. */
  readonly accountNumber: number;
  /** The types of its engagements where the table of integrations lists none: call, email, meeting and note unless it says otherwise. */
  readonly seededTypes?: readonly EngagementType[];
  /** Absent when the vendor documents no limit that Truto could pass on. */
  readonly rateLimit?: { readonly limit: number; readonly windowSeconds: number };
  /** How the CRM answers a delete. Absent when the integration cannot delete engagements. */
  readonly answerDelete?: (record: EngagementRecord) => ProviderAnswer;
  /** The unified fields that Truto's mapping makes of that answer; absent when there is nothing at all (a 204). */
  readonly mapDeleted?: (record: EngagementRecord) => object;
  /** True when kinds of record are numbered separately, so that a user, a contact and an account have the same id. */
  readonly numbersKindsAlike?: boolean;
  /** True when users can be listed but not read one by one. Upstream's lists for this and for projects are complete. */
  readonly lacksUserGet?: boolean;
  readonly hasProjects?: boolean;
  /** A new id in the CRM's own form. */
  readonly createId: (random: Random, kind: RecordKind) => string;
  /** `raw` and `remote_data` of a read. Field names are plausible, [inferred]. */
  readonly showEngagement: (record: EngagementRecord) => RawRecord;
  /** What a read of a deleted record shows, where that is not a 404. */
  readonly showDeleted?: (id: string) => RawRecord;
}

/** Characters that ids are made of. */
export const hex = '0123456789abcdef';

/** Characters that ids are made of. */
export const base62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Ids that are numbers within a range. */
export function numberBetween(min: number, max: number): Provider['createId'] {
  return (random) => String(random.integer(min, max));
}

/** Ids that are a fixed beginning and random characters. */
export function randomText(prefix: string, alphabet: string, length: number): Provider['createId'] {
  return (random) => `${prefix}${random.text(alphabet, length)}`;
}

/** The id as a number where the CRM's own JSON has numbers; ids that are no numbers (reserved ones) stay as they are. */
export function numericId(id: string): number | string {
  const number = Number(id);
  return Number.isSafeInteger(number) ? number : id;
}

/**
 * Shows a record by a mapping such as `id=#id title=subject status`: a name of the CRM's, `=`, the unified field, which may be
 * left out when it has the same name. A reference is shown as its id, a phone number as its digits, a list as its first item, an
 * absent field as null; `#` makes a number of it. `more` replaces and adds what is shown in other ways, `envelope` is put around it.
 */
export function mapFields(
  mapping: string,
  more: (record: EngagementRecord) => RawRecord = () => ({}),
  envelope: (shown: RawRecord, record: EngagementRecord) => RawRecord = (shown) => shown,
): Provider['showEngagement'] {
  const fields = mapping.split(/\s+/).map((part) => {
    const [name = '', source = name] = part.split('=');
    return { name, field: source.replace('#', ''), isNumber: source.startsWith('#') };
  });
  return (record) => {
    const shown: Record<string, unknown> = {};
    for (const { name, field, isNumber } of fields) {
      const value = simplify(Reflect.get(record, field));
      shown[name] = isNumber && typeof value === 'string' ? numericId(value) : value;
    }
    return envelope(Object.assign(shown, more(record)), record);
  };
}

function simplify(value: unknown): unknown {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'object' && first !== null
    ? (Reflect.get(first, 'number') ?? Reflect.get(first, 'id'))
    : (first ?? null);
}
