interface ErrorRow {
  /** The code of a query that fails with this error. Undefined when no query does. */
  readonly code?: string;
  /** The terminal's exit: `refused` (a retry fails too), `notNow` (retry later), or `unknown` (it may be done). */
  readonly ends: 'refused' | 'notNow' | 'unknown';
  /** True when every request in the integrated account fails with this error. */
  readonly isAccountWide?: boolean;
  readonly description: string;
  /** Its fields besides `message`: the type as SDL writes it, and the description. */
  readonly fields: Readonly<Record<string, readonly [type: string, description: string]>>;
  /** For the documents: whether the engagement is deleted or created, and what to do. */
  readonly done: string;
  readonly toDo: string;
}

/**
 * The error members of the results of a delete and a create (`NotFoundError`: of a delete only). The types, the schema, the codes of queries, the terminal's exit codes and the tables in the
 * documents derive from this table.
 */
export const engagementErrors = {
  InvalidInputError: {
    code: 'INVALID_INPUT',
    ends: 'refused',
    description:
      'The arguments break a rule of the integration, or Truto refused them. Nothing was changed. Fix the issues, then send it again.',
    fields: { issues: ['[InputIssue!]!', 'Every problem that one check can find.'] },
    done: 'no',
    toDo: 'fix the arguments that `issues` names; `allowedValues` lists the accepted values',
  },
  UnsupportedIntegrationError: {
    ends: 'refused',
    isAccountWide: true,
    description:
      'Truto cannot delete, or cannot create, engagements of this integration. Nothing was sent. A retry does not help.',
    fields: {
      integrationName: ['String!', 'The integration of the integrated account.'],
      supportedIntegrations: ['[String!]!', 'The integrations for which Truto can.'],
    },
    done: 'no',
    toDo: 'nothing: Truto has no such method for this CRM',
  },
  NotFoundError: {
    code: 'NOT_FOUND',
    ends: 'refused',
    description:
      'Truto finds no such engagement in this integrated account. It is already deleted, never existed, or has another ' +
      '`engagementType`. This request deleted nothing.',
    fields: {
      accountFound: [
        'Boolean!',
        'True when the integrated account exists. False when this could not be checked: the account itself may be missing.',
      ],
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
    done: 'no',
    toDo: "check the integrated account's id, and that the token belongs to its environment",
  },
  ForbiddenError: {
    code: 'FORBIDDEN',
    ends: 'refused',
    description:
      'You have no access to this integrated account, or its connection to the provider has no permission to do this. Nothing was changed.',
    fields: {
      missingScopes: [
        '[String!]!',
        "The permissions that the account's connection lacks at the provider. Empty when Truto names none.",
      ],
    },
    done: 'no',
    toDo: 'ask for access to the integrated account, or grant the `missingScopes` at the provider',
  },
  AccountNeedsReauthError: {
    code: 'ACCOUNT_NEEDS_REAUTH',
    ends: 'refused',
    isAccountWide: true,
    description:
      "The provider no longer accepts the integrated account's credentials. Nothing was changed. The account's owner must connect it again.",
    fields: {},
    done: 'no',
    toDo: "ask the account's owner to connect it again",
  },
  AccountBlockedError: {
    code: 'ACCOUNT_BLOCKED',
    ends: 'refused',
    isAccountWide: true,
    description:
      'Truto has blocked or paused the integrated account. Nothing was changed. A retry fails until Truto ends that.',
    fields: { reason: ['String', 'Whether the account is blocked or paused. Null when unknown.'] },
    done: 'no',
    toDo: 'ask Truto; if `reason` says that it is paused, try again later',
  },
  RateLimitedError: {
    code: 'RATE_LIMITED',
    ends: 'notNow',
    description:
      'A rate limit of Truto or of the provider is reached, or you have 8 streamed bodies open at this server. Nothing was changed. ' +
      'Send it again later.',
    fields: { retryAfterMs: ['Int', 'How long to wait, in milliseconds. Null when Truto does not say.'] },
    done: 'no',
    toDo: 'wait for `retryAfterMs`, then send it again',
  },
  RemoteApiError: {
    code: 'REMOTE_API_ERROR',
    ends: 'refused',
    description:
      'The provider or Truto refused the request for a reason that no other type describes. Nothing was changed.',
    fields: {
      statusCode: ['Int!', 'The HTTP status of the refusal.'],
      rawResponse: ['JSON', "The provider's response body. Null when there is none."],
    },
    done: 'no',
    toDo: "read `statusCode` and the provider's `rawResponse`",
  },
  UpstreamUnavailableError: {
    code: 'UPSTREAM_UNAVAILABLE',
    ends: 'notNow',
    description:
      'Truto could not be reached, refused this server, or did not return the record for the snapshot. Nothing was changed. Send it again later.',
    fields: {},
    done: 'no',
    toDo: 'send it again later',
  },
  OutcomeUnknownError: {
    ends: 'unknown',
    description:
      'The delete or create was sent, and no answer shows its result. The engagement may or may not be deleted or created. When ' +
      '`retrySafe` is true, delete it again: `ALREADY_ABSENT`, or `NotFoundError` with `accountFound: true`, then means that it is ' +
      'gone. When it is false, look for the engagement in the CRM first. A create is never `retrySafe`.',
    fields: {
      retrySafe: [
        'Boolean!',
        'True when a second delete with the same arguments can do no further harm. Always false for a create.',
      ],
      upstreamIdempotencyKey: [
        'String!',
        'The `Idempotency-Key` that this server sent to Truto with the last attempt. Truto can find the request by it. To repeat the delete, send your own key again, not this one.',
      ],
      engagement: [
        'Engagement',
        'With `snapshot: true`, the engagement as read before the delete. It may be the only copy left.',
      ],
      // Not `statusCode`: its type differs from RemoteApiError's, so no document could select both.
      lastStatusCode: ['Int', 'The HTTP status of the last answer. Null when there was none.'],
      rawResponse: ['JSON', "The provider's response body. Null when there is none."],
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
export function errorRow(kind: ErrorKind): ErrorRow {
  return engagementErrors[kind];
}

/** True for an error that every delete in the same integrated account would have. */
export function isAccountWide(kind: string): boolean {
  return Object.hasOwn(engagementErrors, kind) && errorRow(kind as ErrorKind).isAccountWide === true;
}

/**
 * The fields that a query's error has besides its code. Without the provider's body, which was not selected, and texts, which the
 * message contains.
 */
export function errorDetailNames(kind: ErrorKind): readonly string[] {
  return Object.entries(errorRow(kind).fields).flatMap(([name, [type]]) =>
    type === 'JSON' || type === 'String' ? [] : [name],
  );
}
