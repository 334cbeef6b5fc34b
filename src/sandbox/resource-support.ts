import type { Provider } from './provider.ts';
import type { RelatedKind } from './record-kind.ts';

/** Whether an integration has the method for that resource; every one but these is taken to have both [inferred]. */
export function isSupported(kind: RelatedKind, method: 'get' | 'list', provider: Provider): boolean {
  switch (kind) {
    case 'users':
      return method === 'list' || !provider.lacksUserGet;
    case 'projects':
      return provider.hasProjects === true;
    default:
      return true;
  }
}
