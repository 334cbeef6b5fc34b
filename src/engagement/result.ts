import type { Readable } from 'node:stream';
import type { DeleteErrorKind, deleteErrors } from './delete-errors.ts';
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
    /** True when the look-up of the account failed for now: the account itself may be what is missing. */
    readonly isUnchecked?: boolean;
  };
  readonly UpstreamUnavailableError: {
    /** True for a read that left and brought no record: the record itself may be why, not upstream as a whole. */
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
  ? { readonly kind: Kind; readonly message: string } & {
      readonly [Field in Exclude<keyof (typeof deleteErrors)[Kind]['fields'], 'rawResponse'>]: TypedField<
        (typeof deleteErrors)[Kind]['fields'][Field]
      >;
    } & (Kind extends keyof FurtherFields ? FurtherFields[Kind] : unknown)
  : never;

/** The input breaks a rule, here or upstream. Nothing was deleted. */
export type InvalidInputError = ErrorMember<'InvalidInputError'>;

/** The request left, and nobody can say whether it was carried out. */
export type OutcomeUnknownError = ErrorMember<'OutcomeUnknownError'>;

/** Every member in which the engagement is not, or not surely, deleted. */
export type DeleteEngagementError = ErrorMember<DeleteErrorKind>;

/** What one `deleteEngagement` came to; `kind` is the GraphQL type's name. */
export type DeleteEngagementResult = DeleteEngagementSuccess | DeleteEngagementPlan | DeleteEngagementError;

/** Upstream does not accept the token that the caller brought. Nothing was done. A top-level error in GraphQL. */
export interface Unauthenticated {
  readonly kind: 'Unauthenticated';
  readonly message: string;
}

/** How a delete ended, whoever asked for it. */
export type DeleteEnd = DeleteEngagementResult | Unauthenticated;
