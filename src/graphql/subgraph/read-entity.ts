import type { GraphQLResolveInfo } from 'graphql';
import { mayTouch } from '../../engagement/access.ts';
import type { RecordKey, ResourceRecord } from '../../engagement/record.ts';
import { notGranted, refusedInput } from '../../engagement/refusal.ts';
import type { Resource } from '../../engagement/resources.ts';
import { checkId } from '../../engagement/text-rules.ts';
import { fieldError } from '../../errors.ts';
import { type Context, requireCaller } from '../context.ts';
import { failedRead } from '../read-error.ts';
import { wireFieldsBelow } from '../selection.ts';

/** How many entities one field may ask for. */
const maxEntities = 1_000;

/**
 * Checks how many entities are asked for at once.
 * @throws {GraphQLError} `BAD_USER_INPUT` for more than 1,000.
 */
export function checkEntityCount(count: number): void {
  if (count > maxEntities)
    throw fieldError('BAD_USER_INPUT', `Nothing was read. At most ${maxEntities} entities may be asked for at once.`);
}

/** What a gateway gives for a key need not be one. */
function readKey({ id, integratedAccountId }: RecordKey): RecordKey {
  if (typeof id === 'string' && typeof integratedAccountId === 'string') return { id, integratedAccountId };
  throw fieldError('BAD_USER_INPUT', 'Nothing was read. A key is an id and an integratedAccountId, both texts.');
}

/**
 * Reads the record behind an entity's key, with the fields that are selected where `info` points; null when upstream knows
 * none, as of one that was just deleted.
 * @throws {GraphQLError} for a key that is none, a caller who may not touch the account, and a read that failed.
 */
export async function readEntity<R extends Resource>(
  resource: R,
  typeName: string,
  given: RecordKey,
  context: Context,
  info: GraphQLResolveInfo,
): Promise<ResourceRecord<R> | null> {
  const caller = requireCaller(context);
  const key = readKey(given);
  if (!mayTouch(caller, key.integratedAccountId)) throw failedRead(notGranted());
  const issues = [...checkId(key.id, ['id']), ...checkId(key.integratedAccountId, ['integratedAccountId'])];
  if (issues.length > 0) throw failedRead(refusedInput(issues));
  const selected = wireFieldsBelow(info, resource, typeName);
  const outcome = await context.recordLoaders.read(resource, key, selected);
  if (outcome.kind === 'NotFoundError' && outcome.accountFound) return null;
  if (outcome.kind !== 'Found') throw failedRead(outcome);
  return outcome.record;
}
