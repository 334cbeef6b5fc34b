import type { Readable } from 'node:stream';
import type { Integration } from './integrations.ts';
import type { EngagementRecord } from './record.ts';
import type { DeleteRequest } from './request.ts';

/** What a rule says about the input. */
export interface Finding {
  /** `REFUSAL`: the delete is not sent. `WARNING`: it is sent, and the success repeats this. */
  readonly severity: 'REFUSAL' | 'WARNING';
  /** Where in the arguments of the field, from the outside in. */
  readonly path: readonly string[];
  /** What is wrong and what is allowed; never the value itself. */
  readonly message: string;
  /** Every value that is accepted, when they can be counted. */
  readonly allowedValues: readonly string[];
  /** How the delete would end, for a finding of a dry run that is not about the arguments: a member, or the code of a top-level error. */
  readonly result?: DeleteEngagementError['kind'] | 'UNAUTHENTICATED';
}

/** A finding that keeps the delete from being sent. */
export function refusal(path: readonly string[], message: string, allowedValues: readonly string[] = []): Finding {
  return { severity: 'REFUSAL', path, message, allowedValues };
}

/** A finding that does not keep the delete from being sent. */
export function warning(path: readonly string[], message: string): Finding {
  return { severity: 'WARNING', path, message, allowedValues: [] };
}

/** True when one of the findings keeps the delete from being sent. */
export function hasRefusal(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'REFUSAL');
}

/** A finding in one line. The log has it too, so the names in a `remoteQuery`, which are the caller's own, are left out. */
export function located({ path, message }: Finding): string {
  return `${path[0] === 'remoteQuery' ? path[0] : path.join('.')}: ${message}`;
}

/** The provider's rate limit, as upstream passes it on with an answer. */
export interface RateLimit {
  /** Requests allowed in one window. */
  readonly limit: number | null;
  readonly windowMs: number | null;
  /** Requests left in this window. */
  readonly remaining: number | null;
  /** Milliseconds until the window ends. */
  readonly resetMs: number | null;
}

/** What became of the engagement. `ALREADY_ABSENT`: a repeated attempt found that it is gone. */
export type DeleteOutcome = 'DELETED' | 'ALREADY_ABSENT' | 'ACCEPTED';

/** The provider's body, not yet read. */
export interface DeleteStream {
  readonly contentType: string | null;
  /** In bytes, when upstream said. */
  readonly contentLength: number | null;
  /** Must be read to its end or destroyed. */
  readonly body: Readable;
}

/** The engagement is gone, or will be (`ACCEPTED`). */
export interface DeleteEngagementSuccess {
  readonly kind: 'DeleteEngagementSuccess';
  readonly deletedEngagementId: string;
  /** The node id that a read of the engagement showed before. */
  readonly deletedNodeId: string;
  readonly outcome: DeleteOutcome;
  readonly engagement: EngagementRecord | null;
  /** Any JSON value; undefined and null both mean that there is none. */
  readonly raw?: unknown;
  readonly stream: DeleteStream | null;
  readonly integration: Integration | null;
  readonly rateLimit: RateLimit | null;
  readonly warnings: readonly string[];
}

/** What a dry run found. Nothing was sent. */
export interface DeleteEngagementPlan {
  readonly kind: 'DeleteEngagementPlan';
  readonly request: DeleteRequest;
  readonly findings: readonly Finding[];
  readonly integration: Integration | null;
}

interface Failure<Kind extends string> {
  readonly kind: Kind;
  readonly message: string;
}

/** The input breaks a rule, here or upstream. Nothing was deleted. */
export interface InvalidInputError extends Failure<'InvalidInputError'> {
  readonly issues: readonly Finding[];
}

/** The account's integration has no delete of engagements. Nothing was sent. */
export interface UnsupportedIntegrationError extends Failure<'UnsupportedIntegrationError'> {
  readonly integrationName: string;
  readonly supportedIntegrations: readonly string[];
}

/** There is no such engagement. Nothing was deleted. */
export interface NotFoundError extends Failure<'NotFoundError'> {
  /** False when the integrated account could not be checked: the account may be what is missing. */
  readonly accountFound: boolean;
  /** True when the account could not be checked for now. */
  readonly isUnchecked?: boolean;
}

/** There is no such integrated account, or the token does not see it. Nothing was deleted. */
export type IntegratedAccountNotFoundError = Failure<'IntegratedAccountNotFoundError'>;

/** The caller, or the account's connection, may not do this. Nothing was deleted. */
export interface ForbiddenError extends Failure<'ForbiddenError'> {
  /** The provider's permissions that the account's connection lacks, when upstream names them. */
  readonly missingScopes: readonly string[];
}

/** The provider no longer accepts the account's credentials. Nothing was deleted. */
export type AccountNeedsReauthError = Failure<'AccountNeedsReauthError'>;

/** Truto has blocked the integrated account. Nothing was deleted. */
export interface AccountBlockedError extends Failure<'AccountBlockedError'> {
  readonly reason: string | null;
}

/** Too many requests. Nothing was deleted. */
export interface RateLimitedError extends Failure<'RateLimitedError'> {
  readonly retryAfterMs: number | null;
}

/** Upstream or the provider refused, in a way that no other member names. Nothing was deleted. */
export interface RemoteApiError extends Failure<'RemoteApiError'> {
  readonly statusCode: number;
  readonly rawResponse?: unknown;
}

/** Upstream was not reached, or refused this server. Surely nothing was deleted. */
export interface UpstreamUnavailableError extends Failure<'UpstreamUnavailableError'> {
  /** True for a read that was sent and brought no record: the record itself may be the cause. */
  readonly wasSent?: true;
}

/** The request was sent, and nobody can say whether it was carried out. */
export interface OutcomeUnknownError extends Failure<'OutcomeUnknownError'> {
  readonly retrySafe: boolean;
  readonly idempotencyKey: string;
  /** Upstream's status, when it answered at all. */
  readonly lastStatusCode: number | null;
  readonly rawResponse?: unknown;
  /** The snapshot, when one was asked for: it may be all that is left. */
  readonly engagement: EngagementRecord | null;
}

/** Upstream does not accept the token that the caller brought. Nothing was done. A top-level error in GraphQL. */
export type Unauthenticated = Failure<'Unauthenticated'>;

/** What a refused request, or one that was never sent, ends with: it was surely not carried out. */
export type Refusal =
  | InvalidInputError
  | NotFoundError
  | IntegratedAccountNotFoundError
  | ForbiddenError
  | AccountNeedsReauthError
  | AccountBlockedError
  | RateLimitedError
  | RemoteApiError
  | UpstreamUnavailableError
  | Unauthenticated;

/** Every member in which the engagement is not, or not surely, deleted. */
export type DeleteEngagementError =
  | Exclude<Refusal, Unauthenticated>
  | UnsupportedIntegrationError
  | OutcomeUnknownError;

/** The result of one `deleteEngagement`; `kind` is the GraphQL type's name. */
export type DeleteEngagementResult = DeleteEngagementSuccess | DeleteEngagementPlan | DeleteEngagementError;

/** How a delete ended. */
export type DeleteEnd = DeleteEngagementResult | Unauthenticated;

/**
 * The result without upstream's data: what happened matters more than how the record looked. The same object when it has none.
 * @param why tells the caller why the data is not there.
 */
export function withoutRecord<End extends DeleteEnd>(result: End, why: string): End {
  switch (result.kind) {
    case 'DeleteEngagementSuccess':
      if (result.engagement === null && result.raw === undefined) return result;
      return { ...result, engagement: null, raw: null, warnings: [...result.warnings, why] };
    case 'OutcomeUnknownError':
      if (!result.engagement && (result.rawResponse ?? null) === null) return result;
      return { ...result, rawResponse: null, engagement: null, message: `${result.message} ${why}` };
    case 'RemoteApiError':
      if ((result.rawResponse ?? null) === null) return result;
      return { ...result, rawResponse: null, message: `${result.message} ${why}` };
    default:
      return result;
  }
}
