import type { RelatedKind } from './record-kind.ts';

/** The ways to read a related resource. */
export type ReadMethod = 'get' | 'list';

/** Integrations whose users can be listed but not read one by one. That Affinity and Copper list theirs is [inferred]. */
const withoutUserGet: ReadonlySet<string> = new Set(['Affinity', 'Copper', 'Freshsales', 'Keap', 'Monday CRM']);

const withProjects: ReadonlySet<string> = new Set(['Capsule', 'Insightly', 'Pipeliner', 'Planhat', 'Teamleader']);

/**
 * Whether the integration of that label has the method for that resource. The documentation's lists of `users.get` and
 * of projects are complete; for the other resources every integration is taken to have both methods [inferred].
 */
export function isSupported(kind: RelatedKind, method: ReadMethod, label: string): boolean {
  switch (kind) {
    case 'users':
      return method === 'list' || !withoutUserGet.has(label);
    case 'projects':
      return withProjects.has(label);
    default:
      return true;
  }
}
