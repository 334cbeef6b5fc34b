import { createHash, randomUUID } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { Secret } from '../config/secret.ts';
import { type AccountLookup, type Caller, canAccess, type FindAccountIntegration } from '../engagement/account.ts';
import type { EngagementType } from '../engagement/input.ts';
import { notGranted, refusedInput } from '../engagement/refusal.ts';
import { type Finding, hasRefusal, type Refusal, refusal } from '../engagement/result.ts';
import { checkFilter, checkId, checkIntegration } from '../engagement/rules.ts';
import { digest, uuidOf } from '../upstream/digest.ts';
import { type BulkInput, type BulkJob, maxIds } from './job.ts';
import { BulkUnavailable, maxIdleBytes, maxIdleListedBytes, maxUnfinished } from './job-scripts.ts';
import type { JobStore } from './job-store.ts';
import { type Abilities, needsOf } from './task-queue.ts';
import type { BulkWorker } from './worker.ts';

/** Keeps callers' credentials unreadable for whoever reads Redis. */
export interface Seal {
  /** Names the secret, and does not tell it: what was sealed under one name can be opened by a seal of that name only. */
  readonly name: string;
  /** @param jobId what it is for: it cannot be opened for another. */
  close(credential: Secret, jobId: string): Promise<string>;
  /** @throws when it was sealed with another secret, or for another job. */
  open(sealed: string, jobId: string): Promise<Secret>;
}

/** Seals with a secret of the operator's: a JWE (RFC 7516), AES-256 in GCM, that names what it is for. */
export function createSeal(secret: Secret): Seal {
  const key = createHash('sha256').update(secret.reveal()).digest();
  const name = createHash('sha256').update('name of ').update(key).digest('hex').slice(0, 16);
  return {
    name,
    close: (credential, jobId) =>
      new CompactEncrypt(new TextEncoder().encode(credential.reveal()))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: jobId })
        .encrypt(key),
    async open(sealed, jobId) {
      const { plaintext, protectedHeader } = await compactDecrypt(sealed, key);
      if (protectedHeader.kid !== jobId) throw new Error('it was sealed for another bulk delete');
      return new Secret(new TextDecoder('utf-8', { ignoreBOM: true }).decode(plaintext));
    },
  };
}

/** What a caller starts a bulk delete with. */
export interface StartInput extends BulkInput {
  readonly ids: readonly string[] | undefined;
  /** What kind all of those ids are. */
  readonly engagementType: EngagementType | undefined;
}

/** A setting that is missing for what is asked. */
export interface MissingSetting {
  readonly kind: 'MissingSetting';
  readonly message: string;
}

interface BulkParts {
  readonly store: JobStore;
  readonly worker: BulkWorker;
  /** Undefined where callers' tokens are not kept: the server has one, or `BULK_TOKEN_SECRET` is not set. */
  readonly seal: Seal | undefined;
  readonly abilities: Abilities;
  readonly findAccountIntegration: FindAccountIntegration;
  /** How often {@link BulkDeletes.confirm} is to be asked of a caller who follows, in milliseconds. */
  readonly confirmIntervalMs: number;
}

function checkWhich({ ids, filter, engagementType }: StartInput): readonly Finding[] {
  if ((ids === undefined) === (filter === undefined)) return [refusal([], 'It must have either ids or a filter.')];
  if (filter !== undefined) {
    const isEmpty = Object.values(filter).every((value) => value === null || value === undefined);
    return [
      ...(isEmpty ? [refusal(['filter'], 'It must have a condition: without, it would mean every engagement.')] : []),
      ...(engagementType ? [refusal(['engagementType'], 'It is for ids only: a filter has one of its own.')] : []),
      ...checkFilter(filter),
    ];
  }
  const list = ids ?? [];
  if (list.length === 0 || list.length > maxIds)
    return [refusal(['ids'], `It must have 1 to ${maxIds} ids, it has ${list.length}.`)];
  return list.flatMap((id, index) => checkId(id, ['ids', String(index)]));
}

/** What the account's integration asks for: it would refuse every single one. */
function checkSupport({ integratedAccountId, engagementType, ids }: StartInput, { support }: AccountLookup) {
  const findings = checkIntegration({ id: 'any', integratedAccountId, format: 'unified', engagementType }, support);
  // What is listed says itself what it is.
  return ids === undefined ? findings.filter(({ path }) => path[0] !== 'engagementType') : findings;
}

/** The answer to input that cannot be started; undefined when it can. */
function refused(findings: readonly Finding[]): Refusal | undefined {
  if (!hasRefusal(findings)) return undefined;
  return refusedInput(findings.map((found) => ({ ...found, path: ['input', ...found.path] })));
}

/** Refusals that pass by themselves, or say nothing of the token. */
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

const idle = 'dry runs and bulk deletes in this integrated account of which nothing was begun take';

/** Why a caller may not start another. */
const tooMany = {
  unfinished: `You have ${maxUnfinished} bulk deletes in this integrated account that have not ended: wait for one, or cancel one.`,
  bytes: `Your ${idle} ${maxIdleBytes >> 20} MiB: start again when the oldest is kept no longer.`,
  listed: `The lists of your ${idle} ${maxIdleListedBytes >> 20} MiB: start again when the oldest is kept no longer.`,
} as const;

/** What the end of following means for the bulk delete. */
const goesOn = 'No more events follow; the bulk delete itself goes on.';

/** Redis is asked for no other id. */
const idForm = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** Starts bulk deletes, and finds them again for those who may see them. */
export class BulkDeletes {
  readonly store: JobStore;
  readonly confirmIntervalMs: number;
  readonly #parts: BulkParts;

  constructor(parts: BulkParts) {
    this.store = parts.store;
    this.confirmIntervalMs = parts.confirmIntervalMs;
    this.#parts = parts;
  }

  /** Says which setting a bulk delete needs that this server does not have. */
  #findMissing({ snapshot }: StartInput, { bringsToken }: Caller): MissingSetting | undefined {
    const { seal, abilities } = this.#parts;
    const missing = (why: string, setting: string): MissingSetting => ({
      kind: 'MissingSetting',
      message: `Nothing was started. ${why}, the operator has to set ${setting}.`,
    });
    if (bringsToken && !seal) return missing('To keep your token while it runs', 'BULK_TOKEN_SECRET');
    if (snapshot && !abilities.keepsUndoFiles) return missing('To keep records before they are deleted', 'UNDO_STORE');
    return undefined;
  }

  /**
   * Starts one; with an idempotency key that was used before, answers the one that was started then.
   * @param callerKey the caller's own key, and which of the operation's fields it is for.
   * @throws {BulkUnavailable} while Redis cannot be reached: with an idempotency key it may be tried again.
   */
  async start(
    input: StartInput,
    caller: Caller,
    {
      callerKey,
      deadlineAt,
    }: { readonly callerKey: readonly [string, string] | undefined; readonly deadlineAt: number },
  ): Promise<BulkJob | Refusal | MissingSetting> {
    const { store, worker, seal, abilities, findAccountIntegration } = this.#parts;
    const { ids, engagementType, ...kept } = input;
    const { integratedAccountId } = input;
    if (!canAccess(caller, integratedAccountId)) return notGranted();
    const early =
      this.#findMissing(input, caller) ??
      refused([...checkId(integratedAccountId, ['integratedAccountId']), ...checkWhich(input)]);
    if (early) return early;
    const account = await findAccountIntegration(caller, integratedAccountId, deadlineAt, 'fresh');
    // With no time left, only what is remembered is answered.
    const isKnown = !caller.bringsToken || (await findAccountIntegration(caller, integratedAccountId, 0)).isShown;
    const unusable = findUnusable(account, input, caller, isKnown) ?? refused(checkSupport(input, account));
    if (unusable) return unusable;

    const id = callerKey === undefined ? randomUUID() : uuidOf(caller.id, ...callerKey);
    const fingerprint = digest(input);
    const items = ids && [...new Set(ids)].map((item) => ({ id: item, engagementType: engagementType ?? null }));
    const sealedToken = seal && caller.bringsToken ? await seal.close(caller.authorization, id) : '';
    // With a filter, a dry run reads the list, which shows whether the account can be used.
    const trouble =
      account.refusal && input.dryRun && ids
        ? `Whether the integrated account exists and is connected could not be checked. ${account.refusal.message}`
        : undefined;
    // What a token may not look up may not exist: all such accounts count as one.
    const isHidden = caller.bringsToken && account.refusal?.kind === 'ForbiddenError';
    const ownerId = digest(caller.id, isHidden ? '' : integratedAccountId);
    const job = { id, input: kept, callerId: caller.id, ownerId, needs: needsOf(abilities, kept), sealedToken };
    try {
      const { kind, roomMs } = await store.create({ ...job, fingerprint, ...(trouble && { trouble }) }, items);
      if (kind !== 'created' && kind !== 'there') {
        const retryAfterMs = kind === 'unfinished' ? null : roomMs;
        return { kind: 'RateLimitedError', message: `Nothing was started. ${tooMany[kind]}`, retryAfterMs };
      }
      const started = await store.read(id);
      if (!started) throw new Error('a bulk delete is gone that was just there');
      if (started.fingerprint !== fingerprint)
        return refusedInput([
          refusal(['Idempotency-Key'], 'It was sent before with another bulk delete. Use a new one.'),
        ]);
      worker.wake();
      return started;
    } catch (error) {
      // The caller must be able to find it: it may have been started.
      throw error instanceof BulkUnavailable ? new BulkUnavailable(error.message, id) : error;
    }
  }

  /** Pauses, resumes or cancels one. @throws {BulkUnavailable} */
  async control(job: BulkJob, how: 'pause' | 'resume' | 'cancel'): Promise<BulkJob | null> {
    await this.store.control(job, how);
    this.#parts.worker.wake();
    return this.store.read(job.id);
  }

  /** The bulk delete with that id; null if there is none, or the caller may not access its account. @throws {BulkUnavailable} */
  async find(id: string, caller: Caller, deadlineAt: number): Promise<BulkJob | null> {
    const job = idForm.test(id) ? await this.store.read(id) : null;
    if (!job || !canAccess(caller, job.input.integratedAccountId)) return null;
    if (!caller.bringsToken || caller.id === job.callerId) return job;
    // With a token of its own, a caller is granted what upstream shows it.
    const { isShown } = await this.#parts.findAccountIntegration(caller, job.input.integratedAccountId, deadlineAt);
    return isShown ? job : null;
  }

  /**
   * Asks upstream whether it still takes the token of a caller who follows, and, if another caller started the bulk delete, still shows it
   * the account: if not, says why. Nothing is concluded when upstream does not answer.
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
