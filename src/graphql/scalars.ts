import { GraphQLError, GraphQLScalarType } from 'graphql';
import { GraphQLDateTime, GraphQLJSON, GraphQLJSONObject } from 'graphql-scalars';
import { builder } from './builder.ts';

/** A moment in UTC, on a day that every month has, written so that nothing is left to do but to add milliseconds. */
const plainMoment = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{3})?Z$/;

/**
 * Writes a moment as the library does. It reads each into a date and writes that; most of upstream's can be passed on as
 * they are.
 */
export function serializeDateTime(value: unknown): string | Date {
  if (typeof value !== 'string' || !plainMoment.test(value)) return GraphQLDateTime.serialize(value);
  return value.includes('.') ? value : value.replace('Z', '.000Z');
}

builder.addScalarType(
  'DateTime',
  new GraphQLScalarType<Date, string | Date>({ ...GraphQLDateTime.toConfig(), serialize: serializeDateTime }),
);
builder.addScalarType('JSON', GraphQLJSON);
builder.addScalarType('JSONObject', GraphQLJSONObject);
builder.addScalarType(
  'Base64',
  new GraphQLScalarType<never, string>({
    name: 'Base64',
    description: 'Bytes as base64 text (RFC 4648 section 4, with padding). Output only.',
    serialize(bytes) {
      if (Buffer.isBuffer(bytes)) return bytes.toString('base64');
      throw new GraphQLError('Base64 can only represent bytes.');
    },
    parseValue() {
      throw new GraphQLError('Base64 is not taken as input.');
    },
  }),
);
