import { z } from 'zod';

/** Text, or a number or boolean that a provider sent where text is documented. */
const text = z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]);

/** A record's own id: text that is not empty. */
const id = text.refine((value) => value !== '');

const optionalText = text.nullish();

/** Another record, named by its id. */
const reference = z.object({ id });

/** A thing with an id and a name that is no resource of its own. */
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

/** What the value of a field may be, by the kind of the field. */
export const shapes = {
  id,
  text,
  boolean: z.boolean(),
  int: z.int32(),
  float: z.number(),
  /** With an offset, to the second at least (RFC 3339 section 5.6): what GraphQL's DateTime can serve. */
  dateTime: z.iso.datetime({ offset: true }).refine((value) => /:\d\d:\d\d/.test(value)),
  /** An object of anything, such as custom fields. */
  object: z.record(z.string(), z.unknown()),
  /** Any value at all, such as the provider's own data. */
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

/** The value of a field of that kind, once it is read. */
export type ValueOf<Kind extends FieldKind> = z.output<(typeof shapes)[Kind]>;

/** True for a value that reading by its shape would not change. */
export type IsPlain = (value: unknown) => boolean;

const isString: IsPlain = (value) => typeof value === 'string';

const isPlainObject: IsPlain = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Object.hasOwn(value, '__proto__');

/** True for an object that has no other keys, each with text or null. */
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

/** A moment in UTC, to the second or the millisecond, on a day that every month has. */
const plainMoment = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{3})?Z$/;

/** True for most moments that upstream sends. */
export const isPlainMoment: IsPlain = (value) => typeof value === 'string' && plainMoment.test(value);

/** What most values of an engagement are. To see that costs a tenth of reading them by their shape. */
export const plainValues: Readonly<Partial<Record<FieldKind, IsPlain>>> = {
  text: isString,
  id: (value) => isString(value) && value !== '',
  reference: isPlainReference,
  references: isListOf(isPlainReference),
  dateTime: isPlainMoment,
  phoneNumbers: isListOf((value) => hasOnlyTexts(value, phoneNumber.shape)),
  object: isPlainObject,
  json: (value) => value !== null,
};
