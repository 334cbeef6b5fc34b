import { randomUUID } from 'node:crypto';
import {
  type AccountLookup,
  type Caller,
  canAccess,
  type FindAccountIntegration,
  findLostAccess,
  isTemporary,
} from '../engagement/account.ts';
import {
  type Confirmation,
  type Confirmations,
  confirmableMs,
  expiredConfirmation,
  needsConfirmation,
  type Seal,
} from '../engagement/delete/confirmation.ts';
import type { EngagementType } from '../engagement/input.ts';
import { canCreate } from '../engagement/integrations.ts';
import { type EngagementKey, engagementDigest } from '../engagement/known-deletes.ts';
import { notGranted, refusedInput } from '../engagement/refusal.ts';
import { engagementKey, isNewest, type KeptRecord, readUndoLine } from '../engagement/restore/undo-line.ts';
import { type Finding, hasRefusal, type Refusal, refusal } from '../engagement/result.ts';
import { checkFilter, checkId, checkIntegration } from '../engagement/rules.ts';
import { digest, uuidOf } from '../upstream/digest.ts';
import { type BulkInput, type BulkItem, type BulkJob, hasEnded, loggedId, maxIds, maxLines } from './job.ts';
import { BulkUnavailable, maxIdleBytes, maxIdleListedBytes, maxUnfinished } from './job-scripts.ts';
import { cursorOf, type JobStore } from './job-store.ts';
import { itemOf } from './list-job.ts';

/** What a caller asks to start: the input, or a token that confirms a dry run. Only `integratedAccountId` may be given with a token. */
type AskedStart = Omit<BulkInput, 'integratedAccountId' | 'restore'> & {
  readonly integratedAccountId: string | undefined;
  readonly ids: readonly string[] | undefined;
  readonly engagementType: EngagementType | undefined;
  readonly confirmationToken: string | undefined;
};

/** A start whose access is checked. */
interface Start {
  readonly input: BulkInput;
  readonly id: string;
  readonly fingerprint: string;
  /** Its engagements. Undefined for a filter that is not resolved yet. */
  readonly items: readonly BulkItem[] | undefined;
  /** True when a dry run has listed them, and upstream left something out. */
  readonly isPartial?: boolean;
}

/** What to restore: the records of a bulk delete's undo files, or lines of undo files. */
interface StartRestoreInput {
  readonly integratedAccountId: string;
  readonly jobId: string | undefined;
  /** Each is the JSON object of a line. */
  readonly lines: readonly object[] | undefined;
  readonly dryRun: boolean;
}

interface MissingSetting {
  readonly kind: 'MissingSetting';
  readonly message: string;
}

type Started = BulkJob | Refusal | MissingSetting;

interface StartOptions {
  /** The caller's own key, and the field of the operation that it is for. */
  readonly callerKey: readonly [string, string] | undefined;
  readonly deadlineAt: number;
}

interface BulkParts {
  readonly store: JobStore;
  readonly worker: { readonly wake: () => void };
  /** Undefined when the server keeps no callers' tokens: it sends its own, or `BULK_TOKEN_SECRET` is not set. */
  readonly seal: Seal | undefined;
  readonly findAccountIntegration: FindAccountIntegration;
  readonly confirmations: Confirmations;
}

const idOf = (caller: Caller, callerKey: StartOptions['callerKey']) =>
  callerKey === undefined ? randomUUID() : uuidOf(caller.id, ...callerKey);

/** True for a value in a filter that excludes engagements. A range without an end matches all, and so may an empty text. */
function isCondition(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return (value ?? '') !== '';
  return Object.values(value).some((end) => (end ?? null) !== null);
}

function checkWhich({ ids, filter, engagementType }: AskedStart): readonly Finding[] {
  if ((ids === undefined) === (filter === undefined))
    return [refusal([], 'It must have exactly one of ids, filter and confirmationToken.')];
  if (ids !== undefined) {
    if (ids.length === 0 || ids.length > maxIds)
      return [refusal(['ids'], `It must have 1 to ${maxIds} ids, it has ${ids.length}.`)];
    return ids.flatMap((id, index) => checkId(id, ['ids', String(index)]));
  }
  const findings = [...checkFilter(filter ?? {})];
  if (findings.length === 0 && !Object.values(filter ?? {}).some(isCondition))
    findings.push(refusal(['filter'], 'It must have a condition. An empty filter would match every engagement.'));
  if (engagementType)
    findings.push(refusal(['engagementType'], 'It is only for ids. A filter has its own `engagementType`.'));
  return findings;
}

function checkSupport({ input, items }: Start, { support }: AccountLookup) {
  const { integratedAccountId, filter } = input;
  const engagementType = items?.[0]?.engagementType;
  const findings = checkIntegration({ id: 'any', integratedAccountId, format: 'unified', engagementType }, support);
  // Listed engagements have their own types.
  return filter ? findings.filter(({ path }) => path[0] !== 'engagementType') : findings;
}

function refused(findings: readonly Finding[]): Refusal | undefined {
  if (!hasRefusal(findings)) return undefined;
  return refusedInput(findings.map((found) => ({ ...found, path: ['input', ...found.path] })));
}

const refuse = (field: string, why: string): Refusal => refusedInput([refusal(['input', field], why)]);

function checkRestore({ integratedAccountId, jobId, lines }: StartRestoreInput): readonly Finding[] {
  const findings = [...checkId(integratedAccountId, ['integratedAccountId'])];
  if ((jobId === undefined) === (lines === undefined))
    findings.push(refusal([], 'It must have exactly one of bulkDeleteId and lines.'));
  else if (lines && (lines.length === 0 || lines.length > maxLines))
    findings.push(refusal(['lines'], `It must have 1 to ${maxLines} lines, it has ${lines.length}.`));
  return findings;
}

/** Reads given lines: the newest of each engagement. Returns findings for lines that have no record of this account. */
function readGivenLines(lines: readonly object[], integratedAccountId: string) {
  const findings: Finding[] = [];
  const newest = new Map<string, { readonly kept: KeptRecord; readonly line: string }>();
  for (const [index, given] of lines.entries()) {
    const path = ['lines', String(index)];
    const line = JSON.stringify(given);
    const read = readUndoLine(Buffer.from(line));
    if (read.kind === 'Unreadable') findings.push(refusal(path, `It is not a line of an undo file: ${read.why}.`));
    else if (read.kind === 'NoRecord') findings.push(refusal([...path, 'engagement'], 'It is missing.'));
    else if (read.record.integratedAccountId !== integratedAccountId)
      findings.push(refusal([...path, 'integratedAccountId'], "It must be the restore's integratedAccountId."));
    else {
      const key = engagementKey(read.record);
      if (isNewest(read, newest.get(key)?.kept)) newest.set(key, { kept: read, line });
    }
  }
  return { findings, records: [...newest.values()] };
}

const idle = 'dry runs, and bulk deletes and restores that have sent nothing yet, may take';

const tooMany = {
  unfinished: `You have ${maxUnfinished} bulk deletes and restores in this integrated account that have not ended. Wait for one, or cancel one.`,
  bytes: `Your ${idle} ${maxIdleBytes >> 20} MiB in this integrated account. Start again when the oldest has expired.`,
  listed: `The lists of your ${idle} ${maxIdleListedBytes >> 20} MiB in this integrated account. Start again when the oldest has expired.`,
} as const;

const noUndoFiles = 'The bulk delete has no undo files: it was started without snapshot, or has stored no record.';

const mustReconnect =
  "Truto's event integrated_account:authentication_error: the integrated account must be connected again. Unless you pause it too, it continues when Truto reports that the account is active again. You can also resume it.";

const idForm = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const cursorForm = /^\d{13}:[\da-f-]{36}$/;

/** Starts bulk deletes, and finds them for callers who may access their account. */
export class BulkDeletes {
  readonly store: JobStore;
  readonly #parts: BulkParts;

  constructor(parts: BulkParts) {
    this.store = parts.store;
    this.#parts = parts;
  }

  #findMissing(needsUndoStore: boolean, { bringsToken }: Caller): MissingSetting | undefined {
    const { seal, store } = this.#parts;
    const missing = (why: string, setting: string): MissingSetting => ({
      kind: 'MissingSetting',
      message: `Nothing was started. ${why}, the operator must set ${setting}.`,
    });
    if (bringsToken && !seal) return missing('To keep your token while it runs', 'BULK_TOKEN_SECRET');
    if (needsUndoStore && !store.abilities.keepsUndoFiles)
      return missing('To keep records before they are deleted, and to restore them', 'UNDO_STORE');
    return undefined;
  }

  /** Confirms a dry run of this caller, until 5 minutes after its end. Null when it found nothing, or more than 5,000 engagements. */
  async confirmation(job: BulkJob, caller: Caller): Promise<Confirmation | null> {
    const { id, callerId, endedAt, input, phase, total } = job;
    const isConfirmable = input.dryRun && phase === 'COMPLETED' && total > 0 && total <= maxIds;
    if (!isConfirmable || callerId !== caller.id || !endedAt) return null;
    const expiresAtMs = endedAt.getTime() + confirmableMs;
    if (expiresAtMs <= Date.now()) return null;
    return this.#parts.confirmations.confirm('bulk', { dryRunId: id }, caller, expiresAtMs);
  }

  /** Reads the dry run that a token confirms: exactly the engagements that it listed are deleted. */
  async #readConfirmed(asked: AskedStart, token: string, caller: Caller): Promise<Start | BulkJob | Refusal> {
    const { store, confirmations } = this.#parts;
    const { confirmationToken: _token, integratedAccountId: account, ...others } = asked;
    const given = Object.entries(others).find(([, value]) => value !== undefined && value !== false);
    if (given) return refuse(given[0], 'It is not for a confirmationToken. Omit it.');
    const opened = await confirmations.open('bulk', token, caller);
    if (typeof opened === 'string') return refuse('confirmationToken', opened);
    const { dryRunId } = opened.plan;
    const id = uuidOf(caller.id, 'confirmed', dryRunId);
    // What it started is stored for longer than the dry run.
    const started = await store.read(id);
    const dryRun = started ?? (await store.read(dryRunId));
    if (!dryRun) return refuse('confirmationToken', expiredConfirmation);
    const input = { ...dryRun.input, dryRun: false };
    if (account !== undefined && account !== input.integratedAccountId)
      return refuse('integratedAccountId', 'It is not that of the confirmationToken.');
    if (!canAccess(caller, input.integratedAccountId)) return notGranted();
    if (started) return started;
    if (opened.isExpired) return refuse('confirmationToken', expiredConfirmation);
    const items: BulkItem[] = [];
    for (let page = 0; page < dryRun.pageCount; page += 1)
      items.push(...((await store.readPage(dryRunId, page)) ?? []));
    if (items.length !== dryRun.total) return refuse('confirmationToken', expiredConfirmation);
    return { input, items, isPartial: dryRun.isPartial, id, fingerprint: digest(input) };
  }

  #readAsked(asked: AskedStart, caller: Caller, callerKey: StartOptions['callerKey']): Start | Refusal {
    const { confirmationToken: _none, integratedAccountId, ...which } = asked;
    if (integratedAccountId === undefined)
      return refuse('integratedAccountId', 'It is required, unless you send a confirmationToken.');
    if (!canAccess(caller, integratedAccountId)) return notGranted();
    if (this.#parts.confirmations.isRequired && !asked.dryRun) return refuse('confirmationToken', needsConfirmation);
    const { ids, engagementType = null, ...kept } = which;
    const items = ids && [...new Set(ids)].map((id) => ({ id, engagementType }));
    const findings = [...checkId(integratedAccountId, ['integratedAccountId']), ...checkWhich(asked)];
    const start = { id: idOf(caller, callerKey), fingerprint: digest({ integratedAccountId, ...which }) };
    return refused(findings) ?? { ...start, input: { integratedAccountId, ...kept }, items };
  }

  /**
   * Starts a bulk delete, or returns the one that the idempotency key or confirmation token has started.
   * @throws {BulkUnavailable} while Redis cannot be reached. With an idempotency key or a token, a retry is safe.
   */
  async start(asked: AskedStart, caller: Caller, { callerKey, deadlineAt }: StartOptions): Promise<Started> {
    const { confirmationToken: token } = asked;
    const start =
      token === undefined ? this.#readAsked(asked, caller, callerKey) : await this.#readConfirmed(asked, token, caller);
    if (!('items' in start)) return start;
    const missing = this.#findMissing(start.input.snapshot, caller);
    if (missing) return missing;
    const account = await this.#findAccount(start.input, caller, deadlineAt);
    if ('kind' in account) return account;
    return refused(checkSupport(start, account)) ?? this.#create(start, account, caller);
  }

  /** Starts to restore engagements. As {@link BulkDeletes.start}; null when there is no such bulk delete. */
  async startRestore(input: StartRestoreInput, caller: Caller, options: StartOptions): Promise<Started | null> {
    const { integratedAccountId, jobId, lines, dryRun } = input;
    const { callerKey, deadlineAt } = options;
    if (!canAccess(caller, integratedAccountId)) return notGranted();
    const early = this.#findMissing(jobId !== undefined, caller) ?? refused(checkRestore(input));
    if (early) return early;
    const given = readGivenLines(lines ?? [], integratedAccountId);
    const malformed = refused(given.findings);
    if (malformed) return malformed;
    if (jobId !== undefined) {
      const source = await this.find(jobId, caller, deadlineAt);
      if (source?.input.integratedAccountId !== integratedAccountId) return null;
      if (!hasEnded(source))
        return refuse('bulkDeleteId', 'The bulk delete has not ended. Wait until it ends, or cancel it.');
      if ((await this.store.readUndoFiles(jobId)).length === 0) return refuse('bulkDeleteId', noUndoFiles);
    }
    const account = await this.#findAccount(input, caller, deadlineAt);
    if ('kind' in account) return account;
    const { support } = account;
    if (!canCreate(support)) {
      return refuse(
        'integratedAccountId',
        `It belongs to ${support.name}, which cannot create engagements through Truto.`,
      );
    }
    const work = { caller, findAccountIntegration: () => account, requestTimeoutMs: deadlineAt - performance.now() };
    const items = await Array.fromAsync(given.records, ({ kept, line }) =>
      itemOf(kept, { line }, integratedAccountId, work),
    );
    const stored = { integratedAccountId, dryRun, snapshot: false, restore: jobId === undefined ? {} : { jobId } };
    const start = { id: idOf(caller, callerKey), fingerprint: digest('restore', input), input: stored };
    return this.#create({ ...start, items: lines && items }, account, caller);
  }

  /**
   * Looks up the account of a start. Returns why it cannot be used now, if it cannot. An account that must be connected again does not
   * refuse a real start: the bulk delete pauses, and continues afterwards. Nor does a token that may not look accounts up (ADR 17).
   */
  async #findAccount(
    { integratedAccountId, dryRun }: Pick<BulkInput, 'integratedAccountId' | 'dryRun'>,
    caller: Caller,
    deadlineAt: number,
  ): Promise<AccountLookup | Refusal> {
    const { findAccountIntegration } = this.#parts;
    const account = await findAccountIntegration(caller, integratedAccountId, deadlineAt, 'fresh');
    const { refusal } = account;
    if (!refusal || refusal.kind === 'ForbiddenError') return account;
    const message = `Nothing was started. ${refusal.message}`;
    if (refusal.kind === 'Unauthenticated' && !caller.bringsToken) return { kind: 'UpstreamUnavailableError', message };
    if (refusal.kind === 'AccountNeedsReauthError' && !dryRun) return account;
    // A refusal that may pass is ignored if upstream has shown the account to the caller before. With no time left, only the cache answers.
    const isKnown = !caller.bringsToken || (await findAccountIntegration(caller, integratedAccountId, 0)).isShown;
    return isTemporary(refusal) && isKnown ? account : { ...refusal, message };
  }

  async #create(
    { id, fingerprint, input, items, isPartial = false }: Start,
    account: AccountLookup,
    caller: Caller,
  ): Promise<Started> {
    const { store, worker, seal } = this.#parts;
    const { integratedAccountId, dryRun, restore } = input;
    const sealedToken = seal && caller.bringsToken ? await seal.close(caller.authorization, id) : '';
    // With a filter, a dry run reads the list, and so finds out by itself.
    const statusReason =
      account.refusal && dryRun && items && !restore
        ? `It could not be checked whether the integrated account exists and is connected. ${account.refusal.message}`
        : undefined;
    // An account that a token may not look up may not exist: all of them share one limit.
    const isHidden = caller.bringsToken && account.refusal?.kind === 'ForbiddenError';
    const ownerId = digest(caller.id, isHidden ? '' : integratedAccountId);
    const { support } = account;
    const integration = support.kind === 'supported' ? support.integration.name : '';
    const job = {
      ...{ id, input, integration, callerId: caller.id, ownerId, sealedToken, fingerprint, isPartial },
      ...(statusReason && { statusReason }),
    };
    try {
      const { kind, roomMs } = await store.create(job, items);
      if (kind !== 'created' && kind !== 'there') {
        const retryAfterMs = kind === 'unfinished' ? null : roomMs;
        return { kind: 'RateLimitedError', message: `Nothing was started. ${tooMany[kind]}`, retryAfterMs };
      }
      const started = await store.read(id);
      if (!started) throw new Error('a bulk delete vanished after its start');
      if (started.fingerprint !== fingerprint)
        return refusedInput([
          refusal(['Idempotency-Key'], 'This key was used for another bulk delete or restore. Use a new key.'),
        ]);
      worker.wake();
      return started;
    } catch (error) {
      // It may have been started, and the caller must be able to find it.
      throw error instanceof BulkUnavailable ? new BulkUnavailable(error.message, loggedId(job)) : error;
    }
  }

  /** Pauses, resumes or cancels a bulk delete. @throws {BulkUnavailable} */
  async control(job: BulkJob, how: 'pause' | 'resume' | 'cancel'): Promise<BulkJob | null> {
    await this.store.control(job, how);
    this.#parts.worker.wake();
    return this.store.read(job.id);
  }

  /** Finds a bulk delete, or a restore; null when there is none, or the caller may not access its account. @throws {BulkUnavailable} */
  async find(id: string, caller: Caller, deadlineAt: number, isRestore = false): Promise<BulkJob | null> {
    const job = idForm.test(id) ? await this.store.read(id) : null;
    if (!job || (job.input.restore !== undefined) !== isRestore || !canAccess(caller, job.input.integratedAccountId))
      return null;
    if (!caller.bringsToken || caller.id === job.callerId) return job;
    // Upstream decides what a caller with its own token may access.
    const { isShown } = await this.#parts.findAccountIntegration(caller, job.input.integratedAccountId, deadlineAt);
    return isShown ? job : null;
  }

  /**
   * Lists the jobs of an account that {@link find} would return, newest first. Refuses a caller who may not access the account, or whose
   * access cannot be checked, unless there are some that the caller has started. @throws {BulkUnavailable}
   */
  async list(
    integratedAccountId: string,
    { first, after }: { readonly first: number; readonly after: string | null },
    caller: Caller,
    deadlineAt: number,
    isRestore = false,
  ) {
    if (!canAccess(caller, integratedAccountId)) return notGranted();
    const findings = [...checkId(integratedAccountId, ['integratedAccountId'])];
    if (after !== null && !cursorForm.test(after))
      findings.push(refusal(['after'], 'It must be an endCursor of this list.'));
    if (hasRefusal(findings)) return refusedInput(findings);
    const { isShown, refusal: why } = caller.bringsToken
      ? await this.#parts.findAccountIntegration(caller, integratedAccountId, deadlineAt)
      : { isShown: true, refusal: null };
    const items: BulkJob[] = [];
    for await (const job of this.store.list(integratedAccountId, after)) {
      if ((job.input.restore !== undefined) !== isRestore) continue;
      if (!isShown && job.callerId !== caller.id) continue;
      if (items.push(job) > first) break;
    }
    if (!isShown && why && items.length === 0) return why;
    const shown = items.slice(0, first);
    const last = shown.at(-1);
    return { kind: 'Jobs' as const, items: shown, endCursor: last && items.length > first ? cursorOf(last) : null };
  }

  /** Why upstream no longer accepts a caller's token, or shows the account to another caller; undefined also when it does not answer. */
  async findLostAccess({ input, callerId }: BulkJob, caller: Caller, deadlineAt: number): Promise<Refusal | undefined> {
    const { findAccountIntegration } = this.#parts;
    const lost = await findLostAccess(input.integratedAccountId, caller, deadlineAt, findAccountIntegration);
    if (!lost || (lost.kind === 'ForbiddenError' && caller.id === callerId)) return undefined;
    return { ...lost, message: `${lost.message} This subscription ends. The bulk delete continues.` };
  }

  /** Settles engagements that Truto reports as deleted at a moment, if their deletes were sent before it. @throws {BulkUnavailable} */
  async *settle(keys: readonly EngagementKey[], at: Date) {
    const awaiting = keys.map(async (key) => {
      const engagement = engagementDigest(key);
      return { key, engagement, places: await this.store.readAwaiting(engagement) };
    });
    for (const { key, engagement, places } of await Promise.all(awaiting))
      for (const place of places) {
        const job = place.sentAtMs <= at.getTime() ? await this.store.read(place.jobId) : null;
        const before = job && (await this.store.settle(job, place, engagement));
        // Those that were begun had no final outcome before.
        if (job && before) yield { job, engagementId: key.id, before };
      }
  }

  /** Pauses the jobs of an account that must be connected again, or resumes those. Returns how many. @throws {BulkUnavailable} */
  async controlByEvent(how: 'pause' | 'resume', integratedAccountId: string, at: Date): Promise<number> {
    const why = how === 'pause' ? mustReconnect : '';
    let count = 0;
    for await (const job of this.store.list(integratedAccountId, null))
      if (!hasEnded(job) && (await this.store.controlByEvent(job, how, why, at))) count += 1;
    if (how === 'resume' && count > 0) this.#parts.worker.wake();
    return count;
  }
}
