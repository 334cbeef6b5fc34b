import { GraphQLError, GraphQLScalarType } from 'graphql';
import { GraphQLDateTime, GraphQLJSON, GraphQLJSONObject } from 'graphql-scalars';
import { builder } from './builder.ts';

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
