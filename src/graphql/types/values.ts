import { GraphQLError, GraphQLScalarType } from 'graphql';
import type {
  EngagementFilter as Filter,
  ResponseFormat as Format,
  EngagementSort as Sort,
  EngagementType as Type,
} from '../../engagement/input.ts';
import { isPlainMoment, shapes, type ValueOf } from '../../engagement/resources.ts';
import type { CreateOutcome, DeleteOutcome as Outcome } from '../../engagement/result.ts';
import { builder, enumOf, objectType } from '../core/builder.ts';

/** Parses a date-time with an offset, also in lower case (RFC 3339), or a `Date` of a program. */
function parseDateTime(value: unknown): Date {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value;
  if (typeof value === 'string' && shapes.dateTime.safeParse(value.toUpperCase()).success) return new Date(value);
  throw new TypeError('DateTime must be a date-time with an offset, such as "2007-12-03T10:15:30Z".');
}

/** A date, or a date and time, without an offset. */
const withoutOffset = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?$/i;

/** Parses the same, and a date or time without an offset: that is text, since its moment is not known. */
function parseGivenDateTime(value: unknown): Date | string {
  if (typeof value !== 'string' || !withoutOffset.test(value)) return parseDateTime(value);
  parseDateTime(`${value}${'1970-01-01T00:00:00'.slice(value.length)}Z`);
  return value;
}

/** Writes a moment in UTC, to the millisecond. Most of upstream's need no parsing. */
export function serializeDateTime(value: unknown): string | Date {
  if (typeof value !== 'string' || !isPlainMoment(value)) return parseDateTime(value);
  return value.includes('.') ? value : value.replace('Z', '.000Z');
}

function parseObject(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new TypeError('JSONObject must be an object.');
}

const jsonSpecification = 'http://www.ecma-international.org/publications/files/ECMA-ST/ECMA-404.pdf';

const scalars = {
  DateTime: new GraphQLScalarType<Date | string, string | Date>({
    name: 'DateTime',
    description:
      'A date and time with an offset, such as `2007-12-03T10:15:30Z` (RFC 3339, section 5.6). Results are in UTC. `parameters` of a delete may have a date, or a time without an offset: Truto gets it unchanged.',
    serialize: serializeDateTime,
    parseValue: parseGivenDateTime,
  }),
  JSON: new GraphQLScalarType({
    name: 'JSON',
    description: `Any JSON value ([ECMA-404](${jsonSpecification})).`,
    specifiedByURL: jsonSpecification,
  }),
  JSONObject: new GraphQLScalarType({
    name: 'JSONObject',
    description: `A JSON object ([ECMA-404](${jsonSpecification})).`,
    specifiedByURL: jsonSpecification,
    serialize: parseObject,
    parseValue: parseObject,
  }),
  Base64: new GraphQLScalarType<never, string>({
    name: 'Base64',
    description: 'Bytes as base64 (RFC 4648, section 4, with padding). Output only.',
    serialize(bytes) {
      if (Buffer.isBuffer(bytes)) return bytes.toString('base64');
      throw new GraphQLError('Base64 can only represent bytes.');
    },
    parseValue() {
      throw new GraphQLError('Base64 is output only.');
    },
  }),
};
for (const scalar of Object.values(scalars)) builder.addScalarType(scalar.name as keyof typeof scalars, scalar);

export const EngagementType = enumOf<Type>('EngagementType', 'A call, chat, email, meeting or note.', {
  call: 'A phone call.',
  chat: 'A chat conversation.',
  email: 'An email message.',
  meeting: 'A meeting or appointment.',
  note: 'A written note.',
});

export const ResponseFormat = enumOf<Format>('ResponseFormat', 'The form of the answer to a delete.', {
  unified: "Truto's unified record, in `engagement`.",
  normalized: "Truto's record after its mappings and normalization, in `engagement`.",
  raw: "The provider's response body, unchanged, in `raw`.",
  stream: "The provider's response body, as it arrives, in `stream`.",
});

export const EngagementSort = enumOf<Sort>('EngagementSort', 'The field by which Truto sorts engagements.', {
  created_at: 'When the engagement was created.',
  updated_at: 'When the engagement was last updated.',
});

export const SortDirection = enumOf<'asc' | 'desc'>(
  'SortDirection',
  'Whether the earliest or the latest comes first.',
  {
    asc: 'The earliest first.',
    desc: 'The latest first.',
  },
);

enumOf<Outcome>('DeleteOutcome', 'How a successful delete ended.', {
  DELETED: 'Truto confirmed that the engagement is deleted, by its answer or by its event `record:deleted`.',
  ALREADY_ABSENT: 'A repeated attempt found it gone. An earlier attempt of the same delete probably deleted it.',
  ACCEPTED: 'The provider accepted the delete and will execute it later (HTTP 202).',
});

enumOf<CreateOutcome>('CreateOutcome', 'How a successful create ended.', {
  CREATED: 'Truto returned the new engagement.',
  FOUND:
    'No answer proved the create, but a search found exactly one engagement that was created since, with all values that were sent.',
});

objectType<ValueOf<'phoneNumbers'>[number]>('PhoneNumber', {
  description: 'A phone number of an engagement, a person or a company.',
  shows: {
    id: ['ID', "Truto's id of the phone number."],
    number: ['String', 'The number as the provider writes it.'],
    extension: ['String', 'The extension to dial after the number.'],
    type: ['String', 'The type, as the provider names it, such as `mobile`.'],
  },
});

objectType<ValueOf<'emailAddresses'>[number]>('EmailAddress', {
  description: 'An email address of a person.',
  shows: {
    email: ['String', 'The address.'],
    type: ['String', 'The type, as the provider names it, such as `work`.'],
  },
});

objectType<ValueOf<'addresses'>[number]>('Address', {
  description: 'A postal address of a person or a company.',
  shows: {
    id: ['ID', "Truto's id of the address."],
    street_1: ['String', 'The first line of the street.'],
    street_2: ['String', 'The second line of the street.'],
    city: ['String', 'The city or town.'],
    state: ['String', 'The state, province or region.'],
    postal_code: ['String', 'The postal code.'],
    country: ['String', 'The country, as the provider writes it.'],
    type: ['String', 'The type, as the provider names it, such as `billing`.'],
  },
});

objectType<ValueOf<'urls'>[number]>('WebAddress', {
  description: 'A web address of a record.',
  shows: {
    url: ['String', 'The address.'],
    type: ['String', 'The type, as the provider names it, such as `website`.'],
  },
});

objectType<ValueOf<'tags'>[number]>('Tag', {
  description: 'A tag on a record.',
  shows: { id: ['ID', "Truto's id of the tag."], name: ['String', 'The text of the tag.'] },
});

objectType<ValueOf<'stage'>>('Stage', {
  description: 'A stage of a pipeline, as the provider defines it.',
  shows: { id: ['ID', "Truto's id of the stage."], name: ['String', 'The name of the stage.'] },
});

/** The argument `rawEngagementType`. */
export const rawTypeOptions = {
  description:
    "The type by the provider's own name, such as `task`, if `EngagementType` does not have it. Sent unchanged. Not together with `engagementType`.",
} as const;

/** The argument `trutoQuery`. */
export const trutoQueryOptions = {
  type: 'JSONObject',
  description:
    "Query parameters that you added to Truto's unified model, by their names there: strings, numbers, booleans, and lists and objects of them, up to 5 levels deep. A parameter that has an argument here is refused. Names that begin with `truto_` are refused.",
} as const;

/** A reference to a record, in arguments. */
export const RecordReferenceInput = builder.inputType('RecordReferenceInput', {
  description: 'A reference to a record in the CRM, by id.',
  fields: (t) => ({
    id: t.id({ required: true, description: "Truto's id of the record." }),
  }),
});

const DateTimeRange = builder.inputType('DateTimeRange', {
  description: 'A range of time. Either end may be open.',
  fields: (t) => ({
    gt: t.field({ type: 'DateTime', description: 'After this moment.' }),
    lt: t.field({ type: 'DateTime', description: 'Before this moment.' }),
  }),
});

/** Which engagements to list. */
export const EngagementFilter = builder.inputType('EngagementFilter', {
  description:
    'Which engagements to list: those that match all conditions. Providers support different conditions; Truto\'s "List Engagements" page shows which.',
  fields: (t) =>
    ({
      engagementType: t.field({
        type: EngagementType,
        description: 'Only engagements of this type. Some integrations require it.',
      }),
      owner: t.id({ description: 'Only engagements that belong to the user with this id.' }),
      contact: t.id({ description: 'Only engagements with the contact with this id.' }),
      account: t.id({ description: 'Only engagements with the company (CRM account) with this id.' }),
      opportunity: t.id({ description: 'Only engagements about the opportunity with this id.' }),
      lead: t.id({ description: 'Only engagements about the lead with this id.' }),
      subject: t.string({ description: 'Only engagements with this subject. The provider decides what matches.' }),
      content: t.string({ description: 'Only engagements with this content. The provider decides what matches.' }),
      status: t.string({ description: 'Only engagements with this status, as the provider names it.' }),
      createdAt: t.field({ type: DateTimeRange, description: 'Only engagements created in this range.' }),
      updatedAt: t.field({ type: DateTimeRange, description: 'Only engagements last updated in this range.' }),
      startTime: t.field({
        type: DateTimeRange,
        description: 'Only engagements that start in this range of at most one year.',
      }),
      endTime: t.field({
        type: DateTimeRange,
        description: 'Only engagements that end in this range of at most one year.',
      }),
    }) satisfies Record<keyof Filter, unknown>,
});
