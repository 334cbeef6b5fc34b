import type { Secret } from '../config/secret.ts';
import type { LimitedBy } from '../upstream/attempt.ts';

/** Who calls, what they may touch, and whose credential goes upstream for them. */
export interface Caller {
  /**
   * Tells callers apart in caches and logs without naming a secret: a JWT's subject, or a digest of the bearer.
   */
  readonly id: string;
  /** The integrated accounts the caller may touch; `all` when upstream itself decides, or the grant says so. */
  readonly grants: ReadonlySet<string> | 'all';
  /** The whole `Authorization` header for upstream. */
  readonly authorization: Secret;
  /** True when that is the caller's own, so that only the caller can mend it. */
  readonly bringsToken: boolean;
  /** The moment (by `performance.now()`) when the caller's proof expires; undefined when only upstream can tell. */
  readonly expiresAt?: number;
}

/**
 * True when the caller may touch the integrated account. An account that does not exist and one that is not granted
 * look alike, since nobody is asked.
 */
export function mayTouch(caller: Caller, integratedAccountId: string): boolean {
  return caller.grants === 'all' || caller.grants.has(integratedAccountId);
}

/** Whose limits a request of the caller counts against: those of the token that goes upstream, in this account. */
export function limitedBy({ id, bringsToken }: Caller, integratedAccountId: string): LimitedBy {
  return { tokenId: bringsToken ? id : 'server', integratedAccountId };
}
