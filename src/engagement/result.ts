import type { Readable } from 'node:stream';
import type { Integration } from './integrations.ts';
import type { EngagementRecord } from './record.ts';
import type { WriteRequest } from './request.ts';

/* What a delete or a create can end with: findings, successes, dry runs, and errors. */

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

/** A finding in one line. The log has it too, so the names in a `remoteQuery` or `trutoQuery`, which can be any text, are left out. */
export function located({ path, message }: Finding): string {
  return `${path[0] === 'remoteQuery' || path[0] === 'trutoQuery' ? path[0] : path.join('.')}: ${message}`;
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

/** How a successful create ended. `FOUND`: no answer proved it, but a search found the record. */
export type CreateOutcome = 'CREATED' | 'FOUND';

/** The provider's body, not yet read. */
export interface DeleteStream {
  readonly contentType: string | null;
  /** In bytes. Null when upstream did not send it. */
  readonly contentLength: number | null;
  /** Read it to its end, or destroy it. */
  readonly body: Readable;
}

/** What a delete and a create that succeeded have in common. */
interface Success {
  /** Null for a repeated request, once the record is no longer remembered, and for a delete whose answer has none. */
  readonly engagement: EngagementRecord | null;
  readonly integration: Integration | null;
  readonly rateLimit: RateLimit | null;
  readonly warnings: readonly string[];
}

/** The engagement is gone, or will be (`ACCEPTED`). */
export interface DeleteEngagementSuccess extends Success {
  readonly kind: 'DeleteEngagementSuccess';
  readonly deletedEngagementId: string;
  /** The node id that a read of the engagement returned before. */
  readonly deletedNodeId: string;
  readonly outcome: DeleteOutcome;
  /** Any JSON value. Undefined and null mean none. */
  readonly raw?: unknown;
  readonly stream: DeleteStream | null;
  /** When an `ACCEPTED` delete was first sent, in milliseconds since 1970. Older events prove nothing. Callers do not see it. */
  readonly sentAt?: number;
}

/** The engagement is created. */
export interface CreateEngagementSuccess extends Success {
  readonly kind: 'CreateEngagementSuccess';
  readonly createdEngagementId: string;
  readonly outcome: CreateOutcome;
}

/** The result of a dry run. Nothing was created. */
export interface CreateEngagementPlan {
  readonly kind: 'CreateEngagementPlan';
  readonly request: WriteRequest;
  readonly findings: readonly Finding[];
  readonly integration: Integration | null;
}

/** The result of a dry run. No delete was sent. */
export interface DeleteEngagementPlan extends Omit<CreateEngagementPlan, 'kind'> {
  readonly kind: 'DeleteEngagementPlan';
  /** Confirms exactly this delete. Null when a finding refuses it. */
  readonly confirmationToken: string | null;
  readonly confirmationExpiresAt: Date | null;
}

interface ErrorRow {
  /** The code of a query that fails with this error. Undefined when no query does. */
  readonly code?: string;
  /** The terminal's exit: `refused` (a retry fails too), `notNow` (retry later), or `unknown` (it may be done). */
  readonly ends: 'refused' | 'notNow' | 'unknown';
  /** True when every request in the integrated account fails with this error. */
  readonly isAccountWide?: boolean;
  readonly description: string;
  /** Its fields besides `message`: the type as SDL writes it, a colon, the description. */
  readonly fields: Readonly<Record<string, `${string}: ${string}`>>;
  /** For the documents: whether the engagement is deleted or created (default: no), and what to do. */
  readonly done?: string;
  readonly toDo: string;
}

/**
 * The error members of the results of a delete and a create (`NotFoundError`: of a delete only). The types, the schema, the codes of
 * queries, the terminal's exit codes and the tables in the documents derive from this table.
 */
export const engagementErrors = {
  InvalidInputError: {
    code: 'INVALID_INPUT',
    ends: 'refused',
    description:
      'The arguments break a rule of the integration, or Truto refused them. Nothing was changed. Fix the issues, then send it again.',
    fields: { issues: '[InputIssue!]!: Every problem that one check can find.' },
    toDo: 'fix the arguments that `issues` names; `allowedValues` lists the accepted values',
  },
  UnsupportedIntegrationError: {
    ends: 'refused',
    isAccountWide: true,
    description:
      'Truto cannot delete, or cannot create, engagements of this integration. Nothing was sent. A retry does not help.',
    fields: {
      integrationName: 'String!: The integration of the integrated account.',
      supportedIntegrations: '[String!]!: The names of the integrations for which Truto can do it.',
    },
    toDo: 'nothing: Truto has no such method for this CRM',
  },
  NotFoundError: {
    code: 'NOT_FOUND',
    ends: 'refused',
    description:
      'Truto finds no such engagement in this integrated account. It is already deleted, never existed, or has another ' +
      '`engagementType`. This request deleted nothing.',
    fields: {
      accountFound:
        'Boolean!: True when the integrated account exists. False when this could not be checked: the account itself may be missing.',
    },
    done: 'not by this request',
    toDo: 'nothing, or check `engagementType`; check the integrated account when `accountFound` is false',
  },
  IntegratedAccountNotFoundError: {
    code: 'INTEGRATED_ACCOUNT_NOT_FOUND',
    ends: 'refused',
    isAccountWide: true,
    description:
      'Truto finds no such integrated account, or the token has no access to it. Nothing was changed; an engagement may ' +
      "exist. Check the id, and that the token belongs to the account's environment.",
    fields: {},
    toDo: "check the integrated account's id, and that the token belongs to its environment",
  },
  ForbiddenError: {
    code: 'FORBIDDEN',
    ends: 'refused',
    description:
      'You have no access to this integrated account, or its connection to the provider has no permission to do this. Nothing was changed.',
    fields: {
      missingScopes:
        "[String!]!: The permissions that the account's connection lacks at the provider. Empty when Truto names none.",
    },
    toDo: 'ask for access to the integrated account, or grant the `missingScopes` at the provider',
  },
  AccountNeedsReauthError: {
    code: 'ACCOUNT_NEEDS_REAUTH',
    ends: 'refused',
    isAccountWide: true,
    description:
      "The provider no longer accepts the integrated account's credentials. Nothing was changed. The account's owner must connect it again.",
    fields: {},
    toDo: "ask the account's owner to connect it again",
  },
  AccountBlockedError: {
    code: 'ACCOUNT_BLOCKED',
    ends: 'refused',
    isAccountWide: true,
    description:
      'Truto has blocked or paused the integrated account. Nothing was changed. A retry fails until Truto ends that.',
    fields: { reason: 'String: Whether the account is blocked or paused, in words for people. Null when unknown.' },
    toDo: 'ask Truto; if `reason` says that it is paused, try again later',
  },
  RateLimitedError: {
    code: 'RATE_LIMITED',
    ends: 'notNow',
    description:
      'A rate limit of Truto or of the provider is reached, or you have 8 streamed bodies open at this server. Nothing was changed. ' +
      'Send it again later.',
    fields: { retryAfterMs: 'Int: How long to wait, in milliseconds. Null when Truto does not say.' },
    toDo: 'wait for `retryAfterMs`, then send it again',
  },
  RemoteApiError: {
    code: 'REMOTE_API_ERROR',
    ends: 'refused',
    description:
      'The provider or Truto refused the request for a reason that no other type describes. Nothing was changed.',
    fields: {
      statusCode: 'Int!: The HTTP status of the refusal.',
      rawResponse: "JSON: The provider's response body. Null when there is none.",
    },
    toDo: "read `statusCode` and the provider's `rawResponse`",
  },
  UpstreamUnavailableError: {
    code: 'UPSTREAM_UNAVAILABLE',
    ends: 'notNow',
    description:
      'Truto could not be reached, refused this server, or did not return the record for the snapshot. Nothing was changed. Send it again later.',
    fields: {},
    toDo: 'send it again later',
  },
  OutcomeUnknownError: {
    ends: 'unknown',
    description:
      'The delete or create was sent, and no answer shows its result. The engagement may or may not be deleted or created. When ' +
      '`retrySafe` is true, delete it again: `ALREADY_ABSENT`, or `NotFoundError` with `accountFound: true`, then means that it is ' +
      'gone. When it is false, look for the engagement in the CRM first. A create is never `retrySafe`.',
    fields: {
      retrySafe:
        'Boolean!: True when a second delete with the same arguments can do no further harm. Always false for a create.',
      upstreamIdempotencyKey:
        'String!: The `Idempotency-Key` that this server sent to Truto with the last attempt. Truto can find the request by it. To repeat the delete, send your own key again, not this one.',
      engagement:
        'Engagement: With `snapshot: true`, the engagement as read before the delete. It may be the only copy left.',
      // Not `statusCode`: its type differs from RemoteApiError's, so no document could select both.
      lastStatusCode: 'Int: The HTTP status of the last answer. Null when there was none.',
      rawResponse: "JSON: The provider's response body. Null when there is none.",
    },
    done: 'unknown',
    toDo: 'when `retrySafe` is true, send it again with the same arguments and key; when false, look for the engagement first',
  },
} as const satisfies Readonly<Record<string, ErrorRow>>;

/** The name of an error member. */
export type ErrorKind = keyof typeof engagementErrors;
/** The names of all error members. */
export const errorKinds = Object.keys(engagementErrors) as readonly ErrorKind[];
/** The row of an error member. */
export const errorRow = (kind: ErrorKind): ErrorRow => engagementErrors[kind];

/** True for an error that every delete in the same integrated account would have. */
export function isAccountWide(kind: string): boolean {
  return Object.hasOwn(engagementErrors, kind) && errorRow(kind as ErrorKind).isAccountWide === true;
}

/** The fields of a query's error besides its code: not the provider's body, which was not selected, and no texts, which the message contains. */
export function errorDetailNames(kind: ErrorKind): readonly string[] {
  const fields = Object.entries(errorRow(kind).fields);
  return fields.filter(([, row]) => !/^(JSON|String):/.test(row)).map(([name]) => name);
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

/**
 * More fields of some errors: optional JSON, and fields that are not in the schema. `isUnchecked`: the account could not be checked, for a
 * temporary reason. `wasSent`: a read that was sent returned no record, and the record itself may be the cause.
 */
interface FurtherFields {
  readonly NotFoundError: { readonly isUnchecked?: boolean };
  readonly UpstreamUnavailableError: { readonly wasSent?: true };
  readonly RemoteApiError: { readonly rawResponse?: unknown };
  readonly OutcomeUnknownError: { readonly rawResponse?: unknown; readonly sentAt?: number };
}

type TypedField<Row> = Row extends `${infer Written extends keyof FieldTypes}: ${string}` ? FieldTypes[Written] : never;

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

/** How a create ended; `kind` is the GraphQL type's name. */
export type CreateEnd = CreateEngagementSuccess | CreateEngagementPlan | CreateEngagementError | Unauthenticated;

/** The same end; an error names the engagement that it is about. Without that, only its index in a list would tell. */
export function withEngagementId<End extends { readonly kind: string }>(end: End, engagementId: string): End {
  return 'message' in end ? { ...end, engagementId } : end;
}

/** Removes upstream's data from the result, and adds the reason, for the caller. Returns the same object if it has no such data. */
export function withoutRecord<End extends DeleteEnd | CreateEnd>(result: End, why: string): End {
  const data = ['engagement', 'raw', 'rawResponse'].filter((name) => (Reflect.get(result, name) ?? null) !== null);
  if (data.length === 0) return result;
  const said = 'warnings' in result ? { warnings: [...result.warnings, why] } : {};
  const message = 'message' in result ? { message: `${result.message} ${why}` } : {};
  return { ...result, ...Object.fromEntries(data.map((name) => [name, null])), ...said, ...message };
}
