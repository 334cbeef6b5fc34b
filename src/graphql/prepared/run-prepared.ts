import { defaultFieldResolver, type GraphQLSchema } from 'graphql';
import type { Context, GivenResults } from '../core/context.ts';
import type { PreparedOperation } from './prepared-operations.ts';
import { Output, type Values } from './write-result.ts';

/** The end of a prepared operation. */
interface PreparedEnd {
  /** The whole answer, as the executor writes it. Undefined when it has an error: then the executor has to write it. */
  readonly text: string | undefined;
  /** The results of the root fields that were run, for the executor. */
  readonly given: GivenResults;
}

/**
 * Runs a prepared operation. Only answers without errors are written here, so that errors are written in one place only. With a wrong
 * variable or argument, no field is run. Never rejects.
 */
export async function runPrepared(
  { readVariables, fields, isSerial }: PreparedOperation,
  givenVariables: Values,
  context: Context,
): Promise<PreparedEnd> {
  const given = new Map<string | number, Promise<unknown>>();
  let variables: Values;
  let args: readonly Values[];
  try {
    variables = readVariables(givenVariables);
    args = fields.map((field) => field.readArguments(variables));
  } catch {
    return { text: undefined, given };
  }
  const texts: (string | undefined | Promise<string | undefined>)[] = [];
  for (const [index, { responseKey, resolve, write }] of fields.entries()) {
    const value = (async () => resolve(undefined, args[index] ?? {}, context))();
    given.set(responseKey, value);
    const text = new Output(context, variables).write(value, write);
    texts.push(isSerial ? await text : text);
    // Then the executor runs the rest: only it knows when all of this mutation has ended.
    if (texts.at(-1) === undefined) break;
  }
  const written = await Promise.all(texts);
  if (written.includes(undefined)) return { text: undefined, given };
  const members = fields.map(({ responseKey }, index) => `"${responseKey}":${written[index]}`);
  return { text: `{"data":{${members.join(',')}}}`, given };
}

/** Makes root fields return the results that the context has already. Mutates the schema. */
export function withGivenResults(schema: GraphQLSchema): GraphQLSchema {
  for (const type of [schema.getQueryType(), schema.getMutationType()]) {
    for (const field of Object.values(type?.getFields() ?? {})) {
      const { resolve = defaultFieldResolver } = field;
      field.resolve = (source, args, context: Context | undefined, info) => {
        const { key } = info.path;
        return context?.given?.has(key) ? context.given.get(key) : resolve(source, args, context, info);
      };
    }
  }
  return schema;
}
