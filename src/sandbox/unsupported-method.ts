import type { SandboxAccount } from './accounts.ts';
import type { RecordKind } from './record-kind.ts';
import { Refusal } from './refusal.ts';

/** How Truto refuses a method that an integration's mapping lacks is NOT FOUND: 400 without the remote flag is [inferred]. */
export function unsupportedMethod(
  method: 'get' | 'list' | 'delete',
  kind: RecordKind,
  account: SandboxAccount,
): Refusal {
  return new Refusal(400, `Method ${method} of crm/${kind} is not supported by ${account.integration.name}`);
}
