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
import { camelCase } from '../../engagement/resources.ts';
import { requestError } from '../../graphql/core/top-level-errors.ts';
import { shortened } from '../../log/foreign-text.ts';

/**
 * Limits of the variables of one request. A text or a name may be as long as the head of a request to upstream, and the content of a new
 * engagement, which is in the body, as long as an email; the levels are twice those of the deepest input. `request-body.ts` limits the
 * number of values.
 */
const limits = { textCharacters: 16_384, contentCharacters: 131_072, levels: 20 } as const;

/** The names of long texts. A line of an undo file has Truto's own. */
const contentNames = new Set(['content', 'internalNotes']);

const maxWrongValues = 20;

const maxPathCharacters = 200;

/** The first problem of a value, or of a value in it, after the names that lead to it. The recursion goes no deeper than the limit. */
function findProblem(value: unknown, level: number, ownName = ''): [problem: string, ...names: string[]] | undefined {
  const { textCharacters, contentCharacters, levels } = limits;
  // GraphQL accepts numbers as ids, but this one lost digits when the JSON was parsed: it would name another engagement. No field
  // of the schema needs so large a number.
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return ['is too long for a number and has lost digits: send it as a string'];
  if (typeof value === 'string' && value.length > textCharacters) {
    // A confirmation token has all arguments of its delete. It is known by its beginning: a variable may have any name.
    const isLong = contentNames.has(camelCase(ownName)) || value.startsWith('delete_');
    const maxCharacters = isLong ? contentCharacters : textCharacters;
    if (value.length > maxCharacters) return [`has more than ${maxCharacters} characters: send a shorter text`];
  }
  if (level > levels) return [`is nested more than ${levels} levels deep: send fewer levels`];
  if (typeof value !== 'object' || value === null) return undefined;
  const values = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(values)) {
    if (name.length > textCharacters)
      return [`has a name of more than ${textCharacters} characters: send a shorter one`];
    const found = findProblem(values[name], level + 1, name);
    if (found) return [found[0], name, ...found.slice(1)];
  }
  return undefined;
}

/** A message about the first variable that breaks a limit, for any document. It reads each value once, before any other check. */
export function findBadVariable(variables: unknown): string | undefined {
  const found = typeof variables === 'object' ? findProblem(variables, 0) : undefined;
  if (!found) return undefined;
  const [problem, ...names] = found;
  return `The variable ${shortened(names.join('.'), maxPathCharacters)} ${problem}. Nothing was executed.`;
}

/** Errors for the first values that do not have the type that the document declares. No error repeats its value. */
function findWrongValues({ schema, document, operationName, variableValues = {} }: ExecutionArgs) {
  const errors: GraphQLError[] = [];
  const enough = Symbol('enough errors');
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

/** Refuses bad variables, and those without their declared type: the executor would repeat the whole value in each of up to 50 errors. */
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
