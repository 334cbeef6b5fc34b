import {
  defaultFieldResolver,
  type GraphQLField,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  isListType,
  isNonNullType,
  isObjectType,
  locatedError,
  responsePathAsArray,
} from 'graphql';
import { type DeleteEnd, withoutRecord } from '../../engagement/result.ts';
import { fieldError } from './top-level-errors.ts';

/** How many bodies of `MAX_UPSTREAM_BYTES` fit into one answer. */
const bodiesInAnswer = 8;

/** How many items the lists of upstream's records may have in one answer. Each takes as long as a field of a record or more. */
const maxItems = 10_000;

/** How many errors an answer shows: one for each record of the largest page. */
export const maxErrors = 100;

function jsonLength(value: unknown): number {
  return typeof value === 'string' ? value.length + 2 : (JSON.stringify(value)?.length ?? 0);
}

/**
 * How many characters of upstream's data one operation may still hold, or put into its answer. Writing an answer blocks all other
 * requests, and it stays in memory until its client has read it.
 */
export class AnswerRoom {
  readonly #characters: number;
  #left: number;
  #itemsLeft = maxItems;
  #failureCount = 0;
  /** The error of all failed fields beyond the shown ones. */
  #commonError: Error | undefined;

  constructor(maxUpstreamBytes: number) {
    this.#characters = bodiesInAnswer * maxUpstreamBytes;
    this.#left = this.#characters;
  }

  /** Takes room for the value. False when there is not enough: then leave the value out, unless it is required. */
  take(value: unknown, isRequired = false): boolean {
    const length = jsonLength(value);
    if (length > this.#left && !isRequired) return false;
    this.#left -= length;
    return true;
  }

  /** Takes room for the items of a list. False when there is not enough: then leave the list out. */
  takeItems(count: number): boolean {
    if (count > this.#itemsLeft) return false;
    this.#itemsLeft -= count;
    return true;
  }

  /**
   * The error of a field that fails because of upstream. Beyond the errors that an answer shows, all fields have the same one: upstream
   * decides how many fail, and the executor takes 50 microseconds to make the error of each.
   */
  failed(makeError: () => Error, { fieldNodes, path }: GraphQLResolveInfo): Error {
    this.#failureCount += 1;
    if (this.#failureCount <= maxErrors) return makeError();
    // The executor makes no error for one that has a path.
    this.#commonError ??= locatedError(makeError(), fieldNodes, responsePathAsArray(path));
    return this.#commonError;
  }

  /** Frees all room, for another answer of the same operation, such as an event of a subscription. */
  reset(): void {
    this.#left = this.#characters;
    this.#itemsLeft = maxItems;
    this.#failureCount = 0;
    this.#commonError = undefined;
  }
}

/** The reason why a value is not in an answer, and what to do. */
export const leftOut = `One answer has room for ${bodiesInAnswer} times MAX_UPSTREAM_BYTES of data from Truto, and for ${maxItems} items of its lists. Select less, or send several operations.`;

/** The result, without its record if the answer has no room for it. */
export function withinRoom<End extends DeleteEnd>(result: End, room: AnswerRoom): End {
  const without = withoutRecord(result, `The record was left out. The result of the delete is unchanged. ${leftOut}`);
  return without === result || room.take(result) ? result : without;
}

type Answering = { readonly answerRoom: AnswerRoom };

/** The scalars whose length upstream decides. */
const longTypes = new Set(['String', 'ID', 'JSON', 'JSONObject', 'Base64']);

/** True for the lists whose length upstream decides: this server's own lists have types that are not nullable. */
export const isLongList = (type: GraphQLOutputType): boolean => isListType(type);

const isLong = (type: GraphQLOutputType): boolean => longTypes.has(getNamedType(type).name);

function fits(value: unknown, type: GraphQLOutputType, room: AnswerRoom): boolean {
  if (isLongList(type) && Array.isArray(value) && !room.takeItems(value.length)) return false;
  return !isLong(type) || room.take(value, isNonNullType(type));
}

const tooLarge = () =>
  fieldError('RESPONSE_TOO_LARGE', `This value was left out. That changes nothing about what was deleted. ${leftOut}`);

/** Returns the value of a field, or throws if it does not fit into the answer. A required value is only counted. */
function fitted(value: unknown, context: Answering, info: GraphQLResolveInfo): unknown {
  if (value instanceof Promise) return value.then((settled) => fitted(settled, context, info));
  if (value === null || value === undefined || fits(value, info.returnType, context.answerRoom)) return value;
  throw context.answerRoom.failed(tooLarge, info);
}

/**
 * Makes every field of upstream's data take room in the answer. Aliases and shared related records could otherwise turn a few bodies into
 * an answer of any size. Mutates the given schema. A field's own resolver is its extension `uncounted`.
 */
export function limitAnswers(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values<GraphQLField<unknown, Answering>>(type.getFields())) {
      const { resolve = defaultFieldResolver } = field;
      if (!isLong(field.type) && !isLongList(field.type)) continue;
      field.extensions = { ...field.extensions, uncounted: resolve };
      field.resolve = (source, args, context, info) => fitted(resolve(source, args, context, info), context, info);
    }
  }
  return schema;
}
