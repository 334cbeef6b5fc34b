import { createEngagement } from '../create/create-engagement.ts';
import { type CreateEngagementInput, isCallOrUntyped, isEmpty, isWritable, sentFields } from '../create/input.ts';
import { type CreatedSearch, contradicts, findCreated, hasSent } from '../create/outcome.ts';
import { type ReadBounds, type ReadPorts, readAfterDelete, readResource } from '../read.ts';
import type { EngagementRecord, RecordKey } from '../record.ts';
import { type Resource, resources } from '../resources.ts';
import {
  type CreateEnd,
  type CreateEngagementError,
  type CreateEngagementPlan,
  type CreateOutcome,
  isAccountWide,
  located,
  type Refusal,
  type Unauthenticated,
} from '../result.ts';
import type { WritePorts } from '../write.ts';
import { engagementKey, type KeptRecord } from './undo-line.ts';

/** A new record exists. */
interface Restored {
  readonly kind: 'Restored';
  readonly newId: string;
  readonly outcome: CreateOutcome;
  /** The fields of the old record that no create can write. */
  readonly lost: readonly string[];
  /** The fields that were sent, but that the new record does not show as they were sent. */
  readonly unconfirmed: readonly string[];
  readonly warnings: readonly string[];
}

/** How a restore ended. Nothing was created, except by `Restored`, and perhaps by `MayBeRestored` and `OutcomeUnknownError`. */
export type RestoreEnd =
  | Restored
  /** A dry run: the old record is gone, and this is the create. `warnings` names related records that no longer exist. */
  | (Pick<CreateEngagementPlan, 'request'> & Pick<Restored, 'lost' | 'warnings'> & { readonly kind: 'RestorePlan' })
  /** The old record can be read. `MayStillExist`: but the provider may show deleted records. */
  | { readonly kind: 'StillExists' | 'MayStillExist'; readonly message: string }
  /** An earlier create may have been sent, and its record was not found. `refused`: the search failed, and a later one may find it. */
  | { readonly kind: 'MayBeRestored'; readonly message: string; readonly refused?: Refusal | undefined }
  | CreateEngagementError
  | Unauthenticated;

/** On whose behalf a step of a restore is taken. */
interface StepOptions extends Omit<ReadBounds, 'deadlineAt'> {
  /** The time for the step. */
  readonly requestTimeoutMs: number;
}

/** The options of a restore. */
export interface RestoreOptions extends StepOptions {
  readonly dryRun: boolean;
  /** How many earlier creates of this record were refused: upstream may repeat such an answer for the same `Idempotency-Key`. */
  readonly refusalCount: number;
  /** When an earlier create of this record began that has no known end, in milliseconds since 1970. Then none is sent. */
  readonly begunAtMs?: number | undefined;
}

/** The services that a restore needs. */
export interface RestorePorts extends WritePorts {
  /** Notes durably that a create is about to be sent. It is sent only after that. */
  readonly onBegin: () => Promise<void>;
  /** What dry runs have looked up so far. */
  readonly seenReferences: SeenReferences;
  /** True when the new record with that id restores another one. Two records may have the same values. */
  readonly isTaken: (newId: string) => boolean | Promise<boolean>;
  /** The other records of its account whose earlier creates have no known end; undefined for one that cannot be read. */
  readonly others?: () => AsyncIterable<KeptRecord | undefined>;
}

/** How much earlier than this machine's clock a provider's clock may be. */
const maxClockDifferenceMs = 10_000;
/** How long after its request's timeout Truto or the provider may still carry out a create. */
const maxLateMs = 60_000;
const foundBySearch = 'No answer of Truto proved the create. A search found this engagement, which was created since.';
/** For a search that found only a record that restores another engagement. */
export const onlyAnother = 'A search found only the new record of another engagement.';
const mayBeAnother = 'A search found one that the restore of another engagement may have created.';
const onlyLater = 'A search found only an engagement that was created later.';
/** The advice for a record that a restore may have created. */
export const lookFirst = 'Look for it in the CRM before you create it.';

/** The create of a kept record, and the fields of the record that it cannot have. */
export function createOf({ record, unreadable }: KeptRecord): {
  readonly input: CreateEngagementInput;
  readonly lost: readonly string[];
} {
  const { id: _old, integratedAccountId, additionalFields, ...documented } = record;
  const values = Object.entries({ ...additionalFields, ...documented }).filter(([, value]) => !isEmpty(value));
  const lost = values.map(([name]) => name).filter((name) => !isWritable(name));
  const fields: Record<string, unknown> = Object.fromEntries(values.filter(([name]) => isWritable(name)));
  const { phone_numbers: numbers } = documented;
  // A new phone number has no id yet. In one order: equal creates have equal digests.
  if (numbers?.length)
    fields.phone_numbers = numbers.map(({ number, extension, type }) => ({ number, extension, type }));
  if ('direction' in fields && !isCallOrUntyped({ integratedAccountId, fields })) {
    delete fields.direction;
    lost.push('direction');
  }
  return { input: { integratedAccountId, fields }, lost: [...lost, ...unreadable] };
}

function boundsOf({ caller, requestTimeoutMs, hasCallerLeft }: StepOptions) {
  return { caller, hasCallerLeft, deadlineAt: performance.now() + requestTimeoutMs };
}

/** Of a create that reads the fields that it sends: they are compared. */
function createOptions(input: CreateEngagementInput, options: StepOptions) {
  return { ...boundsOf(options), selected: new Set(sentFields(input).map(([name]) => name)) };
}

/** Checks a kept record against the account and the rules of a create. Returns the dry run of the create. */
export function planRestore(
  kept: KeptRecord,
  options: StepOptions,
  ports: WritePorts,
): Promise<Exclude<CreateEnd, { kind: 'CreateEngagementSuccess' }>> {
  const { input } = createOf(kept);
  const terms = { ...createOptions(input, options), dryRun: true, callerKey: undefined };
  // A dry run creates nothing.
  return createEngagement(input, terms, ports) as ReturnType<typeof planRestore>;
}

/** Proves that the old record is gone. Undefined when it is. */
async function findOld(
  { record, wasDeleted }: KeptRecord,
  options: StepOptions,
  ports: WritePorts,
): Promise<RestoreEnd | undefined> {
  const { id, integratedAccountId } = record;
  const key = { id, integratedAccountId, engagementType: record.engagement_type };
  const seen = await readAfterDelete(key, boundsOf(options), ports);
  if (seen === 'MarkedDeleted' || (seen === 'Unproven' && wasDeleted)) return undefined;
  if (seen === 'There') return { kind: 'StillExists', message: 'Nothing was created: the engagement still exists.' };
  if (seen === 'Unproven') {
    const message =
      'Nothing was created: the engagement can be read, and this does not show whether it is deleted. Look for it in the CRM.';
    return { kind: 'MayStillExist', message };
  }
  if (seen.kind === 'NotFoundError') {
    const message = 'Nothing was created: it could not be checked whether the engagement is gone. Try again.';
    return seen.isUnchecked ? { kind: 'UpstreamUnavailableError', message } : undefined;
  }
  if (seen.kind === 'Unauthenticated') return seen;
  return { ...seen, message: `Nothing was created: the old engagement could not be looked for. ${seen.message}` };
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
  const { dryRun, refusalCount, begunAtMs } = options;
  const { input, lost } = createOf(kept);
  const callerKey = ['restore', JSON.stringify([engagementKey(kept.record), refusalCount])] as const;
  /** Why a found record may be that of another engagement. Undefined when it cannot. */
  async function findOther(newId: string, record: EngagementRecord | null): Promise<string | undefined> {
    if (await ports.isTaken(newId)) return onlyAnother;
    if (record)
      for await (const other of ports.others?.() ?? [])
        if (!other || !contradicts(record, createOf(other).input)) return mayBeAnother;
    return undefined;
  }
  /** Looks for the new record of a create whose end is not known. */
  async function findNew(beganAtMs: number): Promise<CreatedSearch> {
    const sinceMs = beganAtMs - maxClockDifferenceMs;
    const search = await findCreated(input, sinceMs, createOptions(input, options), ports, callerKey.join());
    if (search.kind !== 'One') return search;
    const { id, created_at: createdAt } = search.record;
    const isLater = Date.parse(createdAt ?? '') > beganAtMs + options.requestTimeoutMs + maxLateMs;
    const why = (await findOther(id, search.record)) ?? (isLater ? onlyLater : undefined);
    return why === undefined ? search : { kind: 'Unclear', why };
  }
  function restored(record: EngagementRecord | null, rest: Pick<Restored, 'newId' | 'outcome' | 'warnings'>): Restored {
    const unconfirmed = sentFields(input).flatMap((sent) => (record && hasSent(record, sent) ? [] : [sent[0]]));
    return { kind: 'Restored', ...rest, lost, unconfirmed };
  }
  const foundNew = (record: EngagementRecord) =>
    restored(record, { newId: record.id, outcome: 'FOUND', warnings: [foundBySearch] });
  if (begunAtMs !== undefined) {
    const found = await findNew(begunAtMs);
    if (found.kind === 'One') return foundNew(found.record);
    const [why, refused] = found.kind === 'None' ? ['A search did not find it.'] : [found.why, found.refused];
    return { kind: 'MayBeRestored', message: `An earlier restore may have created it. ${why} ${lookFirst}`, refused };
  }
  const old = await findOld(kept, options, ports);
  if (old) return old;
  // Computed before: a process that freezes in between must not send what another has settled since.
  const terms = createOptions(input, options);
  if (!dryRun) await ports.onBegin();
  const sentAtMs = Date.now();
  const end = await createEngagement(input, { ...terms, dryRun, callerKey }, ports);
  if (end.kind === 'CreateEngagementPlan') {
    const missing = await findMissing(input, options, ports);
    if ('kind' in missing) return missing;
    return { kind: 'RestorePlan', request: end.request, lost, warnings: [...end.findings.map(located), ...missing] };
  }
  if (end.kind === 'OutcomeUnknownError') {
    const found = await findNew(sentAtMs);
    return found.kind === 'One' ? foundNew(found.record) : end;
  }
  if (end.kind !== 'CreateEngagementSuccess') return end;
  const { createdEngagementId: newId, outcome, engagement, warnings } = end;
  const why = outcome === 'FOUND' ? await findOther(newId, engagement) : undefined;
  if (why) return { kind: 'MayBeRestored', message: `No answer proved the create. ${why} ${lookFirst}` };
  return restored(engagement, { newId, outcome, warnings });
}

/** What look-ups of related records have shown, by account, resource and id, so that each is read once. */
export type SeenReferences = Map<string, Promise<Seen>>;
type GeneralRefusal = Exclude<Refusal, { kind: 'NotFoundError' }>;
/** Null for a record that exists. Else the rest of a sentence about it, or a refusal that is not about one record. */
type Seen = string | null | GeneralRefusal;

/** True for a refusal that is not about one record. A retry, or a person, must come first. */
const isAboutAll = (end: Refusal): end is GeneralRefusal =>
  isAccountWide(end.kind) ||
  ['RateLimitedError', 'Unauthenticated'].includes(end.kind) ||
  (end.kind === 'UpstreamUnavailableError' && !end.wasSent);

async function lookUp(target: Resource, key: RecordKey, options: StepOptions, ports: ReadPorts): Promise<Seen> {
  const end = await readResource(target, key, { ...boundsOf(options), selected: new Set<never>() }, ports);
  if (end.kind === 'Found') return null;
  if (isAboutAll(end)) return end;
  return end.kind === 'NotFoundError' && end.accountFound
    ? 'no longer exists. The provider may refuse the create, or leave it out.'
    : 'could not be looked up.';
}

/**
 * Looks up the records that a create would refer to. Returns a sentence for each that no longer exists, or that could not be looked up;
 * or the refusal of a look-up, if it is about the account, a limit or an outage.
 */
async function findMissing(
  input: CreateEngagementInput,
  options: StepOptions,
  { seenReferences: seen, ...ports }: RestorePorts,
): Promise<readonly string[] | GeneralRefusal> {
  const { integratedAccountId } = input;
  const notes: string[] = [];
  for (const [field, value] of sentFields(input)) {
    const target = resources.engagements[field].target as Resource | undefined;
    if (!target) continue;
    for (const { id } of [value].flat() as readonly { id: string }[]) {
      const name = JSON.stringify([integratedAccountId, target, id]);
      const look = seen.get(name) ?? lookUp(target, { id, integratedAccountId }, options, ports);
      seen.set(name, look);
      const shown = await look;
      if (typeof shown === 'string') notes.push(`${field}: the record ${id} ${shown}`);
      else if (shown) {
        seen.delete(name);
        return shown;
      }
    }
  }
  return notes;
}
