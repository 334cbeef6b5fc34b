import {
  coerceInputValue,
  type ExecutionArgs,
  type GraphQLError,
  getOperationAST,
  isInputType,
  typeFromAST,
  type VariableDefinitionNode,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { requestError } from '../graphql/core/top-level-errors.ts';
import { shortened } from '../log/foreign-text.ts';

/**
 * What the variables of one request may hold at most. A text, or the name of a value, is as long as a request's whole head may
 * be on its way upstream, and levels are twice as many as the deepest input has. How many values there are is bounded with the
 * body (`request-body.ts`).
 */
const limits = { textCharacters: 16_384, levels: 20 } as const;

/** How many wrong values one answer reports. */
const maxWrongValues = 20;

/** The longest path that a message names. */
const maxPathCharacters = 200;

/** A list or an object, and where it is: its name in another, unless it holds all variables. */
interface Place {
  readonly value: object;
  readonly name: string;
  readonly parent: Place | undefined;
  readonly level: number;
}

/** The names that lead to the place, as a message has them. */
function pathOf(place: Place | undefined, name?: string): string {
  const names = name === undefined ? [] : [name];
  for (let each = place; each?.parent; each = each.parent) names.unshift(each.name);
  return shortened(names.join('.'), maxPathCharacters);
}

function findInValue(value: unknown, level: number): string | undefined {
  // GraphQL takes an id as a number too, but such a one lost its last digits when the request's JSON was read: it would name
  // another engagement. Nothing in the schema needs so large a number.
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return 'is too long for a number and has lost digits: send it as a string';
  if (typeof value === 'string' && value.length > limits.textCharacters)
    return `has more than ${limits.textCharacters} characters: send a shorter text`;
  if (level > limits.levels) return `is nested more than ${limits.levels} levels deep: send less nested values`;
  return undefined;
}

/**
 * What is wrong with the variables of a request, whatever its document says of them, as a message for the caller; undefined when
 * nothing is. It costs no more than one look at each value, and comes before anything else reads them.
 */
export function findBadVariable(variables: unknown): string | undefined {
  if (typeof variables !== 'object' || variables === null) return undefined;
  const places: Place[] = [{ value: variables, name: '', parent: undefined, level: 0 }];
  const refuse = (path: string, problem: string) => `The variable ${path} ${problem}. Nothing was executed.`;
  for (let place = places.pop(); place; place = places.pop()) {
    const level = place.level + 1;
    const items = place.value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(items)) {
      const value = items[name];
      const problem = findInValue(value, level);
      if (problem !== undefined) return refuse(pathOf(place, name), problem);
      if (name.length > limits.textCharacters)
        return refuse(pathOf(place), `has a name of more than ${limits.textCharacters} characters: send a shorter one`);
      if (typeof value === 'object' && value !== null) places.push({ value, name, parent: place, level });
    }
  }
  return undefined;
}

/** Where a value is in its variable, as graphql-js writes it. */
function pathIn(name: string, path: readonly (string | number)[]): string {
  const written = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
  return shortened(name + written, maxPathCharacters);
}

/** Thrown where enough is wrong: nothing is looked at any further. */
const enough = Symbol('enough errors');

function checkValue(
  { schema, variableValues }: ExecutionArgs,
  definition: VariableDefinitionNode,
  errors: GraphQLError[],
): void {
  const name = definition.variable.name.value;
  const type = typeFromAST(schema, definition.type as never);
  const value = variableValues?.[name];
  // What is missing costs the executor nothing to report.
  if (!isInputType(type) || value === undefined || value === null) return;
  coerceInputValue(value, type, (path, _value, { message: reason }) => {
    if (errors.length === maxWrongValues) throw enough;
    const message = `Variable "$${name}" has a wrong value at "${pathIn(name, path)}": ${reason}`;
    errors.push(requestError('BAD_USER_INPUT', message));
  });
}

/** What is wrong with values by the types that the document gives them: the first of it, and none of the values again. */
function findWrongValues(args: ExecutionArgs): readonly GraphQLError[] {
  const operation = getOperationAST(args.document, args.operationName);
  const errors: GraphQLError[] = [];
  try {
    for (const definition of operation?.variableDefinitions ?? []) checkValue(args, definition, errors);
  } catch (error) {
    if (error !== enough) throw error;
  }
  return errors;
}

/**
 * Refuses variables that are too long or too deep, that lost digits, or that are not as the document says. The executor
 * would repeat the whole value with each of 50 errors.
 */
export function useCheckVariables(): Plugin {
  return {
    onParams({ params, setResult }) {
      const message = findBadVariable(params.variables);
      if (message !== undefined) setResult({ errors: [requestError('BAD_USER_INPUT', message)] });
    },
    onExecute({ args, setResultAndStopExecution }) {
      const errors = findWrongValues(args);
      if (errors.length > 0) setResultAndStopExecution({ errors });
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const errors = findWrongValues(args);
      if (errors.length > 0) setResultAndStopExecution({ errors });
    },
  };
}
