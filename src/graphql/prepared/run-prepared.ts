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

function readArguments({ readVariables, fields }: PreparedOperation, given: Values) {
  const variables = readVariables(given);
  return { variables, args: fields.map((field) => field.readArguments(variables)) };
}

/**
 * Runs a prepared operation. Only answers without errors are written here, so that errors are written in one place only. With a wrong
 * variable or argument, no field is run. Never rejects.
 */
export async function runPrepared(
  prepared: PreparedOperation,
  givenVariables: Values,
  context: Context,
): Promise<PreparedEnd> {
  const given = new Map<string | number, Promise<unknown>>();
  let read: ReturnType<typeof readArguments>;
  try {
    read = readArguments(prepared, givenVariables);
  } catch {
    return { text: undefined, given };
  }
  const { variables, args } = read;
  const texts: (string | undefined | Promise<string | undefined>)[] = [];
  for (const [index, { responseKey, resolve, write }] of prepared.fields.entries()) {
    const result = (async () => resolve(undefined, args[index] ?? {}, context))();
    given.set(responseKey, result);
    const text = new Output(context, variables).write(result, write);
    texts.push(prepared.isSerial ? await text : text);
    // Then the executor runs the rest: only it knows when all of this mutation has ended.
    if (texts.at(-1) === undefined) break;
  }
  const written = await Promise.all(texts);
  if (written.includes(undefined)) return { text: undefined, given };
  const members = prepared.fields.map(({ responseKey }, index) => `"${responseKey}":${written[index]}`);
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
