import DataLoader from 'dataloader';
import { LRUCache } from 'lru-cache';
import type { Attempt, Send } from '../upstream/attempt.ts';
import { type Caller, limitedBy } from './access.ts';
import { isJsonObject, readBody } from './body.ts';
import { findIntegration, type IntegrationSupport } from './integrations.ts';
import { isIdValue, isSameId } from './record.ts';
import { accountNotFound, needsReauth, notSent, type Refusal, readRefusal } from './refusal.ts';
import { buildIntegratedAccountRequest } from './request.ts';
import { readUpstreamError } from './upstream-error.ts';

/** How long an account that was shown is believed; its integration changes only when it is made anew. */
const cacheTtlMs = 5 * 60_000;

/** How long a refusal to show the account is believed: access may be granted any moment. */
const refusalTtlMs = 60_000;

/** How long what is said of an account is recent: many dry runs in a row look it up once. */
const recentMs = 1_000;

/** How many accounts are remembered; the least recently used one makes room. */
const cacheSize = 10_000;

/** The longest a delete waits for the look-up of its account. */
const maxTimeoutMs = 2_000;

interface Key {
  readonly caller: Caller;
  readonly integratedAccountId: string;
}

/** What the look-up of an integrated account found. */
export interface AccountLookup {
  /** True when upstream showed the account. */
  readonly isShown: boolean;
  /** What is known of its integration. */
  readonly support: IntegrationSupport;
  /**
   * `IntegratedAccountNotFoundError`, `AccountNeedsReauthError`, `AccountBlockedError` and `Unauthenticated`: what keeps
   * requests for the account from being done. Any other: why it could not be checked. Null when nothing is in the way.
   */
  readonly refusal: Refusal | null;
}

/**
 * How old an answer may be. `remembered`: for a delete, which upstream refuses anyway. `recent`: for a dry run, whose result it is.
 * `anew`: an account that was shown before is asked for again.
 */
export type Freshness = 'remembered' | 'recent' | 'anew';

/** Looks an integrated account up, or remembers it. Never rejects, and is back by the deadline. */
export type FindAccountIntegration = (
  caller: Caller,
  integratedAccountId: string,
  deadlineAt: number,
  freshness?: Freshness,
) => AccountLookup | Promise<AccountLookup>;

const unknown: IntegrationSupport = { kind: 'unknown' };

function notShown(refusal: Refusal): AccountLookup {
  return { isShown: false, support: unknown, refusal };
}

function unchecked(message: string): AccountLookup {
  return notShown({ kind: 'UpstreamUnavailableError', message });
}

function notAsTruto(statusCode: number): AccountLookup {
  const message = `Upstream answers ${statusCode}, but not as Truto does.`;
  return notShown({ kind: 'RemoteApiError', message, statusCode });
}

function textAt(json: unknown, key: string): string | undefined {
  const value = isJsonObject(json) ? json[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function readAccount(json: Readonly<Record<string, unknown>>): AccountLookup {
  const { integration } = json;
  const byName = findIntegration(textAt(integration, 'name'));
  const support = byName.kind === 'unknown' ? findIntegration(textAt(integration, 'label')) : byName;
  const refusal = textAt(json, 'status') === 'needs_reauth' ? needsReauth() : null;
  return { isShown: true, support, refusal };
}

function tokenRefused({ bringsToken }: Caller): Refusal {
  const message = bringsToken
    ? 'Upstream does not accept the token in the Authorization header.'
    : "Upstream does not accept this server's token: its operator must renew it.";
  return { kind: 'Unauthenticated', message };
}

function readLookup(attempt: Attempt, { caller, integratedAccountId }: Key): AccountLookup {
  if (attempt.kind === 'failure') {
    return attempt.mayHaveBeenSent ? unchecked('Upstream did not answer.') : notShown(notSent(attempt));
  }
  const { statusCode } = attempt;
  const body = readBody(attempt.body);
  const json = body.kind === 'json' ? body.value : undefined;
  if (statusCode === 200) {
    if (!isJsonObject(json) || !isJsonObject(json.integration)) return notAsTruto(statusCode);
    if (isIdValue(json.id) && !isSameId(json.id, integratedAccountId)) {
      // It is the answer to another request, and what comes next on that connection may be too.
      attempt.disconnect();
      return unchecked('Upstream shows another account.');
    }
    return readAccount(json);
  }
  const { isFromTruto, isRemote, missing } = readUpstreamError(json);
  // Anybody in between answers 401, 403 and 404 too: that says nothing of the token or the account.
  if (!isFromTruto && statusCode < 500 && statusCode !== 429) {
    return notAsTruto(statusCode);
  }
  if (statusCode === 404 && !isRemote && missing !== 'route') return notShown(accountNotFound());
  if (statusCode === 401 && !isRemote) return notShown(tokenRefused(caller));
  const refusal = readRefusal(attempt, false);
  return refusal.kind === 'UnclearAnswer' ? unchecked(`Upstream failed with status ${statusCode}.`) : notShown(refusal);
}

/** Looks an account up by `GET /integrated-account/{id}`. */
export async function lookUpAccount(
  caller: Caller,
  integratedAccountId: string,
  deadlineAt: number,
  send: Send,
): Promise<AccountLookup> {
  const request = buildIntegratedAccountRequest(integratedAccountId, caller.authorization.reveal());
  const { attempt } = await send(request, { deadlineAt, limitedBy: limitedBy(caller, integratedAccountId) });
  return readLookup(attempt, { caller, integratedAccountId });
}

async function within<Result>(promise: Promise<Result>, deadlineAt: number, otherwise: Result): Promise<Result> {
  const { promise: expiry, resolve } = Promise.withResolvers<Result>();
  const timer = setTimeout(() => resolve(otherwise), Math.max(0, deadlineAt - performance.now()));
  return Promise.race([promise, expiry]).finally(() => clearTimeout(timer));
}

const noTime = unchecked('There was no time left.');

/** An answer, and when it came. */
interface Remembered {
  readonly lookup: AccountLookup;
  readonly atMs: number;
}

/** What passes by itself is no knowledge of the account. */
const passing = new Set<string | undefined>(['RateLimitedError', 'UpstreamUnavailableError', 'RemoteApiError']);

function isFreshEnough({ lookup, atMs }: Remembered, freshness: Freshness): boolean {
  const ageMs = performance.now() - atMs;
  if (freshness === 'recent') return ageMs < recentMs;
  if (lookup.refusal?.kind === 'ForbiddenError') return ageMs < refusalTtlMs;
  return freshness === 'remembered' && lookup.isShown;
}

/**
 * Looks accounts up and remembers for 5 minutes those that upstream shows. Entries are kept per caller: what one caller may see
 * of an account is nothing another may learn. That upstream refuses to show one is remembered for a minute; that there is none is
 * remembered for dry runs only.
 * @param requestTimeoutMs how long an operation may take: a delete waits a quarter of it for the look-up, two seconds at most, and
 * then goes on without.
 */
export function createAccountLookup(send: Send, requestTimeoutMs: number): FindAccountIntegration {
  const timeoutMs = Math.min(maxTimeoutMs, requestTimeoutMs / 4);
  const look = ({ caller, integratedAccountId }: Key) =>
    lookUpAccount(caller, integratedAccountId, performance.now() + timeoutMs, send);

  const keyOf = ({ caller, integratedAccountId }: Key) => JSON.stringify([caller.id, integratedAccountId]);
  // Batching would let one slow account hold up the others of its batch: each look-up is a batch of its own.
  const loader = new DataLoader<Key, AccountLookup, string>((keys) => Promise.all(keys.map(look)), {
    batch: false,
    cacheKeyFn: keyOf,
  });
  const answers = new LRUCache<string, Remembered>({ max: cacheSize, ttl: cacheTtlMs });

  /** The loader only makes one look-up of those that come while it is on its way. */
  async function load(key: Key, name: string): Promise<AccountLookup> {
    try {
      const lookup = await loader.load(key);
      if (!passing.has(lookup.refusal?.kind)) answers.set(name, { lookup, atMs: performance.now() });
      return lookup;
    } finally {
      loader.clear(key);
    }
  }

  return (caller, integratedAccountId, deadlineAt, freshness = 'remembered') => {
    const key = { caller, integratedAccountId };
    const name = keyOf(key);
    const known = answers.get(name);
    if (known && isFreshEnough(known, freshness)) return known.lookup;
    return deadlineAt <= performance.now() ? noTime : within(load(key, name), deadlineAt, noTime);
  };
}

/** True when upstream showed the account, or said something that it only says of one that exists. */
function exists({ isShown, refusal }: AccountLookup): boolean {
  return isShown || refusal?.kind === 'AccountNeedsReauthError' || refusal?.kind === 'AccountBlockedError';
}

/**
 * Finds out what a "not found" of Truto's is about, before it is said: the record or the integrated account. Truto answers 404 for
 * both, and documents no words for either (truto-skills, error-and-evidence-model.md). What the provider itself did not find, and
 * any other refusal, is given back as it is.
 */
export async function settleNotFound(
  said: Refusal,
  { caller, integratedAccountId, deadlineAt }: Key & { readonly deadlineAt: number },
  find: FindAccountIntegration,
): Promise<Refusal> {
  const isAboutAccount = said.kind === 'IntegratedAccountNotFoundError';
  if (!isAboutAccount && (said.kind !== 'NotFoundError' || said.accountFound)) return said;
  const lookup = await find(caller, integratedAccountId, deadlineAt, 'anew');
  if (lookup.refusal?.kind === 'IntegratedAccountNotFoundError') return lookup.refusal;
  if (isAboutAccount) {
    if (!exists(lookup)) return said;
    const message = 'Truto says that the integrated account does not exist, and shows it when asked. Try again.';
    return { kind: 'UpstreamUnavailableError', message, wasSent: true };
  }
  if (exists(lookup)) return { ...said, accountFound: true };
  const message = `${said.message} Or the integrated account itself does not exist: that could not be checked.`;
  // A token that may not look never finds out more.
  return { ...said, message, isUnchecked: lookup.refusal?.kind !== 'ForbiddenError' };
}
