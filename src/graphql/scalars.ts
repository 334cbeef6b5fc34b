import { GraphQLError, GraphQLScalarType } from 'graphql';
import { GraphQLDateTime, GraphQLJSON, GraphQLJSONObject } from 'graphql-scalars';
import { isPlainMoment } from '../engagement/shapes.ts';
import { builder } from './builder.ts';

/**
 * Writes a moment as the library does. It reads each into a date and writes that; most of upstream's can be passed on as
 * they are.
 */
export function serializeDateTime(value: unknown): string | Date {
  if (typeof value !== 'string' || !isPlainMoment(value)) return GraphQLDateTime.serialize(value);
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
