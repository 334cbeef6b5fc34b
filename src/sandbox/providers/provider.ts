import type { EngagementType } from '../../engagement/input.ts';
import type { Random } from '../random.ts';
import type { EngagementRecord } from '../record.ts';
import type { RecordKind } from '../record-kind.ts';

/**
 * Where a provider's facts come from is said beside each of them:
 * [vendor] the vendor's own documentation, [3rd] somebody else's copy of it, [inferred] reasoned, NOT FOUND nobody says.
 */

/** What a CRM itself answers. No `body` means that nothing follows the status line. */
export interface ProviderAnswer {
  readonly status: number;
  readonly body?: unknown;
}

/** Why a CRM refuses, before it is put into that CRM's own shape. */
export interface ProviderFailure {
  readonly statusCode: number;
  readonly message: string;
  /** Seconds; only with a 429. */
  readonly retryAfterSeconds?: number;
}

/** The requests that a CRM allows in one window. */
export interface ProviderRateLimit {
  readonly limit: number;
  readonly windowSeconds: number;
}

/** How a CRM answers a delete, and what Truto's unified mapping can make of that answer. */
export interface Deletion {
  answer(record: EngagementRecord): ProviderAnswer;
  /** The unified fields besides `remote_data`; undefined when nothing at all comes back (a 204). */
  map(record: EngagementRecord): Partial<EngagementRecord> | undefined;
}

/** One imitated CRM. */
export interface Provider {
  /** As in the table of integrations. */
  readonly label: string;
  /** The kinds of engagement it is seeded with. */
  readonly seededTypes: readonly EngagementType[];
  /** Absent when the vendor documents no limit that Truto could pass on. */
  readonly rateLimit?: ProviderRateLimit;
  /** Absent when the integration cannot delete engagements. */
  readonly deletion?: Deletion;
  /** Each kind of record has numbers of its own, so that a user, a contact and an account have one id. */
  readonly numbersKindsAlike?: boolean;
  /** A new id in the form this CRM uses for that kind of record. */
  createId(kind: RecordKind, random: Random): string;
  /** The record as the CRM's own API shows it: `raw` and `remote_data` of a read. Field names are plausible, [inferred]. */
  showEngagement(record: EngagementRecord): Readonly<Record<string, unknown>>;
  /** What a read of a deleted record shows, where that is not a 404. */
  showDeleted?(id: string): Readonly<Record<string, unknown>>;
  /** The CRM's own error body: JSON, or text. */
  describeFailure(failure: ProviderFailure): unknown;
}

/** The id as a number where the CRM's own JSON has numbers; ids that are no numbers (reserved ones) stay as they are. */
export function numericId(id: string): number | string {
  const number = Number(id);
  return Number.isSafeInteger(number) ? number : id;
}

/** The integration's mapping emits the id alone. */
export function mapIdOnly(record: EngagementRecord): Partial<EngagementRecord> {
  return { id: record.id };
}

/** The CRM's answer has a body, but nothing in it that the mapping could use, not even the id. */
export function mapNothing(): Partial<EngagementRecord> {
  return {};
}

/** The CRM's answer has no body and so neither has Truto's. */
export function mapNoBody(): undefined {
  return undefined;
}

/** For a CRM whose error body nobody documents: its text alone, since an invented JSON shape would teach the wrong thing. */
export function describeInPlainText(failure: ProviderFailure): string {
  return failure.message;
}
