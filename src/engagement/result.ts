import type { Readable } from 'node:stream';
import type { Finding } from './finding.ts';
import type { Integration } from './integrations.ts';
import type { RateLimit } from './rate-limit.ts';
import type { EngagementRecord } from './record.ts';
import type { DeleteRequest } from './request.ts';

/** What became of the engagement: `ALREADY_ABSENT` is for a repeated attempt that finds it gone. */
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

/** What a dry run found: nothing was sent. */
export interface DeleteEngagementPlan {
  readonly kind: 'DeleteEngagementPlan';
  readonly request: DeleteRequest;
  readonly findings: readonly Finding[];
  readonly integration: Integration | null;
}

/** The input breaks a rule, here or upstream. Nothing was deleted. */
export interface InvalidInputError {
  readonly kind: 'InvalidInputError';
  readonly message: string;
  readonly issues: readonly Finding[];
}

/** The account's integration has no delete of engagements. Nothing was sent. */
export interface UnsupportedIntegrationError {
  readonly kind: 'UnsupportedIntegrationError';
  readonly message: string;
  readonly integrationName: string;
  readonly supportedIntegrations: readonly string[];
}

/** There is no such engagement. Nothing was deleted. */
export interface NotFoundError {
  readonly kind: 'NotFoundError';
  readonly message: string;
  /** False when the integrated account could not be checked: then it may be what is missing. */
  readonly accountFound: boolean;
  /** True when the look-up of the account failed for now: the account itself may be what is missing. */
  readonly isUnchecked?: boolean;
}

/** There is no such integrated account, or the token does not see it. Nothing was deleted. */
export interface IntegratedAccountNotFoundError {
  readonly kind: 'IntegratedAccountNotFoundError';
  readonly message: string;
}

/** The caller, or the account's connection, may not do this. Nothing was deleted. */
export interface ForbiddenError {
  readonly kind: 'ForbiddenError';
  readonly message: string;
  /** The provider's permissions that the account's connection lacks, when upstream names them. */
  readonly missingScopes: readonly string[];
}

/** The provider no longer takes the account's credentials. Nothing was deleted. */
export interface AccountNeedsReauthError {
  readonly kind: 'AccountNeedsReauthError';
  readonly message: string;
}

/** Truto has blocked the integrated account. Nothing was deleted. */
export interface AccountBlockedError {
  readonly kind: 'AccountBlockedError';
  readonly message: string;
  readonly reason: string | null;
}

/** Too many requests. Nothing was deleted. */
export interface RateLimitedError {
  readonly kind: 'RateLimitedError';
  readonly message: string;
  readonly retryAfterMs: number | null;
}

/** Upstream or the provider answered that it refuses, in a way that no other member names. Nothing was deleted. */
export interface RemoteApiError {
  readonly kind: 'RemoteApiError';
  readonly message: string;
  readonly statusCode: number;
  readonly rawResponse?: unknown;
}

/** Upstream was not reached, or did not let this server in. Surely nothing was deleted. */
export interface UpstreamUnavailableError {
  readonly kind: 'UpstreamUnavailableError';
  readonly message: string;
  /** True for a read that left and brought no record: the record itself may be why, not upstream as a whole. */
  readonly wasSent?: true;
}

/** The request left, and nobody can say whether it was carried out. */
export interface OutcomeUnknownError {
  readonly kind: 'OutcomeUnknownError';
  readonly message: string;
  readonly retrySafe: boolean;
  readonly idempotencyKey: string;
  /** Upstream's status, when it answered at all. */
  readonly lastStatusCode: number | null;
  readonly rawResponse?: unknown;
  /** What was read before the delete, when that was asked for: it may be all that is left. */
  readonly engagement: EngagementRecord | null;
}

/** Every member in which the engagement is not, or not surely, deleted. */
export type DeleteEngagementError =
  | InvalidInputError
  | UnsupportedIntegrationError
  | NotFoundError
  | IntegratedAccountNotFoundError
  | ForbiddenError
  | AccountNeedsReauthError
  | AccountBlockedError
  | RateLimitedError
  | RemoteApiError
  | UpstreamUnavailableError
  | OutcomeUnknownError;

/** What one `deleteEngagement` came to; `kind` is the GraphQL type's name. */
export type DeleteEngagementResult = DeleteEngagementSuccess | DeleteEngagementPlan | DeleteEngagementError;

/** Upstream does not accept the token that the caller brought. Nothing was done. A top-level error in GraphQL. */
export interface Unauthenticated {
  readonly kind: 'Unauthenticated';
  readonly message: string;
}

/** How a delete ended, whoever asked for it. */
export type DeleteEnd = DeleteEngagementResult | Unauthenticated;
