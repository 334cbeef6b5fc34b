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
import { requestError } from '../../graphql/core/top-level-errors.ts';
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

/** What is wrong with a value, and the names that lead to it. */
interface Problem {
  readonly names: string[];
  readonly text: string;
}

function problem(text: string): Problem {
  return { names: [], text };
}

/** The first problem of a value, or of one in it. By recursion: it goes no deeper than the limit. */
function findProblem(value: unknown, level: number): Problem | undefined {
  const { textCharacters, levels } = limits;
  // GraphQL takes an id as a number too, but this one lost digits when the request's JSON was read: it would name another
  // engagement. Nothing in the schema needs so large a number.
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return problem('is too long for a number and has lost digits: send it as a string');
  if (typeof value === 'string' && value.length > textCharacters)
    return problem(`has more than ${textCharacters} characters: send a shorter text`);
  if (level > levels) return problem(`is nested more than ${levels} levels deep: send less nested values`);
  if (typeof value !== 'object' || value === null) return undefined;
  const values = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(values)) {
    if (name.length > textCharacters)
      return problem(`has a name of more than ${textCharacters} characters: send a shorter one`);
    const found = findProblem(values[name], level + 1);
    found?.names.unshift(name);
    if (found) return found;
  }
  return undefined;
}

/**
 * What is wrong with the variables of a request, whatever its document says of them, as a message for the caller; undefined when
 * nothing is. It looks at each value once, before anything else reads it.
 */
export function findBadVariable(variables: unknown): string | undefined {
  const found = typeof variables === 'object' ? findProblem(variables, 0) : undefined;
  if (!found) return undefined;
  return `The variable ${shortened(found.names.join('.'), maxPathCharacters)} ${found.text}. Nothing was executed.`;
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
