import { shortened } from '../log/foreign-text.ts';
import type { FailureReason, UpstreamAnswer, UpstreamFailure } from '../upstream/attempt.ts';
import { maxStreamsPerCaller } from '../upstream/lanes.ts';
import { readRetryAfter } from '../upstream/retry.ts';
import { meaningOf } from '../upstream/status.ts';
import { readBody } from './body.ts';
import { type Finding, located, refusal } from './finding.ts';
import type * as Result from './result.ts';
import { argumentPaths, readUpstreamError, type UpstreamError } from './upstream-error.ts';

/** What an answer outside 2xx, or no answer, says for sure: the request was not carried out. Messages say why. */
export type Refusal =
  | Exclude<Result.DeleteEngagementError, { kind: 'UnsupportedIntegrationError' | 'OutcomeUnknownError' }>
  | Result.Unauthenticated;

/** An answer that does not say whether the request was carried out. */
export interface UnclearAnswer {
  readonly kind: 'UnclearAnswer';
  readonly statusCode: number;
  readonly rawResponse?: unknown;
  /** What happened, as the beginning of a sentence. */
  readonly why: string;
}

/** How many issues a refusal has at most: input can be wrong in thousands of places. */
const maxIssues = 20;

/** The longest name in the path of an issue: in a `remoteQuery`, callers make up names. */
const maxNameLength = 100;

/** The issues that a caller gets, and in place of those that are too many, how many they are. */
function boundedIssues(findings: readonly Finding[]): readonly Finding[] {
  const shown = findings
    .slice(0, maxIssues)
    .map((finding) => ({ ...finding, path: finding.path.map((name) => shortened(name, maxNameLength)) }));
  const hidden = findings.slice(maxIssues);
  const [first] = hidden;
  return first
    ? [...shown, refusal(first.path.slice(0, 1), `${hidden.length} more issues are not shown: fix these first.`)]
    : shown;
}

/** For input that breaks rules here: only what refuses is told. */
export function refusedInput(findings: readonly Finding[]): Result.InvalidInputError {
  const issues = boundedIssues(findings.filter(({ severity }) => severity === 'REFUSAL'));
  return { kind: 'InvalidInputError', message: `Nothing was sent. ${issues.map(located).join(' ')}`, issues };
}

/** For an integrated account that the caller may not touch. */
export function notGranted(): Result.ErrorMember<'ForbiddenError'> {
  const message = 'Nothing was sent. You are not granted this integrated account.';
  return { kind: 'ForbiddenError', message, missingScopes: [] };
}

/** For an integrated account that upstream does not know. */
export function accountNotFound(): Result.ErrorMember<'IntegratedAccountNotFoundError'> {
  const message =
    "Truto knows no such integrated account, or the token does not see it. Check the id, and that the token is one of the account's environment.";
  return { kind: 'IntegratedAccountNotFoundError', message };
}

/** For an integrated account whose credentials the provider no longer accepts. */
export function needsReauth(): Result.ErrorMember<'AccountNeedsReauthError'> {
  const message = "The provider no longer accepts the account's credentials: its owner must connect it again.";
  return { kind: 'AccountNeedsReauthError', message };
}

function issueAt(wireName: string, problem: string): Finding {
  // `contact[0][id]` and `query.sort_by` are ours by one of their parts.
  const part = wireName.split(/[[\].]/).find((name) => Object.hasOwn(argumentPaths, name) && name !== 'id') ?? wireName;
  const path = Object.hasOwn(argumentPaths, part) ? argumentPaths[part] : undefined;
  // The provider's own parameters go by `remoteQuery`; Truto's others have no argument here.
  return path
    ? refusal(path, `Truto ${problem}.`)
    : refusal(['remoteQuery'], `Truto ${problem}: its parameter ${wireName}, for which there is no argument here.`);
}

function invalidInput({ missingParameters, refusedParameters }: UpstreamError): Refusal {
  const issues = boundedIssues([
    ...missingParameters.map((name) => issueAt(name, 'requires it for this account')),
    ...refusedParameters.map((name) => issueAt(name, 'does not accept it')),
  ]);
  const unnamed = 'Truto refused the input as invalid, without saying which parameter.';
  return { kind: 'InvalidInputError', message: issues.length > 0 ? 'Truto refused the input.' : unnamed, issues };
}

function remoteApiError(statusCode: number, { isRemote, rawResponse }: UpstreamError): Refusal {
  const message = `${isRemote ? 'The provider' : 'Upstream'} refused with status ${statusCode}.`;
  return { kind: 'RemoteApiError', message, statusCode, rawResponse };
}

function unauthorized({ isRemote }: UpstreamError, callerBroughtToken: boolean): Refusal {
  if (isRemote) return needsReauth();
  if (callerBroughtToken) {
    return { kind: 'Unauthenticated', message: 'Upstream does not accept the token in the Authorization header.' };
  }
  return unavailable("Upstream does not accept this server's token: its operator must renew it.");
}

function rateLimited(answer: UpstreamAnswer, { isRemote }: UpstreamError): Refusal {
  const retryAfterMs = readRetryAfter(answer.headers, Date.now()) ?? null;
  const when = retryAfterMs === null ? 'later' : `in ${retryAfterMs} ms`;
  const message = `${isRemote ? 'The provider' : 'Truto'} takes no more requests for now; try again ${when}.`;
  return { kind: 'RateLimitedError', message, retryAfterMs };
}

function forbidden(message: string, missingScopes: readonly string[] = []): Refusal {
  return { kind: 'ForbiddenError', message, missingScopes };
}

function blocked(retryAfter: string | undefined): Refusal {
  const reason =
    retryAfter === undefined ? 'blocked until Truto or its owner unblocks it' : 'paused by Truto for a while';
  return { kind: 'AccountBlockedError', message: `The integrated account is ${reason}.`, reason };
}

function unavailable(message: string): Refusal {
  return { kind: 'UpstreamUnavailableError', message };
}

const whyNotSent: Readonly<Record<Exclude<FailureReason, 'paused' | 'streams' | 'abandoned'>, string>> = {
  timeout: 'there was no time left, or too many requests wait for this account',
  unconnected: 'there was no connection in time',
  open: 'it has failed too often just now',
  refused: 'it refused the connection',
  dns: 'its name could not be resolved',
  proxy: 'the proxy on the way to it let no connection through',
  tls: 'no trusted connection could be made',
  reset: 'the connection broke before the request left',
  protocol: 'the request could not be put on the wire',
};

/** For a request that was given up because nobody waits for it. Only the log will show it. */
export function callerLeft(): Refusal {
  return unavailable('The caller left before.');
}

/** For a request that never left. */
export function notSent({ reason, retryAfterMs = 0 }: Pick<UpstreamFailure, 'reason' | 'retryAfterMs'>): Refusal {
  if (reason === 'abandoned') return callerLeft();
  if (reason === 'paused') {
    const message = `This account's requests have reached their limit; try again in ${retryAfterMs} ms.`;
    return { kind: 'RateLimitedError', message, retryAfterMs };
  }
  if (reason === 'streams') {
    const message = `You read ${maxStreamsPerCaller} streamed bodies from this server, and may read no more at once. Read one to its end, or close it; then try again.`;
    return { kind: 'RateLimitedError', message, retryAfterMs: null };
  }
  return unavailable(`Upstream was not reached: ${whyNotSent[reason]}. Try again.`);
}

/**
 * Reads an answer outside 2xx (https://www.truto.one/docs/api-reference/overview/errors.md and truto-skills,
 * error-and-evidence-model.md). Only Truto's own form blames the caller, the account or the provider: a firewall, a proxy or
 * another server at a wrong address says 400, 401, 403 or 404 too, perhaps after it has passed the request on. 429 alone means
 * the same from anybody.
 * @param callerBroughtToken true when a 401 of Truto's speaks of the caller's own token.
 */
export function readRefusal(answer: UpstreamAnswer, callerBroughtToken: boolean): Refusal | UnclearAnswer {
  const { statusCode } = answer;
  const body = readBody(answer.body);
  const error = readUpstreamError(body.kind === 'json' ? body.value : undefined);
  const { refused } = meaningOf(statusCode);
  if (refused === 'rate-limited') return rateLimited(answer, error);
  // Truto repeats the status in its body. A router without such a path answers 404 in a form much like Truto's.
  const isTrutos = error.isFromTruto && error.statusCode === statusCode && error.missing !== 'route';
  const because = isTrutos ? '' : ", but not in Truto's form: the answer comes from between Truto and this server";
  const why = `Upstream answered with status ${statusCode}${because}`;
  const unclear: UnclearAnswer = { kind: 'UnclearAnswer', statusCode, rawResponse: error.rawResponse, why };
  if (!isTrutos) return unclear;
  switch (refused) {
    case 'invalid':
      return error.isRemote ? remoteApiError(statusCode, error) : invalidInput(error);
    case 'unauthorized':
      return unauthorized(error, callerBroughtToken);
    case 'forbidden':
      return forbidden("The account's connection is not permitted to do this.", error.missingScopes);
    case 'not-found':
      if (error.missing === 'account') return accountNotFound();
      return {
        kind: 'NotFoundError',
        message: 'Upstream knows no such record in this integrated account.',
        // Only the provider's own word proves that Truto got as far as the account.
        accountFound: error.isRemote,
      };
    case 'not-allowed':
      if (error.isRemote) return remoteApiError(statusCode, error);
      return forbidden('Truto refuses this for the account, as it refuses writes for sandbox accounts.');
    case 'blocked':
      // The provider's own 503 may also come from a proxy that lost a request it had passed on.
      return error.isRemote ? unclear : blocked(answer.headers['retry-after']);
    case 'refused':
      return remoteApiError(statusCode, error);
    default:
      return unclear;
  }
}
