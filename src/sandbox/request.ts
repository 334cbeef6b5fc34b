import { type SandboxAccount, sandboxAccounts } from './accounts.ts';
import type { SandboxFault } from './faults.ts';
import type { Query } from './query.ts';
import type { RateMeter } from './rate-limit.ts';
import { missingParameter, Refusal } from './refusal.ts';
import type { Store } from './store.ts';

/** What a route gets: a request that has proven itself, taken apart. */
export interface SandboxRequest {
  /** The `{id}` of the path, decoded; empty on a route without one. */
  readonly id: string;
  readonly query: Query;
  readonly store: Store;
  readonly rateMeter: RateMeter;
  /** The fault asked for by header, query, or reserved id. */
  readonly fault: SandboxFault | undefined;
  /** True when the id itself is the fault's name, so that there is no record of it. */
  readonly hasReservedId: boolean;
  readonly slowMs: number;
  readonly hugeBytes: number;
}

/** The account that `integrated_account_id` names: 400 without one, 404 (Truto's own) for one this token cannot see. */
export function findQueriedAccount(request: SandboxRequest): SandboxAccount {
  const id = request.query.integrated_account_id;
  if (id === undefined || id === '') {
    throw missingParameter('integrated_account_id');
  }
  if (typeof id !== 'string') {
    throw new Refusal(400, 'Query parameter integrated_account_id must be a string');
  }
  return findAccount(id);
}

/** The account of that id, or Truto's 404. Its status is documented (truto-skills, error-and-evidence-model.md), its words are a guess. */
export function findAccount(id: string): SandboxAccount {
  const account = sandboxAccounts.find((candidate) => candidate.id === id);
  if (account === undefined) {
    throw new Refusal(404, 'Integrated account not found');
  }
  return account;
}
