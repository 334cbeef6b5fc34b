import type { Readable } from 'node:stream';
import type { ErrorKind, engagementErrors } from './errors.ts';
import type { Integration } from './integrations.ts';
import type { EngagementRecord } from './record.ts';
import type { WriteRequest } from './request.ts';

/** A problem that a check found. */
export interface Finding {
  /** `REFUSAL`: the delete is not sent. `WARNING`: it is sent, and the success repeats the message. */
  readonly severity: 'REFUSAL' | 'WARNING';
  /** The path of the argument, from the outside in. */
  readonly path: readonly string[];
  /** The problem, and what is allowed, without the value itself. */
  readonly message: string;
  /** All accepted values. Empty when there is no finite list. */
  readonly allowedValues: readonly string[];
  /** In a dry run, for a finding that is not about the arguments: the member or top-level error code that the delete would return. */
  readonly result?: DeleteEngagementError['kind'] | 'UNAUTHENTICATED';
}

/** Creates a finding that stops the delete. */
export function refusal(path: readonly string[], message: string, allowedValues: readonly string[] = []): Finding {
  return { severity: 'REFUSAL', path, message, allowedValues };
}

/** Creates a finding that does not stop the delete. */
export function warning(path: readonly string[], message: string): Finding {
  return { severity: 'WARNING', path, message, allowedValues: [] };
}

/** True when one of the findings stops the delete. */
export function hasRefusal(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'REFUSAL');
}

/** The arguments whose names can be any text. */
const freeArguments: ReadonlySet<string | undefined> = new Set(['remoteQuery', 'trutoQuery']);

/** A finding in one line. The log has it too, so the names in a `remoteQuery` or `trutoQuery` are left out. */
export function located({ path, message }: Finding): string {
  return `${freeArguments.has(path[0]) ? path[0] : path.join('.')}: ${message}`;
}

/** The provider's rate limit, from the headers of upstream's answer. */
export interface RateLimit {
  readonly limit: number | null;
  readonly windowMs: number | null;
  readonly remaining: number | null;
  /** Milliseconds until the window ends. */
  readonly resetMs: number | null;
}

/** How a successful delete ended. `ALREADY_ABSENT`: a repeated attempt found it gone. */
export type DeleteOutcome = 'DELETED' | 'ALREADY_ABSENT' | 'ACCEPTED';

/** The provider's body, not yet read. */
export interface DeleteStream {
  readonly contentType: string | null;
  /** In bytes. Null when upstream did not send it. */
  readonly contentLength: number | null;
  /** Read it to its end, or destroy it. */
  readonly body: Readable;
}

/** The engagement is gone, or will be (`ACCEPTED`). */
export interface DeleteEngagementSuccess {
  readonly kind: 'DeleteEngagementSuccess';
  readonly deletedEngagementId: string;
  /** The node id that a read of the engagement returned before. */
  readonly deletedNodeId: string;
  readonly outcome: DeleteOutcome;
  readonly engagement: EngagementRecord | null;
  /** Any JSON value. Undefined and null mean none. */
  readonly raw?: unknown;
  readonly stream: DeleteStream | null;
  readonly integration: Integration | null;
  readonly rateLimit: RateLimit | null;
  readonly warnings: readonly string[];
  /** See {@link SentAt}. */
  readonly sentAt?: SentAt;
}

/**
 * When a delete without a final outcome was first sent, in milliseconds since 1970. An older event of Truto's proves nothing about it.
 * Callers do not see it.
 */
export type SentAt = number;

/** The result of a dry run. No delete was sent. */
export interface DeleteEngagementPlan {
  readonly kind: 'DeleteEngagementPlan';
  readonly request: WriteRequest;
  readonly findings: readonly Finding[];
  readonly integration: Integration | null;
  /** Confirms exactly this delete. Null when a finding refuses it. */
  readonly confirmationToken: string | null;
  readonly confirmationExpiresAt: Date | null;
}

/** How a successful create ended. `FOUND`: no answer proved it, but a search found the record. */
export type CreateOutcome = 'CREATED' | 'FOUND';

/** The engagement is created. */
export interface CreateEngagementSuccess {
  readonly kind: 'CreateEngagementSuccess';
  readonly createdEngagementId: string;
  readonly outcome: CreateOutcome;
  /** Null for a repeated request, once the record is no longer remembered. */
  readonly engagement: EngagementRecord | null;
  readonly integration: Integration | null;
  readonly rateLimit: RateLimit | null;
  readonly warnings: readonly string[];
}

/** The result of a dry run. Nothing was created. */
export interface CreateEngagementPlan {
  readonly kind: 'CreateEngagementPlan';
  readonly request: WriteRequest;
  readonly findings: readonly Finding[];
  readonly integration: Integration | null;
}

/** The types of the fields of errors, by their SDL. */
interface FieldTypes {
  readonly 'Boolean!': boolean;
  readonly Int: number | null;
  readonly 'Int!': number;
  readonly String: string | null;
  readonly 'String!': string;
  readonly '[String!]!': readonly string[];
  readonly '[InputIssue!]!': readonly Finding[];
  readonly Engagement: EngagementRecord | null;
}

/** More fields of some errors: optional JSON, and fields that are not in the schema. */
interface FurtherFields {
  readonly NotFoundError: {
    /** True when the account could not be checked, for a temporary reason. */
    readonly isUnchecked?: boolean;
  };
  readonly UpstreamUnavailableError: {
    /** True for a read that was sent and returned no record. The record itself may be the cause. */
    readonly wasSent?: true;
  };
  readonly RemoteApiError: { readonly rawResponse?: unknown };
  readonly OutcomeUnknownError: { readonly rawResponse?: unknown; readonly sentAt?: SentAt };
}

type TypedField<Row> = Row extends readonly [infer Written extends keyof FieldTypes, string]
  ? FieldTypes[Written]
  : never;

/** The type of an error member, from its row in {@link engagementErrors}. */
type ErrorMember<Kind extends ErrorKind> = Kind extends ErrorKind
  ? { readonly kind: Kind; readonly message: string; readonly engagementId?: string } & {
      readonly [Field in Exclude<keyof (typeof engagementErrors)[Kind]['fields'], 'rawResponse'>]: TypedField<
        (typeof engagementErrors)[Kind]['fields'][Field]
      >;
    } & (Kind extends keyof FurtherFields ? FurtherFields[Kind] : unknown)
  : never;

/** The input breaks a rule of this server or of upstream. Nothing was deleted. */
export type InvalidInputError = ErrorMember<'InvalidInputError'>;

/** The request was sent, and it is unknown whether it was executed. */
export type OutcomeUnknownError = ErrorMember<'OutcomeUnknownError'>;

/** Any error member. */
export type DeleteEngagementError = ErrorMember<ErrorKind>;

/** Upstream does not accept the caller's token. Nothing was executed. A top-level error in GraphQL. */
export interface Unauthenticated {
  readonly kind: 'Unauthenticated';
  readonly message: string;
  readonly engagementId?: string;
}

/** The end of a request that was refused or never sent. It was not executed. */
export type Refusal =
  | Exclude<DeleteEngagementError, { kind: 'UnsupportedIntegrationError' | 'OutcomeUnknownError' }>
  | Unauthenticated;

/** The result of one `deleteEngagement`; `kind` is the GraphQL type's name. */
export type DeleteEngagementResult = DeleteEngagementSuccess | DeleteEngagementPlan | DeleteEngagementError;

/** How a delete ended. */
export type DeleteEnd = DeleteEngagementResult | Unauthenticated;

/** An error of a create. It has no `NotFoundError`: see `create/outcome.ts`. */
export type CreateEngagementError = Exclude<DeleteEngagementError, { kind: 'NotFoundError' }>;

/** The result of one `createEngagement`; `kind` is the GraphQL type's name. */
export type CreateEngagementResult = CreateEngagementSuccess | CreateEngagementPlan | CreateEngagementError;

/** How a create ended. */
export type CreateEnd = CreateEngagementResult | Unauthenticated;

/** The same end; an error names the engagement that it is about. Without that, only its index in a list would tell. */
export function withEngagementId<End extends DeleteEnd>(end: End, engagementId: string): End {
  return 'message' in end ? { ...end, engagementId } : end;
}

/**
 * Removes upstream's data from the result, and adds the reason. Returns the same object if it has no such data.
 * @param why the reason, for the caller.
 */
export function withoutRecord<End extends DeleteEnd | CreateEnd>(result: End, why: string): End {
  switch (result.kind) {
    case 'DeleteEngagementSuccess':
      if (result.engagement === null && result.raw === undefined) return result;
      return { ...result, engagement: null, raw: null, warnings: [...result.warnings, why] };
    case 'CreateEngagementSuccess':
      if (result.engagement === null) return result;
      return { ...result, engagement: null, warnings: [...result.warnings, why] };
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
