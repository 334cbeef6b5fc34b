import { randomUUID } from 'node:crypto';
import { type AccountLookup, type Caller, canAccess, type FindAccountIntegration } from '../engagement/account.ts';
import type { EngagementType } from '../engagement/input.ts';
import { notGranted, refusedInput } from '../engagement/refusal.ts';
import { type Finding, hasRefusal, type Refusal, refusal } from '../engagement/result.ts';
import { checkFilter, checkId, checkIntegration } from '../engagement/rules.ts';
import { digest, uuidOf } from '../upstream/digest.ts';
import { BulkUnavailable } from './bulk-unavailable.ts';
import type { BulkInput, BulkItem, BulkJob } from './job.ts';
import { type JobStore, maxIdleBytes, maxIdleListedBytes, maxUnfinished } from './job-store.ts';
import type { Seal } from './seal.ts';
import { type Abilities, needsOf } from './task-queue.ts';
import type { BulkWorker } from './worker.ts';

/** How many engagements one bulk delete may name by their ids. */
export const maxIds = 5_000;

/** What a caller starts a bulk delete with. */
export interface StartInput extends BulkInput {
  readonly ids: readonly string[] | undefined;
  /** What kind all of those ids are. */
  readonly engagementType: EngagementType | undefined;
}

/** What bulk deletes are made of. */
export interface BulkParts {
  readonly store: JobStore;
  readonly worker: BulkWorker;
  /** Undefined where callers' tokens are not kept: the server has one, or nobody said how. */
  readonly seal: Seal | undefined;
  readonly abilities: Abilities;
  readonly findAccountIntegration: FindAccountIntegration;
  /** How often upstream is asked whether it still takes the token of a caller who follows, in milliseconds. */
  readonly confirmIntervalMs: number;
}

/** A setting that is missing for what is asked. */
export interface MissingSetting {
  readonly kind: 'MissingSetting';
  readonly message: string;
}

function missing(setting: string, why: string): MissingSetting {
  return { kind: 'MissingSetting', message: `Nothing was started. ${why} set ${setting}.` };
}

function isEmpty(filter: object): boolean {
  return Object.values(filter).every((value) => value === null || value === undefined);
}

function checkStart({ integratedAccountId, ids, filter, engagementType }: StartInput): readonly Finding[] {
  const account = checkId(integratedAccountId, ['input', 'integratedAccountId']);
  if ((ids === undefined) === (filter === undefined)) {
    return [...account, refusal(['input'], 'It must have either ids or a filter.')];
  }
  if (filter !== undefined) {
    const path = ['input', 'filter'];
    const all = isEmpty(filter)
      ? [refusal(path, 'It must have a condition: without, it would mean every engagement.')]
      : [];
    const type = engagementType
      ? [refusal(['input', 'engagementType'], 'It is for ids only: a filter has one of its own.')]
      : [];
    return [
      ...account,
      ...all,
      ...type,
      ...checkFilter(filter).map((found) => ({ ...found, path: ['input', ...found.path] })),
    ];
  }
  const count = ids?.length ?? 0;
  if (count === 0 || count > maxIds) {
    return [...account, refusal(['input', 'ids'], `It must have 1 to ${maxIds} ids, it has ${count}.`)];
  }
  return [...account, ...(ids ?? []).flatMap((id, index) => checkId(id, ['input', 'ids', String(index)]))];
}

/** What passes by itself, or says nothing of the token. */
const passing = new Set<string>(['RateLimitedError', 'UpstreamUnavailableError', 'RemoteApiError']);

/**
 * Why nothing is started for the account as it is. One that has to be connected again does not keep a real one from being started: it
 * pauses, and goes on afterwards. Nor does a token that may not look accounts up (ADR 17).
 * @param isKnown true when the caller has proved before that it may use the account: what passes does not stand in its way.
 */
function findUnusable(
  { refusal }: AccountLookup,
  { dryRun }: StartInput,
  { bringsToken }: Caller,
  isKnown: boolean,
): Refusal | undefined {
  if (!refusal || refusal.kind === 'ForbiddenError') return undefined;
  const message = `Nothing was started. ${refusal.message}`;
  if (refusal.kind === 'Unauthenticated' && !bringsToken) return { kind: 'UpstreamUnavailableError', message };
  if (refusal.kind === 'AccountNeedsReauthError' && !dryRun) return undefined;
  return passing.has(refusal.kind) && isKnown ? undefined : { ...refusal, message };
}

/** For a caller who has as many as it may. */
function tooMany(kind: 'unfinished' | 'bytes' | 'listed', roomMs: number): Refusal {
  const whose = 'dry runs and bulk deletes in this integrated account of which nothing was begun take';
  const why = {
    unfinished: `You have ${maxUnfinished} bulk deletes in this integrated account that have not ended: wait for one, or cancel one.`,
    bytes: `Your ${whose} ${maxIdleBytes >> 20} MiB: start again when the oldest is kept no longer.`,
    listed: `The lists of your ${whose} ${maxIdleListedBytes >> 20} MiB: start again when the oldest is kept no longer.`,
  }[kind];
  return {
    kind: 'RateLimitedError',
    message: `Nothing was started. ${why}`,
    retryAfterMs: kind === 'unfinished' ? null : roomMs,
  };
}

/** What a dry run of ids could not find out: with a filter, the list is read, which shows it. */
function findUnchecked({ refusal }: AccountLookup, { dryRun, ids }: StartInput): string | undefined {
  if (!refusal || !dryRun || ids === undefined) return undefined;
  return `Whether the integrated account exists and is connected could not be checked. ${refusal.message}`;
}

/** What the account's integration asks for can be known before: it would refuse every single one. */
function checkSupport(input: StartInput, { support }: AccountLookup) {
  const { integratedAccountId, engagementType, ids } = input;
  const any = { id: 'any', integratedAccountId, format: 'unified' as const, engagementType };
  const findings = checkIntegration(any, support).map((found) => ({ ...found, path: ['input', ...found.path] }));
  // What is listed says itself what it is.
  return ids === undefined ? findings.filter(({ path }) => path[1] !== 'engagementType') : findings;
}

/** What the end of following means for the bulk delete. */
const goesOn = 'No more events follow; the bulk delete itself goes on.';

/** Anything else is not asked of Redis. */
const idForm = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** @param callerKey the caller's own key, and which of the operation's fields it is for. */
function idFor({ id }: Caller, callerKey: readonly [string, string] | undefined): string {
  return callerKey === undefined ? randomUUID() : uuidOf(id, ...callerKey);
}

/** Starts bulk deletes, and finds them again for those who may see them. */
export class BulkDeletes {
  readonly store: JobStore;
  /** How often {@link BulkDeletes.confirm} is to be asked of a caller who follows, in milliseconds. */
  readonly confirmIntervalMs: number;
  readonly #parts: BulkParts;

  constructor(parts: BulkParts) {
    this.store = parts.store;
    this.confirmIntervalMs = parts.confirmIntervalMs;
    this.#parts = parts;
  }

  /**
   * Starts one. With an idempotency key that was used before, it is the one that was started then.
   * @throws {BulkUnavailable} while Redis is gone: with an idempotency key it may be tried again.
   */
  async start(
    input: StartInput,
    caller: Caller,
    {
      callerKey,
      deadlineAt,
    }: { readonly callerKey: readonly [string, string] | undefined; readonly deadlineAt: number },
  ): Promise<BulkJob | Refusal | MissingSetting> {
    const { seal, abilities, findAccountIntegration } = this.#parts;
    const { ids, engagementType, ...kept } = input;
    if (!canAccess(caller, input.integratedAccountId)) return notGranted();
    if (caller.bringsToken && !seal)
      return missing('BULK_TOKEN_SECRET', 'To keep your token while it runs, the operator has to');
    if (input.snapshot && !abilities.keepsUndoFiles)
      return missing('UNDO_STORE', 'To keep records before they are deleted, the operator has to');
    const findings = checkStart(input);
    if (hasRefusal(findings)) return refusedInput(findings);
    const account = await findAccountIntegration(caller, input.integratedAccountId, deadlineAt, 'anew');
    const unusable = findUnusable(account, input, caller, await this.#isKnown(caller, input));
    if (unusable) return unusable;
    const unfit = checkSupport(input, account);
    if (hasRefusal(unfit)) return refusedInput(unfit);

    const id = idFor(caller, callerKey);
    const fingerprint = digest(input);
    const items =
      ids && [...new Set(ids)].map((item): BulkItem => ({ id: item, engagementType: engagementType ?? null }));
    const sealedToken = seal && caller.bringsToken ? await seal.close(caller.authorization, id) : '';
    try {
      const trouble = findUnchecked(account, input);
      const needs = needsOf(abilities, kept);
      const job = {
        id,
        input: kept,
        callerId: caller.id,
        needs,
        sealedToken,
        fingerprint,
        ...(trouble && { trouble }),
      };
      // What a token may not look up may not exist: all such accounts count as one.
      const isHidden = caller.bringsToken && account.refusal?.kind === 'ForbiddenError';
      const ownerId = digest(caller.id, isHidden ? '' : input.integratedAccountId);
      const { kind, roomMs } = await this.store.create(job, items, ownerId);
      if (kind !== 'created' && kind !== 'there') return tooMany(kind, roomMs);
      if (kind === 'there' && (await this.store.fingerprintOf(id)) !== fingerprint) {
        return refusedInput([
          refusal(['Idempotency-Key'], 'It was sent before with another bulk delete. Use a new one.'),
        ]);
      }
      const started = await this.store.read(id);
      if (!started) throw new Error('a bulk delete is gone that was just there');
      this.#parts.worker.wake();
      return started;
    } catch (error) {
      // Whoever is told that must be able to find it: it may have been started.
      throw error instanceof BulkUnavailable ? new BulkUnavailable(error.message, id) : error;
    }
  }

  /** True when it is sure, without asking, that the caller may use the account, or upstream has shown it to the caller within five minutes. */
  async #isKnown(caller: Caller, { integratedAccountId }: StartInput): Promise<boolean> {
    if (!caller.bringsToken) return true;
    // With no time left, only what is remembered is answered.
    const { isShown } = await this.#parts.findAccountIntegration(caller, integratedAccountId, 0);
    return isShown;
  }

  /**
   * Pauses, resumes or cancels one.
   * @throws {BulkUnavailable}
   */
  async steer(job: BulkJob, how: 'pause' | 'resume' | 'cancel'): Promise<BulkJob | null> {
    await this.store.steer(job, how);
    this.#parts.worker.wake();
    return this.store.read(job.id);
  }

  /**
   * The bulk delete with that id, if the caller may touch its account; null for one that is not there, and for one of others.
   * @throws {BulkUnavailable}
   */
  async find(id: string, caller: Caller, deadlineAt: number): Promise<BulkJob | null> {
    const job = idForm.test(id) ? await this.store.read(id) : null;
    if (!job) return null;
    const { integratedAccountId } = job.input;
    if (!canAccess(caller, integratedAccountId)) return null;
    if (!caller.bringsToken || caller.id === job.callerId) return job;
    // With a token of its own, a caller is granted what upstream shows it.
    const { isShown } = await this.#parts.findAccountIntegration(caller, integratedAccountId, deadlineAt);
    return isShown ? job : null;
  }

  /**
   * Asks upstream whether it still takes the token of a caller who was shown a bulk delete, and still shows it the account.
   * Nothing is concluded when upstream does not answer.
   * @returns why the caller may follow it no longer: its token, or, for one who did not start it, the account.
   */
  async confirm({ input, callerId }: BulkJob, caller: Caller, deadlineAt: number): Promise<Refusal | undefined> {
    if (!caller.bringsToken) return undefined;
    const { findAccountIntegration } = this.#parts;
    const { refusal } = await findAccountIntegration(caller, input.integratedAccountId, deadlineAt, 'recent');
    if (refusal?.kind === 'Unauthenticated') return { ...refusal, message: `${refusal.message} ${goesOn}` };
    const isHidden = refusal?.kind === 'IntegratedAccountNotFoundError' || refusal?.kind === 'ForbiddenError';
    if (!isHidden || caller.id === callerId) return undefined;
    const message = `Upstream no longer shows you this integrated account. ${goesOn}`;
    return { kind: 'ForbiddenError', message, missingScopes: [] };
  }
}
