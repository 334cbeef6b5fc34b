import { GraphQLError, GraphQLID, GraphQLScalarType } from 'graphql';
import { GraphQLDateTime, GraphQLJSON, GraphQLJSONObject } from 'graphql-scalars';
import { builder } from './builder.ts';

/**
 * GraphQL takes ids as integers too, but one of more than 15 digits has lost its last ones when JSON was read: it would
 * name another record. (In the document itself an integer keeps its digits.)
 */
function parseId(value: unknown): string {
  if (typeof value !== 'number') return GraphQLID.parseValue(value);
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return String(value);
  throw new GraphQLError('ID cannot be taken from this number, which may have lost digits: send it as a string.');
}

builder.addScalarType('ID', new GraphQLScalarType<string, string>({ ...GraphQLID.toConfig(), parseValue: parseId }));
builder.addScalarType('DateTime', GraphQLDateTime);
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
