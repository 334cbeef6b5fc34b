import { LRUCache } from 'lru-cache';
import type { Secret } from '../config/secret.ts';
import type { Attempt, LimitedBy, Send } from '../upstream/attempt.ts';
import { isJsonObject, readBody } from './body.ts';
import { noteDrift } from './drift.ts';
import { readPaths } from './input.ts';
import { findIntegration, type IntegrationSupport } from './integrations.ts';
import { isIdValue, isSameId } from './record.ts';
import { accountNotFound, needsReauth, notSent, readRefusal, tokenRefused } from './refusal.ts';
import { buildCapabilitiesRequest, buildIntegratedAccountRequest } from './request.ts';
import { type Finding, isAccountWide, type Refusal, refusal, warning } from './result.ts';

/** Who calls, which accounts they may use, and whose credential is sent upstream for them. */
export interface Caller {
  /** Identifies the caller in caches and logs without a secret: a JWT's subject, or a digest of the bearer. */
  readonly id: string;
  /** The integrated accounts the caller may use; `all` when upstream itself decides, or the grant says so. */
  readonly grants: ReadonlySet<string> | 'all';
  /** The whole `Authorization` header for upstream. */
  readonly authorization: Secret;
  /** True when that is the caller's own, so that only the caller can replace it. */
  readonly bringsToken: boolean;
  /** The moment (by `performance.now()`) when the caller's proof expires; undefined when only upstream knows. */
  readonly expiresAt?: number;
}

/** True when the caller may use the integrated account. One that does not exist looks like one that is not granted. */
export function canAccess({ grants }: Caller, integratedAccountId: string): boolean {
  return grants === 'all' || grants.has(integratedAccountId);
}

/** The limits that a request counts against: those of the token that is sent, in this account. */
export function limitedBy({ id, bringsToken }: Caller, integratedAccountId: string): LimitedBy {
  return { tokenId: bringsToken ? id : 'server', integratedAccountId };
}

/** How long the answers of look-ups are used. An account's integration never changes, but access can be granted at any moment. */
const shownTtlMs = 5 * 60_000;
const refusalTtlMs = 60_000;
/** How long an answer is recent, so that many dry runs in a row look their account up once. */
const recentMs = 1_000;
const cacheSize = 10_000;
/** The longest a delete waits for the look-up of its account. */
const maxTimeoutMs = 2_000;

/** The result of looking up an integrated account: whether upstream returned it, and its integration, as far as known. */
export interface AccountLookup {
  readonly isShown: boolean;
  readonly support: IntegrationSupport;
  /** An account-wide error and `Unauthenticated` refuse every request. Any other is why it could not be checked. Null when it is usable. */
  readonly refusal: Refusal | null;
}

/**
 * How old an answer may be. `cached`: for a delete, which upstream checks anyway. `recent`: for a dry run, whose result it is.
 * `fresh`: also an account that was found before is looked up again.
 */
type Freshness = 'cached' | 'recent' | 'fresh';

/** Looks up an integrated account, or returns the cached answer. Never rejects. Resolves by the deadline. */
export type FindAccountIntegration = (
  caller: Caller,
  integratedAccountId: string,
  deadlineAt: number,
  freshness?: Freshness,
) => AccountLookup | Promise<AccountLookup>;

const notShown = (why: Refusal): AccountLookup => ({ isShown: false, support: { kind: 'unknown' }, refusal: why });
const unchecked = (message: string): AccountLookup => notShown({ kind: 'UpstreamUnavailableError', message });

function notAsTruto(statusCode: number): AccountLookup {
  const message = `The answer has status ${statusCode}, but is not in Truto's form.`;
  return notShown({ kind: 'RemoteApiError', message, statusCode });
}

function textAt(json: unknown, key: string): string | undefined {
  const value = isJsonObject(json) ? json[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function readLookup(attempt: Attempt, { bringsToken }: Caller, integratedAccountId: string): AccountLookup {
  if (attempt.kind === 'failure')
    return attempt.mayHaveBeenSent ? unchecked('Truto did not answer.') : notShown(notSent(attempt));
  const { statusCode } = attempt;
  if (statusCode === 200) {
    const body = readBody(attempt.body);
    const json = body.kind === 'json' ? body.value : undefined;
    if (!isJsonObject(json) || !isJsonObject(json.integration)) return notAsTruto(statusCode);
    if (isIdValue(json.id) && !isSameId(json.id, integratedAccountId)) {
      // It answers another request. Later answers on the connection may do so too.
      attempt.disconnect();
      return unchecked('Truto returned another account.');
    }
    const byName = findIntegration(textAt(json.integration, 'name'));
    const support = byName.kind === 'unknown' ? findIntegration(textAt(json.integration, 'label')) : byName;
    return { isShown: true, support, refusal: textAt(json, 'status') === 'needs_reauth' ? needsReauth() : null };
  }
  const refused = readRefusal(attempt, true, readPaths);
  if (refused.kind === 'UnclearAnswer')
    return statusCode < 500 ? notAsTruto(statusCode) : unchecked(`Truto failed with status ${statusCode}.`);
  if (refused.kind === 'Unauthenticated') return notShown(tokenRefused(bringsToken));
  return notShown(refused.kind === 'NotFoundError' && !refused.accountFound ? accountNotFound() : refused);
}

/** The methods that Truto has for the account's engagements, by `GET /integrated-account/{id}/capabilities`. Undefined when it does not say. */
export async function readMethods(
  caller: Caller,
  integratedAccountId: string,
  deadlineAt: number,
  send: Send,
): Promise<readonly unknown[] | undefined> {
  const request = buildCapabilitiesRequest(integratedAccountId, caller.authorization.reveal());
  const { attempt } = await send(request, { deadlineAt, limitedBy: limitedBy(caller, integratedAccountId) });
  const body = attempt.kind === 'answer' && attempt.statusCode === 200 ? readBody(attempt.body) : undefined;
  const { account, unified } = body?.kind === 'json' && isJsonObject(body.value) ? body.value : {};
  if (!isJsonObject(account) || !isSameId(account.id, integratedAccountId) || !Array.isArray(unified)) return undefined;
  const ours = unified.find((row) => isJsonObject(row) && row.model === 'crm' && row.resource === 'engagements');
  // Without a row, it has none.
  const { methods = [] } = isJsonObject(ours) ? ours : {};
  return Array.isArray(methods) ? methods : undefined;
}

/** Looks up an account by `GET /integrated-account/{id}`. Where our table has no deletes, a method `delete` at Truto overrides it. */
export async function lookUpAccount(
  caller: Caller,
  integratedAccountId: string,
  deadlineAt: number,
  send: Send,
): Promise<AccountLookup> {
  const request = buildIntegratedAccountRequest(integratedAccountId, caller.authorization.reveal());
  const { attempt } = await send(request, { deadlineAt, limitedBy: limitedBy(caller, integratedAccountId) });
  const lookup = readLookup(attempt, caller, integratedAccountId);
  if (lookup.support.kind !== 'unsupported') return lookup;
  const methods = await readMethods(caller, integratedAccountId, deadlineAt, send);
  if (!methods?.includes('delete')) return lookup;
  noteDrift({ kind: 'rule', resource: 'engagements', names: [`delete of ${lookup.support.name}`] });
  return { ...lookup, support: { kind: 'unknown' } };
}

const noTime = unchecked('The time for it was over.');

async function within(lookup: Promise<AccountLookup>, deadlineAt: number): Promise<AccountLookup> {
  const { promise: expiry, resolve } = Promise.withResolvers<AccountLookup>();
  const timer = setTimeout(() => resolve(noTime), Math.max(0, deadlineAt - performance.now()));
  return Promise.race([lookup, expiry]).finally(() => clearTimeout(timer));
}

/** True for a failure that may pass by itself, and proves nothing about the account or the token. */
export function isTemporary({ kind }: Refusal): boolean {
  return kind === 'RateLimitedError' || kind === 'UpstreamUnavailableError' || kind === 'RemoteApiError';
}

function isFreshEnough(known: AccountLookup, ageMs: number, freshness: Freshness): boolean {
  if (freshness === 'recent') return ageMs < recentMs;
  if (known.refusal?.kind === 'ForbiddenError') return ageMs < refusalTtlMs;
  return freshness === 'cached' && known.isShown;
}

/**
 * Creates the look-up, which caches answers per caller: found accounts for 5 minutes, forbidden ones for a minute, missing ones for dry
 * runs only. A delete waits for it for a quarter of the operation's time, at most 2 s, and then continues without it.
 */
export function createAccountLookup(send: Send, requestTimeoutMs: number): FindAccountIntegration {
  const timeoutMs = Math.min(maxTimeoutMs, requestTimeoutMs / 4);
  // Sized, because with `max` a cache allocates room for all of them when it is made.
  const cache = new LRUCache<string, AccountLookup>({ maxSize: cacheSize, sizeCalculation: () => 1, ttl: shownTtlMs });
  /** Requests for the same account share one look-up in flight. */
  const inFlight = new Map<string, Promise<AccountLookup>>();

  async function lookUp(caller: Caller, integratedAccountId: string, key: string): Promise<AccountLookup> {
    try {
      const lookup = await lookUpAccount(caller, integratedAccountId, performance.now() + timeoutMs, send);
      if (!lookup.refusal || !isTemporary(lookup.refusal)) cache.set(key, lookup);
      return lookup;
    } finally {
      inFlight.delete(key);
    }
  }

  return (caller, integratedAccountId, deadlineAt, freshness = 'cached') => {
    const key = JSON.stringify([caller.id, integratedAccountId]);
    const known = cache.get(key);
    if (known && isFreshEnough(known, shownTtlMs - cache.getRemainingTTL(key), freshness)) return known;
    if (deadlineAt <= performance.now()) return noTime;
    const lookup = inFlight.get(key) ?? lookUp(caller, integratedAccountId, key);
    inFlight.set(key, lookup);
    return within(lookup, deadlineAt);
  };
}

/**
 * Asks upstream whether it still accepts a caller's token, and still shows the account. Returns why not. Undefined also when upstream does
 * not answer, and for a caller without a token of its own.
 */
export async function findLostAccess(
  integratedAccountId: string,
  caller: Caller,
  deadlineAt: number,
  find: FindAccountIntegration,
): Promise<Refusal | undefined> {
  if (!caller.bringsToken) return undefined;
  const { refusal } = await find(caller, integratedAccountId, deadlineAt, 'recent');
  if (refusal?.kind === 'Unauthenticated') return refusal;
  if (refusal?.kind !== 'IntegratedAccountNotFoundError' && refusal?.kind !== 'ForbiddenError') return undefined;
  return { kind: 'ForbiddenError', message: 'Truto no longer shows you this integrated account.', missingScopes: [] };
}

/** The findings of a dry run about the account: a refusal of every request for it, or a failed check. */
export function checkAccount({ refusal: found }: AccountLookup, { bringsToken }: Caller): readonly Finding[] {
  const path = ['integratedAccountId'];
  if (!found) return [];
  if (found.kind === 'Unauthenticated')
    return bringsToken
      ? [{ ...refusal(['Authorization'], found.message), result: 'UNAUTHENTICATED' }]
      : [{ ...refusal(path, found.message), result: 'UpstreamUnavailableError' }];
  if (isAccountWide(found.kind)) return [{ ...refusal(path, found.message), result: found.kind }];
  return [warning(path, `The account could not be checked. ${found.message}`)];
}

/**
 * Finds out whether Truto's 404 means the record or the integrated account. Truto returns 404 for both, and documents no message
 * (truto-skills, error-and-evidence-model.md). A 404 of the provider, and any other refusal, is returned unchanged.
 */
export async function settleNotFound(
  refused: Refusal,
  { caller, integratedAccountId, deadlineAt }: { caller: Caller; integratedAccountId: string; deadlineAt: number },
  find: FindAccountIntegration,
): Promise<Refusal> {
  const isAboutAccount = refused.kind === 'IntegratedAccountNotFoundError';
  if (!isAboutAccount && (refused.kind !== 'NotFoundError' || refused.accountFound)) return refused;
  const { isShown, refusal: found } = await find(caller, integratedAccountId, deadlineAt, 'fresh');
  if (found?.kind === 'IntegratedAccountNotFoundError') return found;
  const exists = isShown || found?.kind === 'AccountNeedsReauthError' || found?.kind === 'AccountBlockedError';
  if (isAboutAccount) {
    if (!exists) return refused;
    const message = 'Truto reported the integrated account as missing, but returns it when looked up. Try again.';
    return { kind: 'UpstreamUnavailableError', message, wasSent: true };
  }
  if (exists) return { ...refused, accountFound: true };
  const message = `${refused.message} Or the integrated account is missing: this could not be checked.`;
  // A token without permission for look-ups never gets an answer.
  return { ...refused, message, isUnchecked: found?.kind !== 'ForbiddenError' };
}
