import type { RedisClient } from '../redis/client.ts';
import type { SharedMemory } from '../redis/shared-memory.ts';

/** Redis is gone, so that nothing is known of bulk deletes, and nothing can be changed. */
export class BulkUnavailable extends Error {
  override readonly name = 'BulkUnavailable';
  /** The bulk delete that was being started: it may be there all the same. */
  readonly bulkDeleteId: string | undefined;

  constructor(message: string, bulkDeleteId?: string) {
    super(message);
    this.bulkDeleteId = bulkDeleteId;
  }
}

/**
 * Asks Redis what bulk deletes cannot go on without.
 * @throws {BulkUnavailable} when there is no answer.
 */
export async function askRedis<Result>(
  memory: Pick<SharedMemory, 'ask'>,
  question: (redis: RedisClient) => Promise<Result>,
): Promise<Result> {
  const answer = await memory.ask(question);
  if (answer === undefined) throw new BulkUnavailable('Redis does not answer');
  return answer;
}
