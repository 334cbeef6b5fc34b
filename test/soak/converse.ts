import { randomUUID } from 'node:crypto';
import type { Random } from '../../src/sandbox/random.ts';
import type { Answer } from './answer.ts';
import type { Asked, Caller } from './caller.ts';
import type { Operation } from './operations.ts';

/** The final result for a caller that sent a delete again without a key. */
function afterRepetition(first: Answer, second: Answer): Answer {
  // The other delete of a pair was the reason to repeat both.
  if (first.reported === 'deleted') return first;
  const result = `${first.result}, then ${second.result}`;
  if (first.reported !== 'unknown' || second.reported === 'deleted' || second.reported === 'nothing')
    return { ...second, result };
  // As the first answer promises, "not found" now means that the first delete succeeded. Any other refusal is only about the second.
  return { ...second, result, reported: second.result === 'NotFoundError' ? 'deleted' : 'unknown' };
}

/** With a key, the second answer is about both, unless the server shed the second request. */
function afterSameKey(first: Answer, second: Answer): Answer {
  if (second.result === 'OVERLOADED') return first;
  return { ...second, result: `${first.result}, then with the same key ${second.result}` };
}

/**
 * Sends one operation as a caller that may hang up, may use a key, and may send the operation again after an unknown outcome.
 * @param mayUseKey whether to allow a key. The facade keeps the outcome of a key for 10 minutes.
 * @returns the caller's final result.
 */
export async function converse(
  caller: Caller,
  operation: Operation,
  random: Random,
  mayUseKey: boolean,
): Promise<Asked> {
  const idempotencyKey = mayUseKey && random.integer(1, 5) === 1 ? randomUUID() : undefined;
  const hangsUp = random.integer(1, 100) <= (idempotencyKey === undefined ? 1 : 20);
  const hangsUpAfterMs = hangsUp ? random.integer(0, 30) : undefined;
  const repeats = idempotencyKey !== undefined || random.integer(1, 2) === 1;

  const keyed = idempotencyKey === undefined ? {} : { idempotencyKey };
  const first = await caller.ask(operation, { ...keyed, ...(hangsUpAfterMs !== undefined && { hangsUpAfterMs }) });
  const isOpen = ({ reported, retrySafe }: Answer) =>
    (reported === 'unknown' && retrySafe) || (reported === 'left' && idempotencyKey !== undefined);
  if (!repeats || !first.answers.some(isOpen)) return first;

  const second = await caller.ask(operation, keyed);
  const combine = idempotencyKey === undefined ? afterRepetition : afterSameKey;
  return {
    answers: first.answers.map((answer, index) => combine(answer, second.answers[index] ?? answer)),
    executed: {
      least: first.executed.least + second.executed.least,
      most: first.executed.most + second.executed.most,
    },
  };
}
