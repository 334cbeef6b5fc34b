import { z } from 'zod';
import { shortened } from '../log/foreign-text.ts';
import type { FailureReason, UpstreamAnswer, UpstreamFailure } from '../upstream/attempt.ts';
import { maxStreamsPerCaller } from '../upstream/lanes.ts';
import { readRetryAfter } from '../upstream/retry.ts';
import { meaningOf } from '../upstream/status.ts';
import { isJsonObject, readBody } from './body.ts';
import { noteDrift } from './drift.ts';
import { type ArgumentPaths, deletePaths } from './input.ts';
import {
  type Finding,
  type InvalidInputError,
  located,
  type Refusal,
  refusal,
  type Unauthenticated,
} from './result.ts';

/** The form of a parameter's name. Other text in its position is prose. */
const names = z.array(z.string().regex(/^[\w.[\]-]{1,200}$/)).max(100);
/** Scopes can be any text. */
const scopes = z.array(z.string().max(200)).max(100);
/** A malformed part counts as absent. */
const orAbsent = <Schema extends z.ZodType>(schema: Schema) => schema.optional().catch(undefined);

/** An insight is `{description, value}`. Some answers have only the value. */
const insight = <Schema extends z.ZodType>(schema: Schema) =>
  orAbsent(z.preprocess((found) => (isJsonObject(found) && 'value' in found ? found.value : found), schema));

/** Upstream's error body. */
const errorBody = z.object({
  statusCode: orAbsent(z.number()),
  error: orAbsent(z.string()),
  truto_is_remote_error: z.boolean().catch(false),
  raw_response: z.unknown().optional(),
  message: orAbsent(z.union([z.string(), z.array(z.string())])),
  details: orAbsent(z.object({ failures: z.array(z.unknown()).max(100) })),
  truto_error_insight: orAbsent(
    z.object({
      missing_required_query_parameters: insight(names),
      missing_required_body_fields: insight(names),
      forbidden_error: insight(z.object({ missing_scopes: scopes })),
    }),
  ),
});

/** The useful content of an error body, without upstream's own prose: it may quote addresses and credentials. */
export type UpstreamError = ReturnType<typeof readUpstreamError>;
/** In characters. Much longer than any message; the rest is ignored. */
const maxMessageLength = 2_000;

/** Truto documents no message. These are the sandbox's and common ones, so `account.ts` looks up the account after every 404. */
const accountIsMissing =
  /^(?:the )?integrated[ _-]?account\b(?: with)?(?: id)?(?:[\s:"'`]*[\w-]{1,64}["'`]?)?\s*(?:was |is |could )?(?:not (?:be )?found|does not exist|doesn't exist)/i;

/** The messages of web frameworks for an unknown path: the address is wrong, or a proxy answered. */
const routeIsMissing = /^(?:route\b.*\bnot found|cannot (?:get|delete|post) )/i;

function whatIsMissing(texts: readonly string[]): 'account' | 'route' | undefined {
  const message = texts.join(' ').slice(0, maxMessageLength);
  if (accountIsMissing.test(message)) return 'account';
  return routeIsMissing.test(message) ? 'route' : undefined;
}

/** The text after a name at the start of a message, as in "name is required" (errors.md). */
const afterName = /^ (?:is|are|must|should|has|have|does|cannot|was) /;

/** The parameters that a message starts with or quotes. An English word counts only if an argument has that name. */
function namesIn(texts: readonly string[], paths: ArgumentPaths): readonly string[] {
  return texts.slice(0, 100).flatMap((text) =>
    [...text.slice(0, maxMessageLength).matchAll(/[a-z_]+/g)]
      .filter(({ index, 0: word }) => {
        const [before = '', after = ''] = [text[index - 1], text[index + word.length]];
        const isQuoted = /["'`]/.test(before) && /["'`]/.test(after);
        const isFirst = index === 0 && afterName.test(text.slice(word.length, word.length + 12));
        return (isQuoted || isFirst) && (paths.has(word) || word.includes('_'));
      })
      .map(([word]) => word),
  );
}

/** The fields in `details.failures`, whose form is not documented (truto-skills, unified-api.md). */
function failuresNamed(failures: readonly unknown[]): readonly string[] {
  return failures.filter(isJsonObject).flatMap(({ field, path, property, parameter, name }) => {
    const found = field ?? path ?? property ?? parameter ?? name;
    return names.safeParse([Array.isArray(found) ? found.join('.') : found]).data ?? [];
  });
}

/** Reads an error body (truto-skills, error-and-evidence-model.md). From an unreadable one, it returns an empty error. */
export function readUpstreamError(json: unknown, paths: ArgumentPaths) {
  const { data } = errorBody.safeParse(json);
  const { statusCode, error, message, details, truto_error_insight: insights } = data ?? {};
  const isRemote = data?.truto_is_remote_error ?? false;
  const texts = message === undefined ? [] : [message].flat();
  const missingParameters: readonly string[] = [...new Set(insights?.missing_required_query_parameters)];
  const missingFields = [...new Set(insights?.missing_required_body_fields)];
  const missing = [...missingParameters, ...missingFields];
  // A provider's message names the provider's own parameters.
  const named = isRemote ? [] : [...failuresNamed(details?.failures ?? []), ...namesIn(texts, paths)];
  return {
    statusCode,
    /** True when the body has Truto's form (errors.md). Proxies and other frameworks have one or two of its three names: `statusCode`, `error`, `message`. */
    isFromTruto: statusCode !== undefined && (isRemote || (error !== undefined && message !== undefined)),
    /** True when the provider refused or failed, false when Truto did. */
    isRemote,
    /** What is missing, by the message of Truto's 404. Undefined when it is not clear. */
    missing: statusCode === 404 && !isRemote ? whatIsMissing(texts) : undefined,
    /** The provider's own body, as JSON or text. */
    rawResponse: data?.raw_response,
    /** Wire names of required parameters that were not sent. */
    missingParameters,
    /** Wire names of required fields of the body that were not sent. */
    missingFields: missingFields.filter((name) => !missingParameters.includes(name)),
    /** Wire names of other parameters that Truto refused by name. */
    refusedParameters: [...new Set(named)].filter((name) => !missing.includes(name)),
    /** Permissions that the account's connection lacks at the provider. */
    missingScopes: insights?.forbidden_error?.missing_scopes ?? [],
  };
}

/** True for Truto's error form, which no successful answer has. */
export function isError({ truto_is_remote_error: isRemote, statusCode }: Readonly<Record<string, unknown>>): boolean {
  return isRemote === true || (typeof statusCode === 'number' && statusCode >= 400);
}

/** An answer that does not show whether the request was executed. `why`: what happened, as the start of a sentence. */
interface UnclearAnswer {
  readonly kind: 'UnclearAnswer';
  readonly statusCode: number;
  readonly rawResponse?: unknown;
  readonly why: string;
}

/** The most issues of a refusal, and the longest name in a path: input can have thousands, with any text as names. */
const maxIssues = 20;
const maxNameLength = 100;

/** The first issues, and one issue for the rest. */
function boundedIssues(findings: readonly Finding[]): readonly Finding[] {
  const shown = findings
    .slice(0, maxIssues)
    .map((finding) => ({ ...finding, path: finding.path.map((name) => shortened(name, maxNameLength)) }));
  const [first, ...others] = findings.slice(maxIssues);
  if (!first) return shown;
  const message = `${others.length + 1} more issues are not shown: fix these first.`;
  return [...shown, refusal(first.path.slice(0, 1), message)];
}

/** True when Truto, and not the provider, refuses the token that was sent. */
export const isTokenRefusal = (answer: UpstreamAnswer): boolean =>
  answer.statusCode === 401 && readRefusal(answer, true, deletePaths).kind === 'Unauthenticated';

/** For input that breaks the rules. Warnings are left out. */
export function refusedInput(findings: readonly Finding[]): InvalidInputError {
  const issues = boundedIssues(findings.filter(({ severity }) => severity === 'REFUSAL'));
  return { kind: 'InvalidInputError', message: `Nothing was sent. ${issues.map(located).join(' ')}`, issues };
}

/** Puts "Nothing was deleted.", for example, before the message of a refusal. */
export function nothingWas<Some extends Refusal>(done: 'deleted' | 'created' | 'sent', refused: Some): Some {
  return { ...refused, message: `Nothing was ${done}. ${refused.message}` };
}

/** For an integrated account that the caller has no access to. */
export function notGranted() {
  return forbidden('Nothing was sent. Your token has no access to this integrated account. Use one that has.');
}

/** For an integrated account that upstream does not find. */
export function accountNotFound(): Refusal {
  const message =
    "Truto finds no such integrated account, or the token has no access to it. Check the id, and that the token belongs to the account's environment.";
  return { kind: 'IntegratedAccountNotFoundError', message };
}

/** For an integrated account whose credentials the provider no longer accepts. */
export function needsReauth(): Refusal {
  const message =
    "The provider no longer accepts the integrated account's credentials. Its owner must connect it again.";
  return { kind: 'AccountNeedsReauthError', message };
}

/** For a token that upstream does not accept: the caller's or this server's. */
export function tokenRefused(callerBroughtToken: boolean): Unauthenticated {
  const message = callerBroughtToken
    ? 'Truto does not accept the token in the Authorization header. Send a valid one.'
    : "Truto does not accept this server's token. Its operator must renew it.";
  return { kind: 'Unauthenticated', message };
}

/** @param other the path for names without an argument of their own. */
function issueAt(wireName: string, problem: string, paths: ArgumentPaths, other: readonly string[]): Finding {
  const parts = wireName
    .replace(/^query\./, '')
    .split(/[[\].]/)
    .filter((part) => part !== '');
  // `contact[0][id]` and `query.sort_by` belong to an argument by one of their parts.
  const path = paths.get(parts.find((name) => paths.has(name) && name !== 'id') ?? wireName);
  if (path) return refusal(path, `Truto ${problem}.`);
  return refusal(other[0] === 'trutoQuery' ? [...other, ...parts] : other, `Truto ${problem}: ${wireName}.`);
}

function invalidInput(
  { missingParameters, missingFields, refusedParameters }: UpstreamError,
  paths: ArgumentPaths,
): Refusal {
  const inQuery = ['trutoQuery'];
  // A delete is checked by the table of integrations before it is sent. A customer's own parameters are not in the table.
  if (paths === deletePaths)
    noteDrift({ kind: 'rule', resource: 'engagements', names: missingParameters.filter((name) => paths.has(name)) });
  // Only a create has a body.
  const inBody = paths.get('remote_data') ?? inQuery;
  const required = 'requires it for this account';
  const missing = [
    ...missingParameters.map((name) => issueAt(name, required, paths, inQuery)),
    ...missingFields.map((name) => issueAt(name, required, paths, inBody)),
  ];
  const refused = refusedParameters.map((name) =>
    issueAt(name, 'does not accept it', paths, name.startsWith('query.') ? inQuery : inBody),
  );
  const issues = boundedIssues([...missing, ...refused]);
  const unnamed = 'Truto refused the input, and did not name the parameter. Check all arguments.';
  // Some callers see only the message, and the log has it: without refused names, which may be a caller's own.
  const named = ['Truto refused the input.', ...boundedIssues(missing).map(located)];
  if (refused.length > 0) named.push('Fix the issues.');
  return { kind: 'InvalidInputError', message: issues.length > 0 ? named.join(' ') : unnamed, issues };
}

function forbidden(message: string, missingScopes: readonly string[] = []) {
  return { kind: 'ForbiddenError', message, missingScopes } as const;
}

function rateLimited({ headers }: UpstreamAnswer, { isRemote }: UpstreamError): Refusal {
  const retryAfterMs = readRetryAfter(headers, Date.now()) ?? null;
  const when = retryAfterMs === null ? 'later' : `in ${retryAfterMs} ms`;
  const message = `The rate limit of ${isRemote ? 'the provider' : 'Truto'} is reached. Try again ${when}.`;
  return { kind: 'RateLimitedError', message, retryAfterMs };
}

const unavailable = (message: string): Refusal => ({ kind: 'UpstreamUnavailableError', message });

const whyNotSent: Readonly<Record<Exclude<FailureReason, 'paused' | 'streams'>, string>> = {
  timeout: 'no time was left, or too many requests wait for this integrated account',
  unconnected: 'no connection was made in time',
  open: 'most requests failed, so this server sends none for a moment',
  refused: 'it refused the connection',
  dns: 'its host name could not be resolved',
  proxy: 'the proxy refused the connection',
  tls: 'the TLS connection failed',
  reset: 'the connection broke before the request was sent',
  protocol: 'the request could not be written',
  // Only the log shows it.
  abandoned: 'the client disconnected before',
};

/** For a request that was never sent. */
export function notSent({ reason, retryAfterMs = 0 }: Pick<UpstreamFailure, 'reason' | 'retryAfterMs'>): Refusal {
  if (reason === 'paused') {
    const message = `The rate limit of this integrated account is reached. Try again in ${retryAfterMs} ms.`;
    return { kind: 'RateLimitedError', message, retryAfterMs };
  }
  if (reason === 'streams') {
    const message = `You have ${maxStreamsPerCaller} streamed bodies open at this server, the most for one caller. Read one to its end or close it, then try again.`;
    return { kind: 'RateLimitedError', message, retryAfterMs: null };
  }
  return unavailable(`Truto was not reached: ${whyNotSent[reason]}. Try again.`);
}

const noPermission =
  "The integrated account's connection has no permission to do this. Its owner must grant it at the provider.";
const notAllowed =
  'Truto does not allow this request for the integrated account. Sandbox accounts, for example, allow no writes.';
const noRecord =
  'Truto finds no such record in this integrated account. It may be deleted already; if not, check its id and type.';

/**
 * Reads an answer outside 2xx (https://www.truto.one/docs/api-reference/overview/errors.md and truto-skills,
 * error-and-evidence-model.md). Only Truto's own form proves a refusal: firewalls, proxies and other servers also answer 400, 401, 403
 * or 404, possibly after they passed the request on. 429 means the same from all of them.
 * @param callerBroughtToken true when Truto's 401 is about the caller's own token.
 * @param paths the argument paths of the request's parameters.
 */
export function readRefusal(
  answer: UpstreamAnswer,
  callerBroughtToken: boolean,
  paths: ArgumentPaths,
): Refusal | UnclearAnswer {
  const { statusCode } = answer;
  const body = readBody(answer.body);
  const error = readUpstreamError(body.kind === 'json' ? body.value : undefined, paths);
  const { isRemote, rawResponse } = error;
  const { refused } = meaningOf(statusCode);
  if (refused === 'rate-limited') return rateLimited(answer, error);
  // Truto repeats the status in its body. A router's 404 for an unknown path looks much like Truto's form.
  const isFromTruto = error.isFromTruto && error.statusCode === statusCode && error.missing !== 'route';
  const because = isFromTruto
    ? ''
    : ", but is not in Truto's form: a proxy or firewall between Truto and this server sent it";
  const why = `The answer has status ${statusCode}${because}`;
  const unclear: UnclearAnswer = { kind: 'UnclearAnswer', statusCode, rawResponse, why };
  const remote = `${isRemote ? 'The provider' : 'Truto'} refused the request with status ${statusCode}.`;
  const remoteApiError: Refusal = { kind: 'RemoteApiError', message: remote, statusCode, rawResponse };
  if (!isFromTruto) return unclear;
  switch (refused) {
    case 'refused':
      return remoteApiError;
    case 'invalid':
      return isRemote ? remoteApiError : invalidInput(error, paths);
    case 'unauthorized': {
      if (isRemote) return needsReauth();
      const ofToken = tokenRefused(callerBroughtToken);
      return callerBroughtToken ? ofToken : unavailable(ofToken.message);
    }
    case 'forbidden':
      return forbidden(noPermission, error.missingScopes);
    case 'not-found':
      if (error.missing === 'account') return accountNotFound();
      // Only the provider's own answer proves that Truto found the account.
      return { kind: 'NotFoundError', message: noRecord, accountFound: isRemote };
    case 'not-allowed':
      return isRemote ? remoteApiError : forbidden(notAllowed);
    case 'blocked': {
      // The provider's 503 may come from a proxy that passed the request on and lost it.
      if (isRemote) return unclear;
      const isPaused = answer.headers['retry-after'] !== undefined;
      const reason = isPaused ? 'paused by Truto for a while' : 'blocked until Truto or its owner unblocks it';
      const next = isPaused ? 'Try again later.' : 'Ask its owner, or Truto.';
      return { kind: 'AccountBlockedError', message: `The integrated account is ${reason}. ${next}`, reason };
    }
    default:
      return unclear;
  }
}
