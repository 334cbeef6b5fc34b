import type { EngagementType } from '../engagement/input.ts';
import type { SandboxAccount } from './accounts.ts';
import type { ReadableType } from './parameters.ts';
import type { EngagementRecord } from './record.ts';
import type { SandboxRequest } from './request.ts';
import { seedEngagements } from './seed.ts';
import { findCollection } from './store.ts';

/**
 * The engagement the provider would find. Where the type is part of the address, one of another type is not there.
 * A reserved id stands for a record that always exists, so that its fault can strike after a success.
 */
export function findEngagement(
  request: SandboxRequest,
  account: SandboxAccount,
  type: ReadableType | undefined,
): EngagementRecord | undefined {
  if (request.hasReservedId) {
    const [template] = seedEngagements(account);
    return template && { ...template, id: request.id, engagement_type: knownType(type) ?? template.engagement_type };
  }
  const record = findCollection(request.store, 'engagements', account).get(request.id);
  const dependsOnType = account.rule?.requiresEngagementType === true;
  return dependsOnType && type !== undefined && record?.engagement_type !== type ? undefined : record;
}

function knownType(type: ReadableType | undefined): EngagementType | undefined {
  return type === 'task' ? undefined : type;
}
