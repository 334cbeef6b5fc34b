import { typeNamed } from './input.ts';
import type { Integration } from './integrations.ts';
import type { RecordKey } from './record.ts';
import { type Resource, resources } from './resources.ts';
import { checkId } from './rules.ts';

/** The parts of a node id: all that upstream needs to find one record. */
export interface NodeKey extends RecordKey {
  readonly resource: Resource;
  /** The type of an engagement. Null for other records, and if the id alone identifies an engagement. */
  readonly kind: string | null;
}

/**
 * The type in the node id of an engagement. If the integration requires no type, the id alone identifies an engagement. Otherwise, and if
 * the integration is unknown, a call and a meeting may have the same id. A documented type is in lower case, a provider's own unchanged.
 * @param type the record's own type, or else the caller's.
 */
export function nodeKind(integration: Integration | null, type: string | null | undefined): string | null {
  return integration && !integration.requiresEngagementType ? null : (typeNamed(type) ?? (type?.trim() || null));
}

/** Writes the node id of a record. It is stable: clients store it. */
export function writeNodeId({ resource, integratedAccountId, kind, id }: NodeKey): string {
  return Buffer.from(JSON.stringify([resource, integratedAccountId, kind, id])).toString('base64url');
}

const isId = (value: unknown): value is string => typeof value === 'string' && checkId(value, []).length === 0;

/** Reads a node id. Undefined for text that {@link writeNodeId} does not write, and for ids that break the rules. */
export function readNodeId(nodeId: string): NodeKey | undefined {
  try {
    const [resource, integratedAccountId, kind, id] = JSON.parse(Buffer.from(nodeId, 'base64url').toString());
    if (typeof resource !== 'string' || !Object.hasOwn(resources, resource)) return undefined;
    if (!isId(integratedAccountId) || !isId(id)) return undefined;
    if (kind !== null && !(resource === 'engagements' && isId(kind))) return undefined;
    const key = { resource: resource as Resource, integratedAccountId, kind, id };
    return writeNodeId(key) === nodeId ? key : undefined;
  } catch {
    return undefined;
  }
}
