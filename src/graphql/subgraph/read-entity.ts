import type { GraphQLResolveInfo } from 'graphql';
import { canAccess } from '../../engagement/account.ts';
import { readNodeId } from '../../engagement/node-id.ts';
import type { RecordKey, ResourceRecord } from '../../engagement/record.ts';
import { notGranted, refusedInput } from '../../engagement/refusal.ts';
import type { Resource } from '../../engagement/resources.ts';
import { checkId } from '../../engagement/rules.ts';
import { type Context, requireCaller } from '../context.ts';
import { failedRead } from '../read-error.ts';
import type { TypedKey } from '../record-loaders.ts';
import { wireFieldsBelow } from '../selection.ts';
import { fieldError } from '../top-level-errors.ts';

/** How many entities one operation may ask for, by all of its fields together: by ten aliases, one list would be ten. */
const maxEntities = 1_000;

/** How many the fields of an operation have asked for so far. */
const askedFor = new WeakMap<Context, number>();

/**
 * Counts the entities that a field asks for.
 * @throws {GraphQLError} `BAD_USER_INPUT` when its operation asks for more than 1,000.
 */
export function countEntities(count: number, context: Context): void {
  const asked = (askedFor.get(context) ?? 0) + count;
  askedFor.set(context, asked);
  if (asked > maxEntities)
    throw fieldError('BAD_USER_INPUT', `Nothing was read. One operation may ask for ${maxEntities} entities.`);
}

/** What a gateway gives for a key; it need not be one. */
export type EntityKey = Partial<RecordKey> & { readonly nodeId?: string };

function readKey(resource: Resource, { id, integratedAccountId, nodeId }: EntityKey): TypedKey {
  const node = typeof nodeId === 'string' ? readNodeId(nodeId) : undefined;
  if (node?.resource === resource) return { ...node, engagementType: node.kind };
  const isPair = nodeId === undefined && typeof id === 'string' && typeof integratedAccountId === 'string';
  if (isPair) return { id, integratedAccountId };
  const keys = 'an id and an integratedAccountId, both texts, or a nodeId of its type';
  throw fieldError('BAD_USER_INPUT', `Nothing was read. A key is ${keys}.`);
}

/**
 * Reads the record behind a key, with the fields that are selected where `info` points; null when upstream knows none, as of
 * one that was just deleted.
 * @throws {GraphQLError} for a caller who may not touch the account, and a read that failed.
 */
export async function readByKey<R extends Resource>(
  resource: R,
  typeName: string,
  key: TypedKey,
  context: Context,
  info: GraphQLResolveInfo,
): Promise<ResourceRecord<R> | null> {
  const caller = requireCaller(context);
  if (!canAccess(caller, key.integratedAccountId)) throw failedRead(notGranted());
  const issues = [...checkId(key.id, ['id']), ...checkId(key.integratedAccountId, ['integratedAccountId'])];
  if (issues.length > 0) throw failedRead(refusedInput(issues));
  const selected = wireFieldsBelow(info, resource, typeName);
  const outcome = await context.recordLoaders.read(resource, key, selected);
  if (outcome.kind === 'NotFoundError' && outcome.accountFound) return null;
  if (outcome.kind !== 'Found') throw failedRead(outcome);
  return outcome.record;
}

/**
 * Reads the record behind an entity's key, as {@link readByKey} does.
 * @throws {GraphQLError} for a key that is none, too.
 */
export async function readEntity<R extends Resource>(
  resource: R,
  typeName: string,
  given: EntityKey,
  context: Context,
  info: GraphQLResolveInfo,
): Promise<ResourceRecord<R> | null> {
  requireCaller(context);
  return readByKey(resource, typeName, readKey(resource, given), context, info);
}
