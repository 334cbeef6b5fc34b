import type { DeleteEngagementResult } from '../../engagement/result.ts';
import type { Context, GivenResults } from '../core/context.ts';
import { type DeleteArguments, resolveDelete } from '../delete/delete-engagement.ts';
import type { PreparedOperation, Values } from './prepared-operations.ts';

type PreparedEnd =
  /** The whole answer, as JSON text: what the executor would have answered, to the byte. */
  | { readonly kind: 'answer'; readonly text: string }
  /** Nothing was done: the executor takes the request as it is. */
  | { readonly kind: 'uncovered' }
  /** The deletes are done, but the answer has an error: the executor writes it, with the results given. */
  | { readonly kind: 'odd'; readonly given: GivenResults };

/** The arguments of each delete, before the first is done; undefined when one is wrong. */
function readArguments({ readVariables, deletes }: PreparedOperation, given: Values): DeleteArguments[] | undefined {
  try {
    const variables = readVariables(given);
    // graphql-js types what it coerces as unknown; Pothos holds the field's arguments to this type.
    return deletes.map(({ readArguments: read }) => read(variables) as unknown as DeleteArguments);
  } catch {
    return undefined;
  }
}

/** Writes the answer; undefined when a value of it is an error. */
function writeAnswer({ deletes }: PreparedOperation, given: GivenResults, context: Context): string | undefined {
  try {
    let text = '{"data":{';
    for (const [index, { responseKey, write }] of deletes.entries()) {
      const field = `${index === 0 ? '' : ','}"${responseKey}":${write(given.get(responseKey)?.(), context)}`;
      // The executor decides which values there is no room for.
      if (!context.recordRoom.take(field)) return undefined;
      text += field;
    }
    return `${text}}}`;
  } catch {
    return undefined;
  }
}

/**
 * Runs a prepared operation: its deletes one after another, then the answer as text. Only a plain success is written here.
 * The executor writes all other results, so that errors are written in one place only.
 */
export async function runPrepared(
  prepared: PreparedOperation,
  variables: Values,
  context: Context,
): Promise<PreparedEnd> {
  const args = readArguments(prepared, variables);
  if (!args) return { kind: 'uncovered' };
  const given = new Map<string, () => DeleteEngagementResult>();
  for (const [index, { selection, responseKey }] of prepared.deletes.entries()) {
    try {
      const result = await resolveDelete(args[index] as DeleteArguments, selection, responseKey, context);
      given.set(responseKey, () => result);
    } catch (error) {
      given.set(responseKey, () => {
        throw error;
      });
    }
  }
  const text = writeAnswer(prepared, given, context);
  return text === undefined ? { kind: 'odd', given } : { kind: 'answer', text };
}
