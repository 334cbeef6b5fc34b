import {
  coerceInputValue,
  type FieldNode,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  getArgumentValues,
  isEnumType,
  isInputType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  typeFromAST,
  type ValueNode,
  type VariableDefinitionNode,
  valueFromAST,
  visit,
} from 'graphql';

import { Uncovered } from './uncovered.ts';

/** Values by name, coerced. */
type Values = Record<string, unknown>;

/** Reads a request's variables; undefined when one is wrong, which the executor reports. */
export type ReadVariables = (given: Values) => Values | undefined;

/**
 * Reads a field's arguments from the coerced variables.
 * @throws {GraphQLError} when one is wrong.
 */
export type ReadArguments = (variables: Values) => Values;

/** Stands for a value that takes graphql-js to be coerced. */
const notPlain = Symbol('not plain');

/** What most variables are: coerced by looking at them. */
const plainTypes: Readonly<Record<string, string>> = { ID: 'string', String: 'string', Boolean: 'boolean' };

function coercePlain(type: GraphQLInputType, value: unknown): unknown {
  if (isNonNullType(type)) return value === null ? notPlain : coercePlain(type.ofType, value);
  if (value === null) return null;
  if (isEnumType(type)) return typeof value === 'string' ? (type.getValue(value)?.value ?? notPlain) : notPlain;
  return 'name' in type && plainTypes[type.name] === typeof value ? value : notPlain;
}

/** Thrown for the first value that is wrong: the executor says what is wrong with it. */
const wrong = Symbol('wrong value');

function refuse(): never {
  throw wrong;
}

interface PlainVariable {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly fallback: unknown;
}

function plainVariable(
  schema: GraphQLSchema,
  { variable, type: node, defaultValue }: VariableDefinitionNode,
): PlainVariable {
  const type = typeFromAST(schema, node as never);
  if (!isInputType(type)) throw new TypeError(`${variable.name.value} is of no input type`);
  return { name: variable.name.value, type, fallback: defaultValue && valueFromAST(defaultValue, type) };
}

/**
 * Makes the reader of an operation's variables. A plain value it coerces by itself as graphql-js would do;
 * any other it leaves to that, up to the first that is wrong.
 * @throws {Uncovered} for a name that no plain object can have.
 */
export function variableReader(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
): ReadVariables {
  // As a property, this one is never an object's own.
  if (variableDefinitions.some(({ variable }) => variable.name.value === '__proto__')) throw new Uncovered('__proto__');
  const plain = variableDefinitions.map((definition) => plainVariable(schema, definition));

  function read(given: Values): Values | undefined {
    const values: Values = {};
    for (const { name, type, fallback } of plain) {
      if (Object.hasOwn(given, name) && given[name] !== undefined) {
        const value = coercePlain(type, given[name]);
        values[name] = value === notPlain ? coerceInputValue(given[name], type, refuse) : value;
      } else if (fallback !== undefined) values[name] = fallback;
      else if (isNonNullType(type)) return undefined;
    }
    return values;
  }

  return (given) => {
    try {
      return read(given);
    } catch (error) {
      if (error !== wrong) throw error;
      return undefined;
    }
  };
}

function usesVariables(node: ValueNode): boolean {
  let found = false;
  visit(node, {
    Variable() {
      found = true;
    },
  });
  return found;
}

/** Makes the reader of the arguments that the node gives to its field: what is no variable is read here, once. */
export function argumentReader(field: GraphQLField<unknown, unknown>, node: FieldNode): ReadArguments {
  const nodes = node.arguments ?? [];
  const variables = nodes.filter(({ value }) => value.kind === Kind.VARIABLE);
  const constants = nodes.filter(({ value }) => !usesVariables(value));
  const read = (values: Values) => getArgumentValues(field, node, values);
  if (variables.length + constants.length < nodes.length) return read;
  const constant = getArgumentValues(
    { ...field, args: field.args.filter(({ name }) => !variables.some((each) => each.name.value === name)) },
    { ...node, arguments: constants },
  );
  const direct = variables.map(({ name, value }) => ({
    name: name.value,
    variable: value.kind === Kind.VARIABLE ? value.name.value : '',
    argument: field.args.find((argument) => argument.name === name.value),
  }));
  return (values) => {
    const result = { ...constant };
    for (const { name, variable, argument } of direct) {
      const value = values[variable];
      // Absent, or null where that is not allowed: defaults and errors are graphql-js' business.
      if (value === undefined || (value === null && argument && isNonNullType(argument.type))) return read(values);
      result[name] = value;
    }
    return result;
  };
}
