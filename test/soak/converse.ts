import { randomUUID } from 'node:crypto';
import type { Random } from '../../src/sandbox/random.ts';
import type { Answer } from './answer.ts';
import type { Asked, Caller } from './caller.ts';
import type { Operation } from './operations.ts';

/** What a caller goes away with who sent a delete again, without a key. */
function afterRepetition(first: Answer, second: Answer): Answer {
  // The other delete of a pair was the reason to repeat both.
  if (first.told === 'deleted') return first;
  const result = `${first.result}, then ${second.result}`;
  if (first.told !== 'unknown' || second.told === 'deleted' || second.told === 'nothing') return { ...second, result };
  // What the first answer promised: not found now means that the first one did it. Another refusal speaks of the second.
  return { ...second, result, told: second.result === 'NotFoundError' ? 'deleted' : 'unknown' };
}

/** With a key, the second answer speaks of both; but a server that is too busy looks at neither. */
function afterSameKey(first: Answer, second: Answer): Answer {
  if (second.result === 'OVERLOADED') return first;
  return { ...second, result: `${first.result}, then with the same key ${second.result}` };
}

/**
 * Has one operation carried out by a caller who may hang up, may send a key, and may do as an unknown outcome advises:
 * send it again.
 * @param mayUseKey whether a key may go along: the facade remembers for 10 minutes what it did under one.
 * @returns what the caller goes away with.
 */
export async function converse(
  caller: Caller,
  operation: Operation,
  random: Random,
  mayUseKey: boolean,
): Promise<Asked> {
  const idempotencyKey = mayUseKey && random.integer(1, 5) === 1 ? randomUUID() : undefined;
  const isImpatient = random.integer(1, 100) <= (idempotencyKey === undefined ? 1 : 20);
  const hangsUpAfterMs = isImpatient ? random.integer(0, 30) : undefined;
  const repeats = idempotencyKey !== undefined || random.integer(1, 2) === 1;

  const keyed = idempotencyKey === undefined ? {} : { idempotencyKey };
  const first = await caller.ask(operation, { ...keyed, ...(hangsUpAfterMs !== undefined && { hangsUpAfterMs }) });
  const isOpen = ({ told, retrySafe }: Answer) =>
    (told === 'unknown' && retrySafe) || (told === 'left' && idempotencyKey !== undefined);
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
