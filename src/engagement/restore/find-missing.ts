import type { Caller } from '../account.ts';
import { type CreateEngagementInput, sentFields } from '../create/input.ts';
import { type ReadPorts, readResource } from '../read.ts';
import type { RecordKey } from '../record.ts';
import { type Resource, type ResourceField, resources } from '../resources.ts';
import type { CreateEngagementError, Unauthenticated } from '../result.ts';

/** What look-ups of related records have shown, by account, resource and id, so that each is read once. */
export type SeenReferences = Map<string, Promise<Seen>>;

type Seen = 'there' | keyof typeof endings | CreateEngagementError | Unauthenticated;

/** The options of the look-ups. */
interface LookUpOptions {
  readonly caller: Caller;
  readonly requestTimeoutMs: number;
  readonly hasCallerLeft: () => boolean;
}

const rows: Readonly<Record<string, ResourceField>> = resources.engagements;
const noFields: ReadonlySet<never> = new Set();

const endings = {
  missing: 'no longer exists. The provider may refuse the create, or leave it out.',
  unclear: 'could not be looked up.',
} as const;

/** The kinds of refusals that are not about one record. A retry, or a person, must come first. */
const isAccountWide = (end: { readonly kind: string }): end is CreateEngagementError | Unauthenticated =>
  ['RateLimitedError', 'Unauthenticated', 'AccountNeedsReauthError', 'AccountBlockedError'].includes(end.kind) ||
  (end.kind === 'UpstreamUnavailableError' && !('wasSent' in end)) ||
  end.kind === 'IntegratedAccountNotFoundError';

async function lookUp(
  target: Resource,
  key: RecordKey,
  { caller, requestTimeoutMs, hasCallerLeft }: LookUpOptions,
  ports: ReadPorts,
): Promise<Seen> {
  const options = { caller, hasCallerLeft, selected: noFields, deadlineAt: performance.now() + requestTimeoutMs };
  const end = await readResource(target, key, options, ports);
  if (end.kind === 'Found') return 'there';
  if (isAccountWide(end)) return end;
  return end.kind === 'NotFoundError' && end.accountFound ? 'missing' : 'unclear';
}

/**
 * Looks up the records that a create would refer to. Returns a sentence for each that no longer exists, or that could not be looked up.
 * @param seen gets each look-up.
 * @returns the refusal of a look-up, if it is about the account, a limit or an outage.
 */
export async function findMissing(
  input: CreateEngagementInput,
  options: LookUpOptions,
  ports: ReadPorts,
  seen: SeenReferences,
): Promise<readonly string[] | CreateEngagementError | Unauthenticated> {
  const { integratedAccountId } = input;
  const notes: string[] = [];
  for (const [field, value] of sentFields(input)) {
    const target = rows[field]?.target as Resource | undefined;
    for (const { id } of target ? ([value].flat() as readonly { id: string }[]) : []) {
      const name = JSON.stringify([integratedAccountId, target, id]);
      const look = seen.get(name) ?? lookUp(target as Resource, { id, integratedAccountId }, options, ports);
      seen.set(name, look);
      const shown = await look;
      if (typeof shown === 'object') {
        seen.delete(name);
        return shown;
      }
      if (shown !== 'there') notes.push(`${field}: the record ${id} ${endings[shown]}`);
    }
  }
  return notes;
}
