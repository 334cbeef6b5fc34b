import type { IncomingHttpHeaders } from 'node:http';
import { type SandboxAccount, sandboxAccounts } from './accounts.ts';
import { invalidParameter, missingParameter, Refusal } from './answer.ts';
import type { SandboxFault } from './faults.ts';
import type { CountForTruto, RateMeter } from './limits.ts';
import type { Query } from './query.ts';
import type { Engagements } from './records.ts';

/** A request as it came in. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, undecoded. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** Picks a fault for a request that does not ask for one; undefined for none. */
export type PickFault = (request: ReceivedRequest) => SandboxFault | undefined;

/** How one sandbox behaves. */
export interface SandboxSettings {
  /** The only bearer token that it accepts. @default sandboxToken */
  readonly token: string;
  /** How long `fault-slow` waits. @default 30000 */
  readonly slowMs: number;
  /** The size of `fault-huge`'s content. @default 8388608 (8 MiB) */
  readonly hugeBytes: number;
  /** Lets faults strike that no request asked for, to test a client under a steady rate of them. @default none */
  readonly pickFault: PickFault;
}

/** What one running sandbox consists of. */
export interface SandboxState extends SandboxSettings {
  /** By account. What engagements refer to is the same in every sandbox: see `resources.ts`. */
  readonly engagements: ReadonlyMap<SandboxAccount, Engagements>;
  readonly rateMeter: RateMeter;
  readonly countForTruto: CountForTruto;
}

/** A request with a valid token and a known path. */
export interface SandboxRequest {
  readonly state: SandboxState;
  /** The `{id}` of the path, decoded; empty on a route without one. */
  readonly id: string;
  readonly query: Query;
  /** The fault asked for by header, query, or reserved id. */
  readonly fault: SandboxFault | undefined;
  /** The connection that the request uses; absent on routes that use none. */
  readonly account?: SandboxAccount;
}

/** A request about records of an account. */
export type AccountRequest = SandboxRequest & { readonly account: SandboxAccount };

/** The account that `integrated_account_id` names: 400 without one, 404 (Truto's own) for one that this token cannot see. */
export function findQueriedAccount({ integrated_account_id: id = '' }: Query): SandboxAccount {
  if (id === '') throw missingParameter('integrated_account_id');
  if (typeof id !== 'string') throw invalidParameter('integrated_account_id', 'must be a string');
  return findAccount(id);
}

/** The account of that id, or Truto's 404. Its status is documented (truto-skills, error-and-evidence-model.md), its text is a guess. */
export function findAccount(id: string): SandboxAccount {
  const account = sandboxAccounts.find((candidate) => candidate.id === id);
  if (account === undefined) throw new Refusal(404, 'Integrated account not found');
  return account;
}
