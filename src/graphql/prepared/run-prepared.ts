import type { DeleteEngagementResult } from '../../engagement/result.ts';
import type { Context, GivenResults } from '../core/context.ts';
import { type DeleteArguments, resolveDelete } from '../delete/delete-engagement.ts';
import type { PreparedDelete, PreparedOperation } from './prepare.ts';

/** How a prepared operation ended. */
export type PreparedEnd =
  /** The whole answer, as JSON text: what the executor would have answered, to the byte. */
  | { readonly kind: 'answer'; readonly text: string }
  /** Nothing was done: the executor takes the request as it is. */
  | { readonly kind: 'uncovered' }
  /** The deletes are done, but the answer has an error: the executor writes it, with the results given. */
  | { readonly kind: 'odd'; readonly given: GivenResults };

interface Ready {
  readonly delete_: PreparedDelete;
  readonly args: DeleteArguments;
}

const uncovered: PreparedEnd = { kind: 'uncovered' };

/** The deletes with their arguments, before the first is done; undefined when something is wrong with one. */
function makeReady(
  { readVariables, plan }: PreparedOperation,
  variables: Record<string, unknown>,
): readonly Ready[] | undefined {
  const coerced = readVariables(variables);
  const deletes = coerced && plan(coerced);
  if (!deletes) return undefined;
  try {
    return deletes.map((delete_) => ({
      delete_,
      // graphql-js types what it coerces as unknown; Pothos holds the field's arguments to this very type.
      args: delete_.readArguments(coerced) as unknown as DeleteArguments,
    }));
  } catch {
    return undefined;
  }
}

/** Writes the answer; undefined when a value of it is an error. */
function writeAnswer(
  done: readonly (readonly [PreparedDelete, DeleteEngagementResult])[],
  context: Context,
): string | undefined {
  try {
    let text = '{"data":{';
    for (const [index, [{ start, write }, result]] of done.entries()) {
      const field = (index === 0 ? '' : ',') + start + write(result, context);
      // The executor says which values have no room.
      if (!context.recordRoom.take(field)) return undefined;
      text += field;
    }
    return `${text}}}`;
  } catch {
    return undefined;
  }
}

/** What the executor's resolver will do in place of each delete: hand out its result, or fail as it failed. */
function givenResults(ends: readonly (readonly [PreparedDelete, () => DeleteEngagementResult])[]): GivenResults {
  return new Map(ends.map(([{ responseKey }, end]) => [responseKey, end]));
}

/**
 * Runs a prepared operation: its deletes one after another, then the answer as text. Whatever is not a plain success of
 * the operation is left to the executor, so that errors are written in one place only.
 */
export async function runPrepared(
  prepared: PreparedOperation,
  variables: Record<string, unknown>,
  context: Context,
): Promise<PreparedEnd> {
  const ready = makeReady(prepared, variables);
  if (!ready) return uncovered;
  const done: (readonly [PreparedDelete, DeleteEngagementResult])[] = [];
  const ends: (readonly [PreparedDelete, () => DeleteEngagementResult])[] = [];
  for (const { delete_, args } of ready) {
    try {
      const result = await resolveDelete(args, delete_.selection, delete_.responseKey, context);
      done.push([delete_, result]);
      ends.push([delete_, () => result]);
    } catch (error) {
      ends.push([
        delete_,
        () => {
          throw error;
        },
      ]);
    }
  }
  const text = done.length === ready.length ? writeAnswer(done, context) : undefined;
  return text === undefined ? { kind: 'odd', given: givenResults(ends) } : { kind: 'answer', text };
}
