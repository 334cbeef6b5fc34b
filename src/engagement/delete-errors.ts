interface ErrorRow {
  /** The code of the top-level error of a query that fails so; undefined where no query does. */
  readonly code?: string;
  /** How the terminal ends: `refused` again if repeated, `notNow` until later, `unknown` whether it was deleted. */
  readonly ends: 'refused' | 'notNow' | 'unknown';
  /** True when every delete in the integrated account ends so. */
  readonly isAccountWide?: boolean;
  /** What the schema says of it. */
  readonly description: string;
  /** Its fields besides `message`: the type as the schema writes it, and what the schema says of it. */
  readonly fields: Readonly<Record<string, readonly [type: string, description: string]>>;
  /** For the README: whether the engagement is deleted, and what to do. */
  readonly deleted: string;
  readonly toDo: string;
}

/**
 * Every member of the result in which the engagement is not, or not surely, deleted. The types, the schema, the codes of queries, the
 * terminal's exit codes and the tables in the documents derive from it.
 */
export const deleteErrors = {
  InvalidInputError: {
    code: 'INVALID_INPUT',
    ends: 'refused',
    description:
      'The arguments break a rule of the integration, or upstream refused them. Nothing was deleted: mend the issues and send it again.',
    fields: { issues: ['[InputIssue!]!', 'Everything that is wrong, as far as it can be told at once.'] },
    deleted: 'no',
    toDo: 'fix the arguments in `issues`; `allowedValues` says to what',
  },
  UnsupportedIntegrationError: {
    ends: 'refused',
    isAccountWide: true,
    description: "The integrated account's integration cannot delete engagements. Nothing was sent.",
    fields: {
      integrationName: ['String!', 'The integration of the account.'],
      supportedIntegrations: ['[String!]!', 'The integrations that can.'],
    },
    deleted: 'no',
    toDo: 'nothing: this CRM has no delete',
  },
  NotFoundError: {
    code: 'NOT_FOUND',
    ends: 'refused',
    description:
      'Upstream knows no such engagement in this integrated account: it is gone already, never was, or has another ' +
      '`engagementType`. This request deleted nothing.',
    fields: {
      accountFound: [
        'Boolean!',
        'True when the integrated account exists. False when that could not be checked: then the account may be what is missing.',
      ],
    },
    deleted: 'not by this request',
    toDo: 'nothing, or check `engagementType`; and the account, when `accountFound` is false',
  },
  IntegratedAccountNotFoundError: {
    code: 'INTEGRATED_ACCOUNT_NOT_FOUND',
    ends: 'refused',
    isAccountWide: true,
    description:
      'Truto knows no such integrated account, or the token does not see it. It says nothing of the engagement, and nothing was ' +
      "deleted: check the id, and that the token is one of the account's environment.",
    fields: {},
    deleted: 'no',
    toDo: "check the account's id, and that the token belongs to its environment",
  },
  ForbiddenError: {
    code: 'FORBIDDEN',
    ends: 'refused',
    description:
      'You may not use this integrated account, or its connection to the provider may not delete. Nothing was deleted.',
    fields: {
      missingScopes: [
        '[String!]!',
        "Permissions the account's connection lacks at the provider, when upstream names them.",
      ],
    },
    deleted: 'no',
    toDo: 'get the grant, or the `missingScopes` at the provider',
  },
  AccountNeedsReauthError: {
    code: 'ACCOUNT_NEEDS_REAUTH',
    ends: 'refused',
    isAccountWide: true,
    description:
      "The provider no longer accepts the integrated account's credentials: its owner must connect it again. Nothing was deleted.",
    fields: {},
    deleted: 'no',
    toDo: "let the account's owner connect it again",
  },
  AccountBlockedError: {
    code: 'ACCOUNT_BLOCKED',
    ends: 'refused',
    isAccountWide: true,
    description: 'Truto has blocked the integrated account. Nothing was deleted, and sending it again does not help.',
    fields: { reason: ['String', 'What is known of the block.'] },
    deleted: 'no',
    toDo: 'ask Truto',
  },
  RateLimitedError: {
    code: 'RATE_LIMITED',
    ends: 'notNow',
    description:
      'The provider or Truto takes no more requests for now, or you have 8 streamed bodies open at this server. Nothing was deleted: send it ' +
      'again later.',
    fields: { retryAfterMs: ['Int', 'How long to wait, in milliseconds; null when upstream did not say.'] },
    deleted: 'no',
    toDo: 'wait `retryAfterMs`, send it again',
  },
  RemoteApiError: {
    code: 'REMOTE_API_ERROR',
    ends: 'refused',
    description: 'The provider, or Truto, refused in a way that no other type names. Nothing was deleted.',
    fields: {
      statusCode: ['Int!', 'The HTTP status of the refusal.'],
      rawResponse: ['JSON', "The provider's own body, when it gave one."],
    },
    deleted: 'no',
    toDo: "read `statusCode` and the provider's own `rawResponse`",
  },
  UpstreamUnavailableError: {
    code: 'UPSTREAM_UNAVAILABLE',
    ends: 'notNow',
    description:
      'Upstream could not be reached, did not let this server in, or gave no record to keep. Surely nothing was deleted: send it again later.',
    fields: {},
    deleted: 'surely not',
    toDo: 'send it again later',
  },
  OutcomeUnknownError: {
    ends: 'unknown',
    description:
      'The request left and no answer says what became of it: the engagement may or may not be deleted. ' +
      'When `retrySafe`, delete it again: `NotFoundError` then means that it is gone.',
    fields: {
      retrySafe: ['Boolean!', 'True when sending the same delete again cannot do any further harm.'],
      idempotencyKey: [
        'String!',
        'The `Idempotency-Key` of the last attempt that this server sent upstream: by it, Truto can find the request. To repeat the delete, send your own again, not this one.',
      ],
      engagement: [
        'Engagement',
        'With `snapshot: true`, the engagement as it was read before: it may be all that is left.',
      ],
      // Not `statusCode`: its type differs from RemoteApiError's, so no document could select both.
      lastStatusCode: ['Int', 'The HTTP status, when there was an answer at all.'],
      rawResponse: ['JSON', "The provider's own body, when there was one."],
    },
    deleted: 'perhaps',
    toDo: 'when `retrySafe`, send it again with the same arguments and key',
  },
} as const satisfies Readonly<Record<string, ErrorRow>>;

/** The name of a member that is an error. */
export type DeleteErrorKind = keyof typeof deleteErrors;

/** Every such name. */
export const deleteErrorKinds = Object.keys(deleteErrors) as readonly DeleteErrorKind[];

/** The row of a member. */
export function deleteErrorRow(kind: DeleteErrorKind): ErrorRow {
  return deleteErrors[kind];
}

/** True for an end that every delete in the same integrated account would have. */
export function isAccountWide(kind: string): boolean {
  return Object.hasOwn(deleteErrors, kind) && deleteErrorRow(kind as DeleteErrorKind).isAccountWide === true;
}

/**
 * The fields that a program needs besides the code when a query fails so: neither the provider's body, which nobody selected, nor text,
 * which the message has.
 */
export function detailsOf(kind: DeleteErrorKind): readonly string[] {
  return Object.entries(deleteErrorRow(kind).fields).flatMap(([name, [type]]) =>
    type === 'JSON' || type === 'String' ? [] : [name],
  );
}
