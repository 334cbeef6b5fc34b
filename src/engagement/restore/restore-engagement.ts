import type { Caller } from '../account.ts';
import { type CreatePorts, createEngagement } from '../create/create-engagement.ts';
import { findCreated, hasSent } from '../create/find-created.ts';
import { type CreateEngagementInput, sentFields, writableFieldNames, writableFields } from '../create/input.ts';
import { refusedInput } from '../refusal.ts';
import { readAfterDelete } from '../read.ts';
import type { EngagementRecord } from '../record.ts';
import type { CreateEngagementError, CreateEngagementPlan, CreateOutcome, Unauthenticated } from '../result.ts';
import { engagementKey, type KeptRecord } from './undo-line.ts';

/** A new record has the fields of the old one, as far as the provider took them. */
interface Restored {
  readonly kind: 'Restored';
  readonly newId: string;
  readonly outcome: CreateOutcome;
  /** The fields of the old record that the new one lacks, as far as the answer shows it. */
  readonly lost: readonly string[];
  readonly warnings: readonly string[];
}

/** How a restore ended. Nothing was created, except by `Restored`, and perhaps by `MayBeRestored` and `OutcomeUnknownError`. */
export type RestoreEnd =
  | Restored
  /** A dry run: the old record is gone, and this is the create. */
  | (Pick<CreateEngagementPlan, 'request'> & {
      readonly kind: 'RestorePlan';
      readonly lost: readonly string[];
      readonly warnings: readonly string[];
    })
  /** The old record can be read. */
  | { readonly kind: 'StillExists'; readonly message: string }
  /** The old record can be read, and the provider may show deleted records. */
  | { readonly kind: 'MayStillExist'; readonly message: string }
  /** An earlier create may have been sent, and its record was not found. */
  | { readonly kind: 'MayBeRestored'; readonly message: string }
  | CreateEngagementError
  | Unauthenticated;

/** The options of a restore. */
export interface RestoreOptions {
  readonly caller: Caller;
  readonly dryRun: boolean;
  /** How many earlier creates of this record were refused: upstream may repeat such an answer for the same `Idempotency-Key`. */
  readonly refusalCount: number;
  /** When an earlier create of this record began that has no known end, in milliseconds since 1970. Then none is sent. */
  readonly begunAtMs?: number | undefined;
  /** The time for each of its two steps. */
  readonly requestTimeoutMs: number;
  /** True once nothing further is to be sent. */
  readonly hasCallerLeft: () => boolean;
}

/** The services that a restore needs. */
export interface RestorePorts extends CreatePorts {
  /** Notes durably that a create is about to be sent. It is sent only after that. */
  readonly onBegin: () => Promise<void>;
  /** True when the new record with that id restores another one. Two records may have the same values. */
  readonly isTaken: (newId: string) => boolean;
}

/** The fields of the new record that are compared with those that were sent. */
const fieldsOf = (input: CreateEngagementInput) => new Set(sentFields(input).map(([name]) => name));

/** How much earlier than this machine's clock a provider's clock may be. */
const maxClockDifferenceMs = 10_000;

const lookFirst = 'Look for it in the CRM before you create it.';

/** The create of a kept record, and the fields that it cannot have. */
export function createOf({ record, unreadable }: KeptRecord): {
  readonly input: CreateEngagementInput;
  readonly lost: readonly string[];
} {
  const { id: _old, integratedAccountId, ...values } = record;
  const isEmpty = (value: unknown) => Array.isArray(value) && value.length === 0;
  const { fields, leftOut } = writableFields(
    Object.fromEntries(Object.entries(values).filter(([, value]) => !isEmpty(value))),
  );
  return { input: { integratedAccountId, fields }, lost: [...leftOut, ...unreadable] };
}

/** Checks a kept record against the rules of a create, without sending it: the plan has a refusal if it cannot be restored. */
export async function planRestore(
  kept: KeptRecord,
  { caller, requestTimeoutMs, hasCallerLeft }: RestoreOptions,
  ports: CreatePorts,
) {
  const { input, lost } = createOf(kept);
  const deadlineAt = performance.now() + requestTimeoutMs;
  const options = { caller, selected, dryRun: true, callerKey: undefined, hasCallerLeft, deadlineAt };
  return { end: await createEngagement(input, options, ports), lost };
}

/** Proves that the old record is gone. Undefined when it is. */
async function findOld(
  { record, wasDeleted }: KeptRecord,
  { caller, requestTimeoutMs, hasCallerLeft }: RestoreOptions,
  ports: CreatePorts,
): Promise<RestoreEnd | undefined> {
  const { id, integratedAccountId, engagement_type: engagementType } = record;
  const deadlineAt = performance.now() + requestTimeoutMs;
  const seen = await readAfterDelete({ id, integratedAccountId, engagementType }, { caller, deadlineAt, hasCallerLeft }, ports);
  switch (seen.kind) {
    case 'MarkedDeleted':
      return undefined;
    case 'There':
      return { kind: 'StillExists', message: 'Nothing was created: the engagement still exists.' };
    case 'Unproven': {
      const message =
        'Nothing was created: the engagement can be read, and this does not show whether it is deleted. Look for it in the CRM.';
      return wasDeleted ? undefined : { kind: 'MayStillExist', message };
    }
    case 'NotFoundError': {
      const message = 'Nothing was created: it could not be checked whether the engagement is gone. Try again.';
      return seen.isUnchecked ? { kind: 'UpstreamUnavailableError', message } : undefined;
    }
    case 'Unauthenticated':
      return seen;
    default:
      return { ...seen, message: `Nothing was created: the old engagement could not be looked for. ${seen.message}` };
  }
}

/** The fields that were sent, and that the new record does not have as they were sent. */
function dropped(input: CreateEngagementInput, record: EngagementRecord | null): readonly string[] {
  return record ? sentFields(input).flatMap((sent) => (hasSent(record, sent) ? [] : [sent[0]])) : [];
}

/** Looks for the new record of an earlier create whose end is not known. */
async function findNew(
  input: CreateEngagementInput,
  begunAtMs: number,
  { caller, requestTimeoutMs, hasCallerLeft }: RestoreOptions,
  { isTaken, ...ports }: RestorePorts,
): Promise<EngagementRecord | string> {
  const options = { caller, selected, deadlineAt: performance.now() + requestTimeoutMs, hasCallerLeft };
  const search = await findCreated(input, begunAtMs - maxClockDifferenceMs, options, ports);
  if (search.kind === 'Unclear') return search.why;
  return search.kind === 'One' && !isTaken(search.record.id) ? search.record : 'A search did not find it.';
}

/**
 * Creates the record anew, under a new id, if the old one is gone. The create is sent once. After an unclear answer, and when an earlier
 * create has no known end, the new record is searched for instead.
 */
export async function restoreEngagement(
  kept: KeptRecord,
  options: RestoreOptions,
  ports: RestorePorts,
): Promise<RestoreEnd> {
  const { caller, dryRun, refusalCount, begunAtMs, requestTimeoutMs, hasCallerLeft } = options;
  const { input, lost } = createOf(kept);
  function restored(record: EngagementRecord | null, rest: Pick<Restored, 'newId' | 'outcome' | 'warnings'>): Restored {
    return { kind: 'Restored', ...rest, lost: [...lost, ...dropped(input, record)] };
  }
  if (begunAtMs !== undefined) {
    const found = await findNew(input, begunAtMs, options, ports);
    if (typeof found === 'string')
      return { kind: 'MayBeRestored', message: `An earlier restore may have created it. ${found} ${lookFirst}` };
    return restored(found, { newId: found.id, outcome: 'FOUND', warnings: ['An earlier restore created it.'] });
  }
  const old = await findOld(kept, options, ports);
  if (old) return old;
  if (!dryRun) await ports.onBegin();
  const callerKey = ['restore', JSON.stringify([engagementKey(kept.record), refusalCount])] as const;
  const deadlineAt = performance.now() + requestTimeoutMs;
  const end = await createEngagement(input, { caller, selected, dryRun, callerKey, hasCallerLeft, deadlineAt }, ports);
  if (end.kind === 'CreateEngagementPlan')
    return { kind: 'RestorePlan', request: end.request, lost, warnings: end.findings.map(located) };
  if (end.kind !== 'CreateEngagementSuccess') return end;
  const { createdEngagementId: newId, outcome, engagement, warnings } = end;
  if (outcome === 'FOUND' && ports.isTaken(newId))
    return { kind: 'MayBeRestored', message: `No answer proved the create, and a search found only another new record. ${lookFirst}` };
  return restored(engagement, { newId, outcome, warnings });
}
