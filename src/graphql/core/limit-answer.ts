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

/** The scalars whose values are as long as upstream makes them. */
const longTypes = new Set(['String', 'ID', 'JSON', 'JSONObject', 'Base64']);

/** The value of a field; an error in its place when the answer has no room for it. A required value only counts. */
function fitted(value: unknown, isRequired: boolean, context: Context): unknown {
  if (value instanceof Promise) return value.then((settled) => fitted(settled, isRequired, context));
  if (value === null || value === undefined) return value;
  if (isRequired) context.answerRoom.mustTake(value);
  else if (!context.answerRoom.take(value))
    throw fieldError(
      'RESPONSE_TOO_LARGE',
      `This value was left out; what was deleted is not changed by that. ${leftOut}`,
    );
  return value;
}

function limitField(field: GraphQLField<unknown, Context>): void {
  const { resolve = defaultFieldResolver } = field;
  if (!longTypes.has(getNamedType(field.type).name)) return;
  const isRequired = isNonNullType(field.type);
  // Prepared operations tell by the number of parameters whether a resolver looks at the operation.
  field.resolve =
    resolve.length > 3
      ? (source, args, context, info) => fitted(resolve(source, args, context, info), isRequired, context)
      : (source, args, context) => fitted(resolve(source, args, context, undefined as never), isRequired, context);
}

/**
 * Has every field of upstream's data look for room in the answer: by aliases, and by records that many others refer to, a few
 * bodies could become an answer of any size. Changes the given schema.
 */
export function limitAnswers(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) limitField(field);
  }
  return schema;
}
