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
import { notGranted, refusedInput } from '../engagement/refusal.ts';
import { engagementKey, isNewest, type KeptRecord, readUndoLine } from '../engagement/restore/undo-line.ts';
import { type Finding, hasRefusal, type Refusal, refusal } from '../engagement/result.ts';
import { checkFilter, checkId, checkIntegration } from '../engagement/rules.ts';
import { digest, uuidOf } from '../upstream/digest.ts';
import { type BulkInput, type BulkItem, type BulkJob, hasEnded, maxIds, maxLines } from './job.ts';
import { BulkUnavailable, maxIdleBytes, maxIdleListedBytes, maxUnfinished } from './job-scripts.ts';
import { cursorOf, type JobStore } from './job-store.ts';
import { itemOf } from './list-restore.ts';
import { type Abilities, needsOf } from './task-queue.ts';
import type { BulkWorker } from './worker.ts';

interface StartInput extends BulkInput {
  readonly ids: readonly string[] | undefined;
  readonly engagementType: EngagementType | undefined;
}

/** What a caller asks to start: the input, or a token that confirms a dry run. Only `integratedAccountId` may be given with a token. */
type AskedStart = Omit<StartInput, 'integratedAccountId'> & {
  readonly integratedAccountId: string | undefined;
  readonly confirmationToken: string | undefined;
};

/** The engagements of a start. */
interface List {
  /** Undefined for a filter that is not resolved yet. */
  readonly items: readonly BulkItem[] | undefined;
  /** True when a dry run has listed them, and upstream left something out. */
  readonly isPartial?: boolean;
}

/** An input whose access is checked, and what identifies the start. */
interface Start extends List {
  readonly input: StartInput;
  readonly id: string;
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

interface StartOptions {
  /** The caller's own key, and the field of the operation that it is for. */
  readonly callerKey: readonly [string, string] | undefined;
  readonly deadlineAt: number;
}

interface BulkParts {
  readonly store: JobStore;
  readonly worker: Pick<BulkWorker, 'wake'>;
  /** Undefined when the server keeps no callers' tokens: it sends its own, or `BULK_TOKEN_SECRET` is not set. */
  readonly seal: Seal | undefined;
  readonly abilities: Abilities;
  readonly findAccountIntegration: FindAccountIntegration;
  readonly confirmations: Confirmations;
}

function checkWhich({ ids, filter, engagementType }: StartInput): readonly Finding[] {
  if ((ids === undefined) === (filter === undefined)) return [refusal([], 'It must have either ids or a filter.')];
  if (filter !== undefined) {
    const isEmpty = Object.values(filter).every((value) => value === null || value === undefined);
    return [
      ...(isEmpty
        ? [refusal(['filter'], 'It must have a condition. An empty filter would match every engagement.')]
        : []),
      ...(engagementType
        ? [refusal(['engagementType'], 'It is only for ids. A filter has its own `engagementType`.')]
        : []),
      ...checkFilter(filter),
    ];
  }
  const list = ids ?? [];
  if (list.length === 0 || list.length > maxIds)
    return [refusal(['ids'], `It must have 1 to ${maxIds} ids, it has ${list.length}.`)];
  return list.flatMap((id, index) => checkId(id, ['ids', String(index)]));
}

/** Findings of the account's integration that would refuse every delete. */
function checkSupport({ integratedAccountId, engagementType, ids }: StartInput, { support }: AccountLookup) {
  const findings = checkIntegration({ id: 'any', integratedAccountId, format: 'unified', engagementType }, support);
  // Listed engagements have their own types.
  return ids === undefined ? findings.filter(({ path }) => path[0] !== 'engagementType') : findings;
}

function refused(findings: readonly Finding[]): Refusal | undefined {
  if (!hasRefusal(findings)) return undefined;
  return refusedInput(findings.map((found) => ({ ...found, path: ['input', ...found.path] })));
}

/**
 * Why the account cannot be used now. An account that must be connected again does not refuse a real start: the bulk delete pauses, and
 * continues afterwards. Nor does a token that may not look accounts up (ADR 17).
 * @param isKnown true when upstream has shown the account to the caller before: then a refusal that may pass is ignored.
 */
function findUnusable(
  { refusal }: AccountLookup,
  { dryRun }: Pick<StartInput, 'dryRun'>,
  { bringsToken }: Caller,
  isKnown: boolean,
): Refusal | undefined {
  if (!refusal || refusal.kind === 'ForbiddenError') return undefined;
  const message = `Nothing was started. ${refusal.message}`;
  if (refusal.kind === 'Unauthenticated' && !bringsToken) return { kind: 'UpstreamUnavailableError', message };
  if (refusal.kind === 'AccountNeedsReauthError' && !dryRun) return undefined;
  return isTemporary(refusal) && isKnown ? undefined : { ...refusal, message };
}

function checkRestore({ integratedAccountId, jobId, lines }: StartRestoreInput): readonly Finding[] {
  const malformed = checkId(integratedAccountId, ['integratedAccountId']);
  if ((jobId === undefined) === (lines === undefined))
    return [...malformed, refusal([], 'It must have either bulkDeleteId or lines.')];
  if (lines && (lines.length === 0 || lines.length > maxLines))
    return [...malformed, refusal(['lines'], `It must have 1 to ${maxLines} lines, it has ${lines.length}.`)];
  return malformed;
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

const goesOn = 'This subscription ends. The bulk delete continues.';

/** Only such ids are looked up in Redis. */
const idForm = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** Only such cursors are looked up in Redis. */
const cursorForm = /^\d{13}:[\da-f-]{36}$/;

/** Starts bulk deletes, and finds them for callers who may access their account. */
export class BulkDeletes {
  readonly store: JobStore;
  readonly #parts: BulkParts;

  constructor(parts: BulkParts) {
    this.store = parts.store;
    this.#parts = parts;
  }

  #findMissing({ snapshot }: Pick<StartInput, 'snapshot'>, { bringsToken }: Caller): MissingSetting | undefined {
    const { seal, abilities } = this.#parts;
    const missing = (why: string, setting: string): MissingSetting => ({
      kind: 'MissingSetting',
      message: `Nothing was started. ${why}, the operator must set ${setting}.`,
    });
    if (bringsToken && !seal) return missing('To keep your token while it runs', 'BULK_TOKEN_SECRET');
    if (snapshot && !abilities.keepsUndoFiles)
      return missing('To keep records before they are deleted, and to restore them', 'UNDO_STORE');
    return undefined;
  }

  /**
   * Confirms a dry run of this caller that has ended, until 5 minutes after its end. Null when it found nothing, or more than 5,000
   * engagements.
   */
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
    const refuse = (why: string): Refusal => refusedInput([refusal(['input', 'confirmationToken'], why)]);
    const { confirmationToken: _token, integratedAccountId: account, ...others } = asked;
    const given = Object.entries(others).find(([, value]) => value !== undefined && value !== false);
    if (given) return refusedInput([refusal(['input', given[0]], 'It is not for a confirmationToken. Omit it.')]);
    const opened = await confirmations.open('bulk', token, caller);
    if (typeof opened === 'string') return refuse(opened);
    const { dryRunId } = opened.plan;
    const id = uuidOf(caller.id, 'confirmed', dryRunId);
    // What it started is stored for longer than the dry run.
    const started = await store.read(id);
    const dryRun = started ?? (await store.read(dryRunId));
    if (!dryRun) return refuse(expiredConfirmation);
    const input = { ...dryRun.input, ids: undefined, engagementType: undefined, dryRun: false };
    if (account !== undefined && account !== input.integratedAccountId)
      return refusedInput([refusal(['input', 'integratedAccountId'], 'It is not that of the confirmationToken.')]);
    if (!canAccess(caller, input.integratedAccountId)) return notGranted();
    if (started) return started;
    if (opened.isExpired) return refuse(expiredConfirmation);
    const items: BulkItem[] = [];
    for (let page = 0; page < dryRun.pageCount; page += 1)
      items.push(...((await store.readPage(dryRunId, page)) ?? []));
    const { isPartial, total } = dryRun;
    return items.length === total ? { input, items, isPartial, id } : refuse(expiredConfirmation);
  }

  /** Checks an input without a token. */
  #readAsked(asked: AskedStart, caller: Caller, callerKey: readonly [string, string] | undefined): Start | Refusal {
    const { confirmationToken: _none, integratedAccountId, ...rest } = asked;
    if (integratedAccountId === undefined) {
      const why = 'It is required, unless you send a confirmationToken.';
      return refusedInput([refusal(['input', 'integratedAccountId'], why)]);
    }
    if (!canAccess(caller, integratedAccountId)) return notGranted();
    const input = { integratedAccountId, ...rest };
    if (this.#parts.confirmations.isRequired && !input.dryRun)
      return refusedInput([refusal(['input', 'confirmationToken'], needsConfirmation)]);
    const { ids, engagementType } = input;
    const items = ids && [...new Set(ids)].map((id) => ({ id, engagementType: engagementType ?? null }));
    return (
      refused([...checkId(integratedAccountId, ['integratedAccountId']), ...checkWhich(input)]) ?? {
        ...{ input, items },
        id: callerKey === undefined ? randomUUID() : uuidOf(caller.id, ...callerKey),
      }
    );
  }

  /**
   * Starts a bulk delete. With an idempotency key or a confirmation token that was used before, returns the bulk delete that it started.
   * @param callerKey the caller's own key, and the field of the operation that it is for.
   * @throws {BulkUnavailable} while Redis cannot be reached. With an idempotency key or a token, a retry is safe.
   */
  async start(
    asked: AskedStart,
    caller: Caller,
    { callerKey, deadlineAt }: StartOptions,
  ): Promise<BulkJob | Refusal | MissingSetting> {
    const { confirmationToken: token } = asked;
    const start =
      token === undefined ? this.#readAsked(asked, caller, callerKey) : await this.#readConfirmed(asked, token, caller);
    if (!('items' in start)) return start;
    const { input, id } = start;
    const { ids, engagementType, ...kept } = input;
    const missing = this.#findMissing(input, caller);
    if (missing) return missing;
    const account = await this.#findAccount(input, caller, deadlineAt);
    if ('kind' in account) return account;
    const unsupported = refused(checkSupport(input, account));
    if (unsupported) return unsupported;
    return this.#create(id, kept, start, digest(input), account, caller);
  }

  /** Starts to restore engagements. As {@link BulkDeletes.start}; null when there is no such bulk delete. */
  async startRestore(
    input: StartRestoreInput,
    caller: Caller,
    { callerKey, deadlineAt }: StartOptions,
  ): Promise<BulkJob | Refusal | MissingSetting | null> {
    const { integratedAccountId, jobId, lines, dryRun } = input;
    if (!canAccess(caller, integratedAccountId)) return notGranted();
    const early = this.#findMissing({ snapshot: jobId !== undefined }, caller) ?? refused(checkRestore(input));
    if (early) return early;
    const given = readGivenLines(lines ?? [], integratedAccountId);
    const malformed = refused(given.findings);
    if (malformed) return malformed;
    if (jobId !== undefined) {
      const source = await this.find(jobId, caller, deadlineAt);
      if (source?.input.integratedAccountId !== integratedAccountId) return null;
      const why = await this.#findUnrestorable(source);
      if (why) return refused([refusal(['bulkDeleteId'], why)]) ?? null;
    }
    const account = await this.#findAccount(input, caller, deadlineAt);
    if ('kind' in account) return account;
    const { support } = account;
    const name =
      support.kind === 'supported' ? support.integration.name : support.kind === 'unsupported' && support.name;
    const why = `It belongs to ${name}, which cannot create engagements through Truto.`;
    const unsupported = canCreate(support) ? undefined : refused([refusal(['integratedAccountId'], why)]);
    if (unsupported) return unsupported;
    const work = { caller, findAccountIntegration: () => account, requestTimeoutMs: deadlineAt - performance.now() };
    const items: BulkItem[] = [];
    for (const { kept, line } of given.records) items.push(await itemOf(kept, { line }, integratedAccountId, work));
    const stored = { integratedAccountId, dryRun, snapshot: false, restore: jobId === undefined ? {} : { jobId } };
    const id = callerKey === undefined ? randomUUID() : uuidOf(caller.id, ...callerKey);
    return this.#create(id, stored, { items: lines && items }, digest('restore', input), account, caller);
  }

  /** Looks up the account of a start. Returns why it cannot be used now, if it cannot. */
  async #findAccount(
    { integratedAccountId, dryRun }: Pick<StartInput, 'integratedAccountId' | 'dryRun'>,
    caller: Caller,
    deadlineAt: number,
  ): Promise<AccountLookup | Refusal> {
    const { findAccountIntegration } = this.#parts;
    const account = await findAccountIntegration(caller, integratedAccountId, deadlineAt, 'fresh');
    // With no time left, only the cache answers.
    const isKnown = !caller.bringsToken || (await findAccountIntegration(caller, integratedAccountId, 0)).isShown;
    return findUnusable(account, { dryRun }, caller, isKnown) ?? account;
  }

  /** Why a bulk delete's undo files cannot be restored from. */
  async #findUnrestorable(source: BulkJob): Promise<string | undefined> {
    if (!hasEnded(source)) return 'The bulk delete has not ended. Wait until it ends, or cancel it.';
    if ((await this.store.readUndoFiles(source.id)).length > 0) return undefined;
    return source.keptCount === 0
      ? 'The bulk delete has no undo files: it was started without snapshot, or has stored no record.'
      : 'An earlier version of this server wrote its undo files. Restore them with the terminal, or give their lines.';
  }

  async #create(
    id: string,
    kept: BulkInput,
    { items, isPartial = false }: List,
    fingerprint: string,
    account: AccountLookup,
    caller: Caller,
  ): Promise<BulkJob | Refusal> {
    const { store, worker, seal, abilities } = this.#parts;
    const { integratedAccountId, dryRun } = kept;
    const sealedToken = seal && caller.bringsToken ? await seal.close(caller.authorization, id) : '';
    // With a filter, a dry run reads the list, and so finds out by itself.
    const statusReason =
      account.refusal && dryRun && items && !kept.restore
        ? `It could not be checked whether the integrated account exists and is connected. ${account.refusal.message}`
        : undefined;
    // An account that a token may not look up may not exist: all of them share one limit.
    const isHidden = caller.bringsToken && account.refusal?.kind === 'ForbiddenError';
    const ownerId = digest(caller.id, isHidden ? '' : integratedAccountId);
    const { support } = account;
    const integration = support.kind === 'supported' ? support.integration.name : '';
    const job = {
      id,
      input: kept,
      integration,
      callerId: caller.id,
      ownerId,
      needs: needsOf(abilities, kept),
      sealedToken,
    };
    try {
      const { kind, roomMs } = await store.create(
        { ...job, fingerprint, isPartial, ...(statusReason && { statusReason }) },
        items,
      );
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
      throw error instanceof BulkUnavailable
        ? new BulkUnavailable(error.message, id, kept.restore !== undefined)
        : error;
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
   * Lists the bulk deletes, or the restores, of an account, newest first: those that {@link find} would return. Refuses a caller who may not access the
   * account, or whose access cannot be checked, unless there are some that the caller has started.
   * @throws {BulkUnavailable}
   */
  async list(
    integratedAccountId: string,
    { first, after }: { readonly first: number; readonly after: string | null },
    caller: Caller,
    deadlineAt: number,
    isRestore = false,
  ): Promise<
    Refusal | { readonly kind: 'Jobs'; readonly items: readonly BulkJob[]; readonly endCursor: string | null }
  > {
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
    return { kind: 'Jobs', items: shown, endCursor: last && items.length > first ? cursorOf(last) : null };
  }

  /**
   * Asks upstream whether it still accepts a caller's token, and still shows the account to one who did not start the bulk delete.
   * Returns why not. Undefined also when upstream does not answer.
   */
  async confirm({ input, callerId }: BulkJob, caller: Caller, deadlineAt: number): Promise<Refusal | undefined> {
    const lost = await findLostAccess(
      input.integratedAccountId,
      caller,
      deadlineAt,
      this.#parts.findAccountIntegration,
    );
    if (!lost || (lost.kind === 'ForbiddenError' && caller.id === callerId)) return undefined;
    return { ...lost, message: `${lost.message} ${goesOn}` };
  }
}
