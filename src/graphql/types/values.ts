import type { InputRef } from '@pothos/core';
import { GraphQLError } from 'graphql';
import type * as Input from '../../engagement/input.ts';
import { isPlainMoment, shapes, type ValueOf } from '../../engagement/resources.ts';
import type { CreateOutcome, DeleteOutcome } from '../../engagement/result.ts';
import { builder, enumOf, inputType, objectType, type Row } from '../core/builder.ts';

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

builder.scalarType('DateTime', {
  description:
    'A date and time with an offset, such as `2007-12-03T10:15:30Z` (RFC 3339, section 5.6). Results are in UTC. `parameters` of a delete may have a date, or a time without an offset: Truto gets it unchanged.',
  serialize: serializeDateTime,
  parseValue: parseGivenDateTime,
});

builder.scalarType('JSON', {
  description: `Any JSON value ([ECMA-404](${jsonSpecification})).`,
  specifiedByURL: jsonSpecification,
});

builder.scalarType('JSONObject', {
  description: `A JSON object ([ECMA-404](${jsonSpecification})).`,
  specifiedByURL: jsonSpecification,
  serialize: parseObject,
  parseValue: parseObject,
});

builder.scalarType('Base64', {
  description: 'Bytes as base64 (RFC 4648, section 4, with padding). Output only.',
  serialize(bytes) {
    if (Buffer.isBuffer(bytes)) return bytes.toString('base64');
    throw new GraphQLError('Base64 can only represent bytes.');
  },
  parseValue() {
    throw new GraphQLError('Base64 is output only.');
  },
});

enumOf<Input.EngagementType>('EngagementType: A call, chat, email, meeting or note.', {
  call: 'A phone call.',
  chat: 'A chat conversation.',
  email: 'An email message.',
  meeting: 'A meeting or appointment.',
  note: 'A written note.',
});

enumOf<Input.ResponseFormat>('ResponseFormat: The form of the answer to a delete.', {
  unified: "Truto's unified record, in `engagement`.",
  normalized: "Truto's record after its mappings and normalization, in `engagement`.",
  raw: "The provider's response body, unchanged, in `raw`.",
  stream: "The provider's response body, as it arrives, in `stream`.",
});

enumOf<Input.EngagementSort>('EngagementSort: The field by which Truto sorts engagements.', {
  created_at: 'When the engagement was created.',
  updated_at: 'When the engagement was last updated.',
});

enumOf<'asc' | 'desc'>('SortDirection: Whether the earliest or the latest comes first.', {
  asc: 'The earliest first.',
  desc: 'The latest first.',
});

enumOf<DeleteOutcome>('DeleteOutcome: How a successful delete ended.', {
  DELETED: 'Truto confirmed that the engagement is deleted, by its answer or by its event `record:deleted`.',
  ALREADY_ABSENT:
    'A repeated attempt found it gone. An earlier attempt of the same delete probably deleted it; or it never existed: read `warnings`.',
  ACCEPTED: 'The provider accepted the delete and will execute it later (HTTP 202).',
});

enumOf<CreateOutcome>('CreateOutcome: How a successful create ended.', {
  CREATED: 'Truto returned the new engagement.',
  FOUND:
    'No answer proved the create, but a search found exactly one engagement that was created since, with all values that were sent.',
});

objectType<ValueOf<'phoneNumbers'>[number]>('PhoneNumber: A phone number of an engagement, a person or a company.')({
  id: "ID: Truto's id of the phone number.",
  number: 'String: The number as the provider writes it.',
  extension: 'String: The extension to dial after the number.',
  type: 'String: The type, as the provider names it, such as `mobile`.',
});

objectType<ValueOf<'emailAddresses'>[number]>('EmailAddress: An email address of a person.')({
  email: 'String: The address.',
  type: 'String: The type, as the provider names it, such as `work`.',
});

objectType<ValueOf<'addresses'>[number]>('Address: A postal address of a person or a company.')({
  id: "ID: Truto's id of the address.",
  street_1: 'String: The first line of the street.',
  street_2: 'String: The second line of the street.',
  city: 'String: The city or town.',
  state: 'String: The state, province or region.',
  postal_code: 'String: The postal code.',
  country: 'String: The country, as the provider writes it.',
  type: 'String: The type, as the provider names it, such as `billing`.',
});

objectType<ValueOf<'urls'>[number]>('WebAddress: A web address of a record.')({
  url: 'String: The address.',
  type: 'String: The type, as the provider names it, such as `website`.',
});

objectType<ValueOf<'tags'>[number]>('Tag: A tag on a record.')({
  id: "ID: Truto's id of the tag.",
  name: 'String: The text of the tag.',
});

objectType<ValueOf<'stage'>>('Stage: A stage of a pipeline, as the provider defines it.')({
  id: "ID: Truto's id of the stage.",
  name: 'String: The name of the stage.',
});

/** The argument `rawEngagementType`. */
export const rawType =
  "String: The type by the provider's own name, such as `task`, if `EngagementType` does not have it. Sent unchanged. Not together with `engagementType`.";

/** The argument `trutoQuery`. */
export const trutoQuery =
  "JSONObject: Query parameters that you added to Truto's unified model, by their names there: strings, numbers, booleans, and lists and objects of them, up to 5 levels deep. A parameter that has an argument here is refused. Names that begin with `truto_` are refused.";

inputType('RecordReferenceInput: A reference to a record in the CRM, by id.', { id: "ID!: Truto's id of the record." });

inputType('DateTimeRange: A range of time. Either end may be open.', {
  gt: 'DateTime: After this moment.',
  lt: 'DateTime: Before this moment.',
});

inputType(
  'EngagementFilter: Which engagements to list: those that match all conditions. Providers support different conditions; Truto\'s "List Engagements" page shows which.',
  {
    engagementType: 'EngagementType: Only engagements of this type. Some integrations require it.',
    owner: 'ID: Only engagements that belong to the user with this id.',
    contact: 'ID: Only engagements with the contact with this id.',
    account: 'ID: Only engagements with the company (CRM account) with this id.',
    opportunity: 'ID: Only engagements about the opportunity with this id.',
    lead: 'ID: Only engagements about the lead with this id.',
    subject: 'String: Only engagements with this subject. The provider decides what matches.',
    content: 'String: Only engagements with this content. The provider decides what matches.',
    status: 'String: Only engagements with this status, as the provider names it.',
    createdAt: 'DateTimeRange: Only engagements created in this range.',
    updatedAt: 'DateTimeRange: Only engagements last updated in this range.',
    startTime: 'DateTimeRange: Only engagements that start in this range of at most one year.',
    endTime: 'DateTimeRange: Only engagements that end in this range of at most one year.',
  } satisfies Record<keyof Input.EngagementFilter, Row>,
) satisfies InputRef<Input.EngagementFilter>;
