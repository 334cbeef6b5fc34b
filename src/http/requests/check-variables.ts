import {
  coerceInputValue,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  getOperationAST,
  isInputType,
  typeFromAST,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { requestError } from '../../graphql/top-level-errors.ts';
import { shortened } from '../../log/foreign-text.ts';

/**
 * What the variables of one request may hold. A text, or the name of a value, is as long as the whole head of a request upstream
 * may be, and levels are twice as many as the deepest input has. How many values there are is bounded with the body
 * (`request-body.ts`).
 */
const limits = { textCharacters: 16_384, levels: 20 } as const;

/** How many wrong values one answer reports. */
const maxWrongValues = 20;

/** The longest path that a message names. */
const maxPathCharacters = 200;

/** A list or an object within the variables, or all of them. */
interface Container {
  readonly value: object;
  readonly name: string;
  readonly parent: Container | undefined;
  readonly level: number;
}

function pathOf(container: Container | undefined, name?: string): string {
  const names = name === undefined ? [] : [name];
  for (let each = container; each?.parent; each = each.parent) names.unshift(each.name);
  return shortened(names.join('.'), maxPathCharacters);
}

function findInValue(value: unknown, level: number): string | undefined {
  // GraphQL takes an id as a number too, but this one lost digits when the request's JSON was read: it would name another
  // engagement. Nothing in the schema needs so large a number.
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return 'is too long for a number and has lost digits: send it as a string';
  if (typeof value === 'string' && value.length > limits.textCharacters)
    return `has more than ${limits.textCharacters} characters: send a shorter text`;
  if (level > limits.levels) return `is nested more than ${limits.levels} levels deep: send less nested values`;
  return undefined;
}

/**
 * What is wrong with the variables of a request, whatever its document says of them, as a message for the caller; undefined when
 * nothing is. It looks at each value once, before anything else reads it.
 */
export function findBadVariable(variables: unknown): string | undefined {
  if (typeof variables !== 'object' || variables === null) return undefined;
  const containers: Container[] = [{ value: variables, name: '', parent: undefined, level: 0 }];
  const refuse = (path: string, problem: string) => `The variable ${path} ${problem}. Nothing was executed.`;
  for (let parent = containers.pop(); parent; parent = containers.pop()) {
    const level = parent.level + 1;
    const values = parent.value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(values)) {
      const value = values[name];
      const problem = findInValue(value, level);
      if (problem !== undefined) return refuse(pathOf(parent, name), problem);
      if (name.length > limits.textCharacters)
        return refuse(
          pathOf(parent),
          `has a name of more than ${limits.textCharacters} characters: send a shorter one`,
        );
      if (typeof value === 'object' && value !== null) containers.push({ value, name, parent, level });
    }
  }
  return undefined;
}

/** Thrown to stop looking: there are enough errors. */
const enough = Symbol('enough errors');

/** The first values that are wrong by the types that the document gives them. None is repeated in its error. */
function findWrongValues({
  schema,
  document,
  operationName,
  variableValues = {},
}: ExecutionArgs): readonly GraphQLError[] {
  const errors: GraphQLError[] = [];
  try {
    for (const definition of getOperationAST(document, operationName)?.variableDefinitions ?? []) {
      const name = definition.variable.name.value;
      const type = typeFromAST(schema, definition.type as never);
      const value = variableValues?.[name] ?? undefined;
      // The executor reports what is missing.
      if (!isInputType(type) || value === undefined) continue;
      coerceInputValue(value, type, (path, _value, { message: reason }) => {
        if (errors.length === maxWrongValues) throw enough;
        const keys = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`));
        const place = shortened(name + keys.join(''), maxPathCharacters);
        errors.push(requestError('BAD_USER_INPUT', `Variable "$${name}" has a wrong value at "${place}": ${reason}`));
      });
    }
  } catch (error) {
    if (error !== enough) throw error;
  }
  return errors;
}

function refuseWrongValues(execution: {
  readonly args: ExecutionArgs;
  readonly setResultAndStopExecution: (result: ExecutionResult) => void;
}): void {
  const errors = findWrongValues(execution.args);
  if (errors.length > 0) execution.setResultAndStopExecution({ errors });
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
    onExecute: refuseWrongValues,
    onSubscribe: refuseWrongValues,
  };
}
