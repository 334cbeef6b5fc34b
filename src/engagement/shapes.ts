import { z } from 'zod';

/** Text. A provider may send a number or a boolean instead. */
const text = z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]);

/** The id of a record: text that is not empty. */
const id = text.refine((value) => value !== '');

const optionalText = text.nullish();

/** A reference to another record. */
const reference = z.object({ id });

/** An id and a name, for values that are not resources: tags and stages. */
const named = z.object({ id: optionalText, name: optionalText });

const phoneNumber = z.object({ id: optionalText, number: optionalText, extension: optionalText, type: optionalText });

const address = z.object({
  id: optionalText,
  street_1: optionalText,
  street_2: optionalText,
  city: optionalText,
  state: optionalText,
  postal_code: optionalText,
  country: optionalText,
  type: optionalText,
});

/** The shape of a field's value, by the kind of the field. */
export const shapes = {
  id,
  text,
  texts: z.array(text),
  boolean: z.boolean(),
  int: z.int32(),
  float: z.number(),
  /** With an offset, at least to the second (RFC 3339 section 5.6), as GraphQL's DateTime requires. */
  dateTime: z.iso.datetime({ offset: true }).refine((value) => /:\d\d:\d\d/.test(value)),
  /** Any object, such as custom fields. */
  object: z.record(z.string(), z.unknown()),
  /** Any value, such as the provider's own data. */
  json: z.unknown(),
  phoneNumbers: z.array(phoneNumber),
  emailAddresses: z.array(z.object({ email: optionalText, type: optionalText })),
  addresses: z.array(address),
  urls: z.array(z.object({ url: optionalText, type: optionalText })),
  tags: z.array(named),
  stage: named,
  reference,
  references: z.array(reference),
};

/** The kinds of fields. */
export type FieldKind = keyof typeof shapes;

/** The parsed value of a field of that kind. */
export type ValueOf<Kind extends FieldKind> = z.output<(typeof shapes)[Kind]>;

/** True for a value that parsing by its shape would not change. */
export type IsPlain = (value: unknown) => boolean;

const isString: IsPlain = (value) => typeof value === 'string';

const isPlainObject: IsPlain = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Object.hasOwn(value, '__proto__');

/** True for an object that has only these keys, with text or null. */
function hasOnlyTexts(value: unknown, keys: object): boolean {
  if (!isPlainObject(value)) return false;
  for (const key in value as object) {
    const member = (value as Record<string, unknown>)[key];
    if (!Object.hasOwn(keys, key) || !(member === null || typeof member === 'string')) return false;
  }
  return true;
}

const isPlainReference: IsPlain = (value) =>
  hasOnlyTexts(value, reference.shape) && Boolean((value as { id?: string }).id);

const isListOf =
  (isItem: IsPlain): IsPlain =>
  (value) =>
    Array.isArray(value) && value.every(isItem);

/** A moment in UTC, to the second or the millisecond, on a day that exists in every month. */
const plainMoment = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{3})?Z$/;

/** True for most moments that upstream sends. */
export const isPlainMoment: IsPlain = (value) => typeof value === 'string' && plainMoment.test(value);

/** Fast checks that most values pass. They cost a tenth of parsing by shape. */
export const plainValues: Readonly<Partial<Record<FieldKind, IsPlain>>> = {
  text: isString,
  texts: isListOf(isString),
  id: (value) => isString(value) && value !== '',
  reference: isPlainReference,
  references: isListOf(isPlainReference),
  dateTime: isPlainMoment,
  phoneNumbers: isListOf((value) => hasOnlyTexts(value, phoneNumber.shape)),
  object: isPlainObject,
  json: (value) => value !== null,
};
