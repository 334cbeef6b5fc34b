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
