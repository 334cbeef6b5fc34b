import type { Readable } from 'node:stream';
import type { DeleteErrorKind, deleteErrors } from './delete-errors.ts';
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

/** The types of the fields that errors have, by how the schema writes them. */
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

/** Further fields of some errors: JSON, which may be absent, and what is known here but not in the schema. */
interface FurtherFields {
  readonly NotFoundError: {
    /** True when the account could not be checked for now. */
    readonly isUnchecked?: boolean;
  };
  readonly UpstreamUnavailableError: {
    /** True for a read that was sent and brought no record: the record itself may be the cause. */
    readonly wasSent?: true;
  };
  readonly RemoteApiError: { readonly rawResponse?: unknown };
  readonly OutcomeUnknownError: { readonly rawResponse?: unknown };
}

type TypedField<Row> = Row extends readonly [infer Written extends keyof FieldTypes, string]
  ? FieldTypes[Written]
  : never;

/** A member of the result that is an error: what its row in {@link deleteErrors} says. */
export type ErrorMember<Kind extends DeleteErrorKind> = Kind extends DeleteErrorKind
  ? { readonly kind: Kind; readonly message: string; readonly engagementId?: string } & {
      readonly [Field in Exclude<keyof (typeof deleteErrors)[Kind]['fields'], 'rawResponse'>]: TypedField<
        (typeof deleteErrors)[Kind]['fields'][Field]
      >;
    } & (Kind extends keyof FurtherFields ? FurtherFields[Kind] : unknown)
  : never;

/** The input breaks a rule, here or upstream. Nothing was deleted. */
export type InvalidInputError = ErrorMember<'InvalidInputError'>;

/** The request was sent, and nobody can say whether it was carried out. */
export type OutcomeUnknownError = ErrorMember<'OutcomeUnknownError'>;

/** Every member in which the engagement is not, or not surely, deleted. */
export type DeleteEngagementError = ErrorMember<DeleteErrorKind>;

/** Upstream does not accept the token that the caller brought. Nothing was done. A top-level error in GraphQL. */
export interface Unauthenticated {
  readonly kind: 'Unauthenticated';
  readonly message: string;
}

/** The end of a request that was refused or never sent: it was surely not carried out. */
export type Refusal =
  | Exclude<DeleteEngagementError, { kind: 'UnsupportedIntegrationError' | 'OutcomeUnknownError' }>
  | Unauthenticated;

/** The result of one `deleteEngagement`; `kind` is the GraphQL type's name. */
export type DeleteEngagementResult = DeleteEngagementSuccess | DeleteEngagementPlan | DeleteEngagementError;

/** How a delete ended. */
export type DeleteEnd = DeleteEngagementResult | Unauthenticated;

/** The same end; an error names the engagement that it is about. Without that, only its index in a list would tell. */
export function withEngagementId<End extends DeleteEnd>(end: End, engagementId: string): End {
  return 'message' in end ? { ...end, engagementId } : end;
}

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
