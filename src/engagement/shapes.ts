import { z } from 'zod';

/** Text, or a number or boolean that a provider sent where text is documented. */
export const text = z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]);

/** A record's own id: text that is not empty. */
export const identifier = text.refine((id) => id !== '');

/** Another record, named by its id. */
export const reference = z.object({ id: identifier });

/** Other records, named by their ids. */
export const references = z.array(reference);

/** A date-time with an offset, to the second at least (RFC 3339 section 5.6): what GraphQL's DateTime can serve. */
export const dateTime = z.iso.datetime({ offset: true }).refine((value) => /:\d\d:\d\d/.test(value));

/** Any value at all, such as the provider's own data. */
export const anything = z.unknown();

/** An object of anything, such as custom fields. */
export const object = z.record(z.string(), z.unknown());

const optionalText = text.nullish();

/** Phone numbers of an engagement or a record. */
export const phoneNumbers = z.array(
  z.object({ id: optionalText, number: optionalText, extension: optionalText, type: optionalText }),
);

/** Email addresses of a person. */
export const emailAddresses = z.array(z.object({ email: optionalText, type: optionalText }));

/** Postal addresses. */
export const addresses = z.array(
  z.object({
    id: optionalText,
    street_1: optionalText,
    street_2: optionalText,
    city: optionalText,
    state: optionalText,
    postal_code: optionalText,
    country: optionalText,
    type: optionalText,
  }),
);

/** Web addresses. */
export const urls = z.array(z.object({ url: optionalText, type: optionalText }));

/** A thing with an id and a name that is no resource of its own: a stage, a tag. */
export const named = z.object({ id: optionalText, name: optionalText });

/** Tags of a record. */
export const tags = z.array(named);

/** Tells that a value is of a shape, and that reading it by that shape would change nothing. */
export type IsPlain = (value: unknown) => boolean;

const isPlainObject: IsPlain = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Object.hasOwn(value, '__proto__');

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

/** An object of these keys at most, each of text or null. */
function hasOnlyTexts(value: unknown, keys: ReadonlySet<string>): boolean {
  if (!isPlainObject(value)) return false;
  for (const key in value as object) {
    if (!keys.has(key) || !isTextOrNull((value as Record<string, unknown>)[key])) return false;
  }
  return true;
}

const idAlone = new Set(['id']);
const phoneNumberKeys = new Set(Object.keys(phoneNumbers.element.shape));

const isPlainReference: IsPlain = (value) => hasOnlyTexts(value, idAlone) && Boolean((value as { id?: string }).id);
const isPlainPhoneNumber: IsPlain = (value) => hasOnlyTexts(value, phoneNumberKeys);
const isListOf =
  (isItem: IsPlain): IsPlain =>
  (value) =>
    Array.isArray(value) && value.every(isItem);

/** A moment in UTC, to the second or the millisecond, on a day that every month has. */
const plainMoment = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{3})?Z$/;

/** True for most moments that upstream sends: there is nothing to be read into them. */
export const isPlainMoment: IsPlain = (value) => typeof value === 'string' && plainMoment.test(value);

/**
 * What most values of an engagement are, by their shape. To see that costs a tenth of what it takes to read them by the
 * shape: that is for values that are otherwise, and for shapes that are not here.
 */
export const plainValues: ReadonlyMap<z.ZodType, IsPlain> = new Map<z.ZodType, IsPlain>([
  [text, (value) => typeof value === 'string'],
  [identifier, (value) => typeof value === 'string' && value !== ''],
  [reference, isPlainReference],
  [references, isListOf(isPlainReference)],
  [dateTime, isPlainMoment],
  [phoneNumbers, isListOf(isPlainPhoneNumber)],
  [object, isPlainObject],
  [anything, (value) => value !== null],
]);
