import {
  defaultFieldResolver,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { leftOut } from '../../engagement/answer-room.ts';
import type { Context } from './context.ts';
import { fieldError } from './top-level-errors.ts';

/** The scalars whose length upstream decides. */
const longTypes = new Set(['String', 'ID', 'JSON', 'JSONObject', 'Base64']);

/** Returns the value of a field, or throws if it does not fit into the answer. A required value is only counted. */
function fitted(value: unknown, isRequired: boolean, context: Context): unknown {
  if (value instanceof Promise) return value.then((settled) => fitted(settled, isRequired, context));
  if (value === null || value === undefined) return value;
  if (isRequired) context.answerRoom.mustTake(value);
  else if (!context.answerRoom.take(value))
    throw fieldError('RESPONSE_TOO_LARGE', `This value was left out. The result of a delete is unchanged. ${leftOut}`);
  return value;
}

function limitField(field: GraphQLField<unknown, Context>): void {
  const { resolve = defaultFieldResolver } = field;
  if (!longTypes.has(getNamedType(field.type).name)) return;
  const isRequired = isNonNullType(field.type);
  // Prepared operations read from the number of parameters whether a resolver uses `info`.
  field.resolve =
    resolve.length > 3
      ? (source, args, context, info) => fitted(resolve(source, args, context, info), isRequired, context)
      : (source, args, context) => fitted(resolve(source, args, context, undefined as never), isRequired, context);
}

/**
 * Makes every field of upstream's data take room in the answer. Aliases and shared related records could otherwise turn a few bodies into
 * an answer of any size. Mutates the given schema.
 */
export function limitAnswers(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) limitField(field);
  }
  return schema;
}
