import { z } from 'zod';

/** Text, or a number or boolean that a provider sent where text is documented. */
const text = z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]);
const reference = z.object({ id: text });
const references = z.array(reference);
const phoneNumbers = z.array(
  z.object({ id: text.nullish(), number: text.nullish(), extension: text.nullish(), type: text.nullish() }),
);
const dateTime = z.iso.datetime({ offset: true });
const object = z.record(z.string(), z.unknown());

/** Upstream's documented response fields, by their wire names, each with what its value may be. Seed: "Response body". */
const shapes = {
  id: text.refine((id) => id !== ''),
  owner: reference,
  content: text,
  subject: text,
  direction: text,
  engagement_type: text,
  internal_notes: text,
  notes: references,
  status: text,
  start_time: text,
  end_time: text,
  duration: text,
  project: reference,
  account: reference,
  contact: references,
  opportunity: references,
  lead: references,
  phone_numbers: phoneNumbers,
  custom_fields: object,
  created_at: dateTime,
  updated_at: dateTime,
  remote_data: z.unknown(),
};

/** The wire name of a response field. */
export type WireField = keyof typeof shapes;

/** Every response field's wire name. */
export const wireFields = Object.keys(shapes) as readonly WireField[];

/**
 * The fields upstream may be told to leave out one by one: all but the id, and `remote_data`, which has a switch of its
 * own. These are 20: a qs-like parser makes an object of a list that is longer, and would lose the exclusion.
 */
export const excludableWireFields = wireFields.filter((field) => field !== 'id' && field !== 'remote_data');

/** An engagement as upstream sends it; GraphQL fields read from it directly. The id is always there. */
export type EngagementRecord = { readonly id: string } & {
  readonly [Field in Exclude<WireField, 'id'>]?: z.output<(typeof shapes)[Field]> | null;
};

/** A phone number of a record. */
export type PhoneNumberRecord = z.output<typeof phoneNumbers>[number];

/**
 * Reads the selected fields of an engagement out of upstream's JSON. A value that is not what the documentation says
 * costs that field and is told in a warning; nothing here throws.
 * @param requestedId stands in when the answer has no id.
 */
export function readRecord(
  json: Readonly<Record<string, unknown>>,
  selected: Iterable<WireField>,
  requestedId: string,
): { readonly record: EngagementRecord; readonly warnings: readonly string[] } {
  const record: Record<string, unknown> = { id: requestedId };
  const warnings: string[] = [];
  for (const field of new Set<WireField>(['id', ...selected])) {
    const value = Object.hasOwn(json, field) ? json[field] : null;
    if (value === null || value === undefined) continue;
    const read = shapes[field].safeParse(value);
    if (read.success) record[field] = read.data;
    else warnings.push(`Upstream's ${field} is not of the documented form, so it was left out.`);
  }
  return { record: record as EngagementRecord, warnings };
}
