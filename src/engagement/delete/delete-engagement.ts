import { digest } from '../../upstream/digest.ts';
import { type AccountLookup, type Caller, canAccess } from '../account.ts';
import { isSameJson } from '../body.ts';
import { type DeleteEngagementInput, isRepeatable, sentType } from '../input.ts';
import type { DeletedEvents } from '../known-deletes.ts';
import { nodeKind } from '../node-id.ts';
import { type FoundRecord, type SnapshotPorts, takeSnapshot } from '../read.ts';
import type { Selection } from '../record.ts';
import { notGranted, nothingWas, notSent, refusedInput } from '../refusal.ts';
import { buildDeleteRequest, type WriteRequest } from '../request.ts';
import { memoryKey, upstreamKey } from '../request-memory.ts';
import {
  type DeleteEnd,
  type Finding,
  hasRefusal,
  type InvalidInputError,
  located,
  type OutcomeUnknownError,
  type Refusal,
  refusal,
  withEngagementId,
} from '../result.ts';
import { checkEmailOnly, checkIntegration, checkLength, checkWellFormed } from '../rules.ts';
import { codeOfEnd, unsupported, Write, type WriteOptions, type WritePorts } from '../write.ts';
import { type Confirmations, expiredConfirmation, needsConfirmation, type Plans } from './confirmation.ts';
import { readOutcome, settledSuccess, unknownOutcome } from './outcome.ts';

/** The services that a delete needs. */
export interface DeletePorts extends WritePorts, SnapshotPorts {
  /** Confirmation tokens. Without it there are none, and none is required: the delete was confirmed before, or a person was asked. */
  readonly confirmations?: Confirmations | undefined;
  /** Truto's events, which settle an `ACCEPTED` or unknown outcome. Undefined when this server gets none. */
  readonly deletedEvents?: DeletedEvents | undefined;
}

/** What a caller asks to delete: the arguments, or a token that confirms them. Arguments with a token must be those that it confirms. */
export type AskedDelete = Omit<DeleteEngagementInput, 'id' | 'integratedAccountId'> & {
  readonly [Name in 'id' | 'integratedAccountId' | 'confirmationToken']?: string | null | undefined;
};

/** The options of a delete. */
export interface DeleteOptions extends WriteOptions {
  readonly selection: Selection;
  /** True to read the engagement first, so that every selected field is filled. A failed read refuses the delete. */
  readonly snapshot: boolean;
  /** How many earlier attempts under the key were answered. The delete adds its own. @default none */
  readonly answered?: { count: number };
}

/** The key of a delete in the memory, and the name by which its caller knows it. */
interface DeleteKey {
  readonly name: 'Idempotency-Key' | 'confirmationToken';
  readonly parts: readonly [string, string];
  /** True when the key may no longer begin a delete, but only return the result of an earlier request. */
  readonly isExpired: boolean;
}

/** One delete, from its check to its audit event. */
class Delete extends Write<DeleteEngagementInput, DeleteEnd, DeleteOptions, DeletePorts> {
  protected override readonly verb = 'delete';
  readonly #key: DeleteKey | undefined;
  /** The unknown outcome of an earlier attempt of the same delete. */
  #earlier: OutcomeUnknownError | undefined;
  #sentAt: number | undefined;

  constructor(input: DeleteEngagementInput, options: DeleteOptions, ports: DeletePorts, confirmed?: DeleteKey) {
    super(input, options, ports, options.answered);
    const { callerKey } = options;
    this.#key = confirmed ?? (callerKey && { name: 'Idempotency-Key', parts: callerKey, isExpired: false });
  }

  async run(): Promise<DeleteEnd> {
    const checked = this.#check();
    if ('kind' in checked) return this.ended(checked);
    const { request, findings } = checked;
    const fingerprint = () => requestFingerprint(request, this.options);
    return this.once(this.#key, fingerprint, async (claim) => {
      this.#earlier = claim?.earlier;
      this.#sentAt = claim?.earlier?.sentAt;
      const earlier = this.#earlier && (await this.settle(this.#earlier));
      if (earlier?.kind === 'DeleteEngagementSuccess') {
        this.lastKey = this.#earlier?.upstreamIdempotencyKey ?? null;
        return earlier;
      }
      const carriedOut = this.#key?.isExpired ? expired : await this.#carryOut(request, findings);
      return this.settle(this.#withEarlier(carriedOut, claim?.isInDoubt));
    });
  }

  /** Access and rules come before the memory: a key must not bypass a grant that was revoked. */
  #check(): { readonly request: WriteRequest; readonly findings: readonly Finding[] } | DeleteEnd {
    const { caller, dryRun, selection } = this.options;
    if (!canAccess(caller, this.input.integratedAccountId)) return notGranted();
    const malformed = checkWellFormed(this.input);
    const findings = checkEmailOnly(this.input);
    if (malformed.length > 0 || (hasRefusal(findings) && !dryRun)) return refusedInput([...malformed, ...findings]);
    const request = buildDeleteRequest(this.input, selection, caller.authorization.reveal());
    const tooLong = checkLength(request.path, this.input);
    return tooLong.length > 0 ? refusedInput(tooLong) : { request, findings };
  }

  /** Account, its integration's rules, snapshot, delete. A failed look-up of the account does not stop the delete; a missing account does. */
  async #carryOut(request: WriteRequest, checked: readonly Finding[]): Promise<DeleteEnd> {
    const { caller, dryRun, deadlineAt, selection } = this.options;
    // A dry run shows the current state of the account.
    const freshness = dryRun ? 'recent' : 'cached';
    const found = this.ports.findAccountIntegration(caller, this.input.integratedAccountId, deadlineAt, freshness);
    const account = found instanceof Promise ? await found : found;
    const { support } = account;
    this.support = support;
    const findings = [...checked, ...checkIntegration(this.input, support)];
    if (dryRun) return await this.#plan(request, findings, account);
    if (account.refusal?.kind === 'IntegratedAccountNotFoundError') return nothingWas('sent', account.refusal);
    if (support.kind === 'unsupported') return unsupported('delete', support.name);
    if (hasRefusal(findings)) return refusedInput(findings);
    const snapshot = this.options.snapshot ? await this.#snapshot() : null;
    if (snapshot && snapshot.kind !== 'Found') return nothingWas('deleted', snapshot);
    if (this.hasCallerLeft()) return nothingWas('deleted', notSent({ reason: 'abandoned' }));
    if (this.ports.deletedEvents) this.#sentAt ??= Date.now();
    const streamsTo = this.input.format === 'stream' ? caller.id : undefined;
    const terms = { deadlineAt, isRepeatable: isRepeatable(this.input), streamsTo };
    const { attempt, mayHaveActedBefore } = await this.send(request, terms);
    // If this try sent nothing, the key of the earlier one.
    this.lastKey ??= this.#earlier?.upstreamIdempotencyKey ?? this.keyAfter(this.answered.count);
    return await readOutcome(attempt, {
      ...{ ...this.contextOf(findings), selection, snapshot },
      mayHaveActedBefore: mayHaveActedBefore || this.#earlier !== undefined,
    });
  }

  /** The result of a dry run. */
  async #plan(request: WriteRequest, found: readonly Finding[], account: AccountLookup): Promise<DeleteEnd> {
    const { input, options, ports } = this;
    const planned = this.planned(request, found, account);
    const { findings } = planned;
    if (options.snapshot && !hasRefusal(findings)) {
      const read = await takeSnapshot(input, options, ports);
      if (read.kind === 'Unauthenticated') return read;
      if (read.kind !== 'Found') findings.push({ ...refusal(['id'], read.message), result: read.kind });
    }
    const confirmation = hasRefusal(findings)
      ? undefined
      : await ports.confirmations?.confirm('delete', { input, snapshot: options.snapshot }, options.caller);
    const unconfirmed = { confirmationToken: null, confirmationExpiresAt: null };
    return { kind: 'DeleteEngagementPlan', ...planned, ...(confirmation ?? unconfirmed) };
  }

  /** Reads the engagement before its delete. A refusal stops the delete. */
  async #snapshot(): Promise<FoundRecord<'engagements'> | Refusal | null> {
    if (this.hasCallerLeft()) return notSent({ reason: 'abandoned' });
    // If an earlier attempt deleted the engagement, it cannot be read again.
    const record = this.#earlier?.engagement;
    if (record) return { kind: 'Found', record, unreadable: [], absent: [] };
    const options = { ...this.options, hasCallerLeft: this.hasCallerLeft };
    const read = await takeSnapshot(this.input, options, this.ports);
    // After an attempt with an unknown outcome, the record may be gone. The delete will show it.
    return this.#earlier && read.kind === 'NotFoundError' ? null : read;
  }

  /** Combines the end with an earlier attempt: a refusal of this one proves nothing about that. */
  #withEarlier(end: DeleteEnd, isInDoubt = false): DeleteEnd {
    if (!this.#earlier) return end;
    const isSettled = end.kind === 'DeleteEngagementSuccess' || end.kind === 'OutcomeUnknownError';
    const read = isSettled ? end : stillUnknown(this.#earlier, end, this.#key);
    return isInDoubt ? inDoubt(read, this.#key) : read;
  }

  /**
   * Settles an `ACCEPTED` or unknown outcome by Truto's event, if there is one since the delete was sent. Otherwise, the end notes when that
   * was, for a later look.
   */
  protected override async settle(end: DeleteEnd): Promise<DeleteEnd> {
    if (end.kind !== 'OutcomeUnknownError' && end.kind !== 'DeleteEngagementSuccess') return end;
    if (end.kind === 'DeleteEngagementSuccess' && end.outcome !== 'ACCEPTED') return end;
    const { deletedEvents, findAccountIntegration } = this.ports;
    const { id, integratedAccountId } = this.input;
    const { caller, deadlineAt } = this.options;
    const sentAt = end.sentAt ?? this.#sentAt;
    if (!deletedEvents || sentAt === undefined) return end;
    const { support } = await findAccountIntegration(caller, integratedAccountId, deadlineAt);
    const { integration = null } = support;
    if (this.support.kind === 'unknown') this.support = support;
    const key = { integratedAccountId, id, kind: nodeKind(integration, sentType(this.input)) };
    const at = await deletedEvents.findEvent(key, sentAt, deadlineAt);
    if (!at) return { ...end, sentAt };
    const why = `Truto's event record:deleted of ${at.toISOString()} reports that the engagement is deleted, by this delete or by another client.`;
    if (end.kind === 'DeleteEngagementSuccess') return { ...end, outcome: 'DELETED', warnings: [...end.warnings, why] };
    return settledSuccess(end, { input: this.input, integration, warnings: [why] });
  }

  protected override idOf(): string {
    return this.input.id;
  }

  protected override unknownSince(upstreamIdempotencyKey: string, why: string): OutcomeUnknownError {
    const { integration = null } = this.support;
    return unknownOutcome({ input: this.input, integration, upstreamIdempotencyKey, snapshot: null }, { why });
  }
}

/** Sorts by name only. The items of a list have the same name and keep their order. */
function byName(left: string, right: string): number {
  const [name = '', other = ''] = [left.split('=', 1)[0], right.split('=', 1)[0]];
  return name < other ? -1 : Number(name > other);
}

/** Equal for requests that mean the same to upstream, in any order of parameters. */
function requestFingerprint(
  { path }: WriteRequest,
  { selection, snapshot }: Pick<DeleteOptions, 'selection' | 'snapshot'>,
): string {
  const { fields, noteFields, chunks } = selection;
  return digest(path.split(/[?&]/).sort(byName), snapshot, [...fields].sort(), [...noteFields].sort(), chunks === true);
}

/** The `Idempotency-Key` of a delete's next attempt upstream, by the caller's key and how many attempts were answered. */
export function idempotencyKeyFor(
  input: DeleteEngagementInput,
  options: Pick<DeleteOptions, 'selection' | 'snapshot'> & {
    readonly caller: Pick<Caller, 'id'>;
    readonly callerKey: readonly [string, string];
  },
  answerCount: number,
): string {
  const request = buildDeleteRequest(input, options.selection, '');
  return upstreamKey(memoryKey(options.caller, options.callerKey), requestFingerprint(request, options), answerCount);
}

/** For a token that has expired, when no request has used it. */
const expired = refusedInput([refusal(['confirmationToken'], expiredConfirmation)]);

/** For a refusal after an attempt that may have deleted the engagement. */
function stillUnknown(earlier: OutcomeUnknownError, end: DeleteEnd, key: DeleteKey | undefined): OutcomeUnknownError {
  const why = [codeOfEnd(end), ...(end.kind === 'InvalidInputError' ? end.issues.map(located) : [])].join(': ');
  const isOver = key?.isExpired === true;
  const toDo = isOver ? 'Look for the engagement.' : `Try again later, with the same ${key?.name}.`;
  const message = `The engagement may or may not be deleted by an earlier attempt. This one was not sent (${why}). ${toDo}`;
  return { ...earlier, message, ...(isOver && { retrySafe: false }) };
}

/** Adds why the outcome is read as that of a retry, although no earlier attempt is known. */
function inDoubt(end: DeleteEnd, key: DeleteKey | undefined): DeleteEnd {
  const why = `Redis is new, lost its data or was unreachable in the last 10 minutes, so an earlier attempt with this ${key?.name} may be unknown to this server.`;
  if (end.kind === 'OutcomeUnknownError') return { ...end, message: `${why} ${end.message}` };
  const isAbsent = end.kind === 'DeleteEngagementSuccess' && end.outcome === 'ALREADY_ABSENT';
  return isAbsent ? { ...end, warnings: [...end.warnings, why] } : end;
}

/** The arguments that differ from what a token confirms. `UNIFIED` and `snapshot: false` are defaults, so they may have been omitted. */
function findDifferences(
  { format, confirmationToken: _token, ...asked }: AskedDelete,
  snapshot: boolean,
  plan: Plans['delete'],
): readonly Finding[] {
  const given = { ...asked, ...(format !== 'unified' && { format }), ...(snapshot && { snapshot }) };
  const confirmed: Readonly<Record<string, unknown>> = { ...plan.input, snapshot: plan.snapshot };
  return Object.entries(given)
    .filter(([name, value]) => (value ?? null) !== null && !isSameJson(value, confirmed[name]))
    .map(([name]) => refusal([name], 'It is not what the confirmationToken confirms. Omit it.'));
}

/** Runs the delete that a token confirms. Refuses one that lacks its ids, or a token that is required. */
async function runByToken(asked: AskedDelete, options: DeleteOptions, ports: DeletePorts): Promise<DeleteEnd> {
  const { confirmationToken: token, id, integratedAccountId, ...rest } = asked;
  const input = { ...rest, id: id ?? '', integratedAccountId: integratedAccountId ?? '' };
  const refuse = (findings: readonly Finding[]) => new Delete(input, options, ports).ended(refusedInput(findings));
  const path = ['confirmationToken'];
  if ((token ?? null) === null) {
    const missing = (['id', 'integratedAccountId'] as const).filter((name) => (asked[name] ?? null) === null);
    if (missing.length === 0) return refuse([refusal(path, needsConfirmation)]);
    return refuse(missing.map((name) => refusal([name], 'It is required, unless you send a confirmationToken.')));
  }
  if (options.dryRun)
    return refuse([refusal(['dryRun'], 'It makes a confirmationToken, and takes none. Omit one of the two.')]);
  const opened = await ports.confirmations?.open('delete', token ?? '', options.caller);
  if (typeof opened !== 'object') return refuse([refusal(path, opened ?? 'There are none here.')]);
  const { plan, nonce, isExpired } = opened;
  const others = findDifferences(asked, options.snapshot, plan);
  if (others.length > 0) return refuse(others);
  const key = { name: 'confirmationToken', parts: ['confirmation', nonce], isExpired } as const;
  const end = await new Delete(plan.input, { ...options, snapshot: plan.snapshot }, ports, key).run();
  return withEngagementId(end, plan.input.id);
}

/**
 * Deletes one engagement. Requests with the same key of the same caller are one delete: for 10 minutes, a repeated request waits for the
 * first or gets its result. A confirmation token is such a key, and replaces the caller's own. Each delete has one audit event. A dry
 * run has none, and returns findings instead of refusals where it can build a request.
 */
export function deleteEngagement(asked: AskedDelete, options: DeleteOptions, ports: DeletePorts): Promise<DeleteEnd> {
  const { id, integratedAccountId, confirmationToken } = asked;
  const isNamed =
    (id ?? null) !== null && (integratedAccountId ?? null) !== null && (confirmationToken ?? null) === null;
  const mayRun = options.dryRun || ports.confirmations?.isRequired !== true;
  return mayRun && isNamed
    ? new Delete(asked as DeleteEngagementInput, options, ports).run()
    : runByToken(asked, options, ports);
}

/** How many deletes one list may have. */
export const maxDeletes = 100;

/** One delete of a list. */
type DeleteItem = Pick<DeleteEngagementInput, 'id' | 'engagementType' | 'rawEngagementType' | 'parameters'>;
/** Identifies the engagement of an item. Some providers number each type by itself. */
export const itemKey = (item: DeleteItem): string => JSON.stringify([sentType(item), item.id]);

/** Equal for equal parameters, in any order. Absent and null mean the same. */
function comparableParameters({ parameters }: DeleteItem): string {
  const given = Object.entries(parameters ?? {}).filter(([, value]) => (value ?? null) !== null);
  return JSON.stringify(given.sort(([name], [other]) => (name < other ? -1 : 1)));
}

/**
 * Starts all deletes of a list at once; the account's lane limits how many are in flight. Items with the same engagement are one
 * delete. An item whose parameters differ from those of the first is refused.
 */
export function deleteEach<End extends DeleteEnd>(
  items: readonly DeleteItem[],
  deleteOne: (item: DeleteItem) => Promise<End>,
): readonly Promise<End | InvalidInputError>[] {
  const begun = new Map<string, { readonly index: number; readonly item: DeleteItem; readonly end: Promise<End> }>();
  return items.map((item, index) => {
    const key = itemKey(item);
    const first = begun.get(key) ?? { index, item, end: deleteOne(item) };
    begun.set(key, first);
    if (comparableParameters(first.item) === comparableParameters(item)) return first.end;
    const message = `It has the same engagement as items[${first.index}], with other parameters. Remove one of them.`;
    return Promise.resolve(withEngagementId(refusedInput([refusal(['items', String(index)], message)]), item.id));
  });
}
