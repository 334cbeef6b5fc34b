import {
  coerceInputValue,
  type GraphQLArgument,
  GraphQLError,
  type GraphQLSchema,
  getNamedType,
  isRequiredArgument,
} from 'graphql';
import { type Caller, canAccess } from '../engagement/account.ts';
import { deleteEngagement } from '../engagement/delete/delete-engagement.ts';
import type {
  DeleteEngagementParameters,
  EngagementSort,
  EngagementType,
  ResponseFormat,
} from '../engagement/input.ts';
import { nothing, plainRecord, wholeSelection } from '../engagement/record.ts';
import { notGranted, refusedInput } from '../engagement/refusal.ts';
import { type RestoreEnd, restoreEngagement } from '../engagement/restore/restore-engagement.ts';
import { readUndoLine } from '../engagement/restore/undo-line.ts';
import {
  type DeleteEnd,
  type DeleteEngagementError,
  type DeleteEngagementPlan,
  type DeleteEngagementSuccess,
  type Finding,
  type OutcomeUnknownError,
  refusal,
  type Unauthenticated,
  withEngagementId,
} from '../engagement/result.ts';
import { type Context, callerKeyOf } from '../graphql/core/context.ts';
import type { DeleteArguments } from '../graphql/delete/delete-engagement.ts';
import { admit, type ContextOptions, createContext } from './requests/admit.ts';
import { findBadVariable } from './requests/check-variables.ts';

/** What a caller without GraphQL gives in the place of a request's headers and connection. */
interface DirectRequest {
  /** The caller's `Authorization` header, as a request would have it. The embedded sandbox needs none. */
  readonly authorization?: string | undefined;
  /** Abort it when the result is no longer needed: a request that is not sent yet is not sent. */
  readonly signal?: AbortSignal | undefined;
}

/** Which engagement to delete, and how: the arguments of the GraphQL field, and the headers of an HTTP request. */
export interface DirectDelete extends DirectRequest {
  /** Required without `confirmationToken`. */
  readonly id?: string | undefined;
  /** Required without `confirmationToken`. */
  readonly integratedAccountId?: string | undefined;
  /** @default 'UNIFIED' */
  readonly format?: Uppercase<Exclude<ResponseFormat, 'stream'>> | undefined;
  readonly engagementType?: Uppercase<EngagementType> | undefined;
  readonly rawEngagementType?: string | undefined;
  readonly parameters?:
    | (Omit<DeleteEngagementParameters, 'sortBy'> & { readonly sortBy?: Uppercase<EngagementSort> | null | undefined })
    | undefined;
  readonly remoteQuery?: Readonly<Record<string, unknown>> | undefined;
  readonly trutoQuery?: Readonly<Record<string, unknown>> | undefined;
  /** True to read the engagement first: the result then has all of its record. @default false */
  readonly snapshot?: boolean | undefined;
  /** True to check only, and to get a `confirmationToken`. @default false */
  readonly dryRun?: boolean | undefined;
  /** Deletes what the dry run with this token showed, once, within 5 minutes. Omit the other arguments, but not `authorization`. */
  readonly confirmationToken?: string | undefined;
  /** Makes one delete of all that have the same key, arguments and caller. */
  readonly idempotencyKey?: string | undefined;
}

/** A record as Truto names its fields. */
type PlainRecord = Readonly<Record<string, unknown>>;

/** The end of a delete, as a value. `kind` is the name of the GraphQL type, or `Unauthenticated`. */
export type DirectDeleteResult =
  | (Omit<DeleteEngagementSuccess, 'stream' | 'integration' | 'engagement' | 'sentAt'> & {
      /** The name of the account's integration; null when it is not known. */
      readonly integration: string | null;
      /** The whole record with `snapshot`, also that of the dry run with the `confirmationToken`; null without. */
      readonly engagement: PlainRecord | null;
    })
  | (Omit<DeleteEngagementPlan, 'request' | 'integration'> & {
      readonly request: { readonly method: string; readonly url: string };
      readonly integration: string | null;
    })
  | (Omit<OutcomeUnknownError, 'engagement' | 'sentAt'> & {
      /** The whole record with `snapshot`; null without. It may be all that is left. */
      readonly engagement: PlainRecord | null;
    })
  | Exclude<DeleteEngagementError, OutcomeUnknownError>
  | Unauthenticated;

function describe(end: DeleteEnd, snapshot: boolean, upstreamUrl: string): DirectDeleteResult {
  switch (end.kind) {
    case 'DeleteEngagementSuccess': {
      const { stream, sentAt: _sentAt, integration, engagement, ...rest } = end;
      // Only a token can ask for one.
      stream?.body.destroy();
      const record = snapshot && engagement ? plainRecord(engagement) : null;
      return { ...rest, integration: integration?.name ?? null, engagement: record };
    }
    case 'DeleteEngagementPlan': {
      // Without the headers: the token is one of them.
      const { method, path } = end.request;
      return { ...end, request: { method, url: upstreamUrl + path }, integration: end.integration?.name ?? null };
    }
    case 'OutcomeUnknownError': {
      const { sentAt: _sentAt, engagement, ...rest } = end;
      return { ...rest, engagement: engagement ? plainRecord(engagement) : null };
    }
    default:
      return end;
  }
}

/** True for what JSON can hold. Anything else would be left out of the request, or become another value. */
function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return value === null || /^(string|boolean)$/.test(typeof value);
  if ('toJSON' in value && typeof value.toJSON === 'function') return false;
  // In a list, JSON would make null of undefined.
  if (Array.isArray(value)) return Array.from(value).every(isJson);
  const isPlain = Object.prototype.toString.call(value) === '[object Object]';
  return isPlain && Object.values(value).every((item) => item === undefined || isJson(item));
}

const notJson = 'It must be what JSON can hold: texts, finite numbers, true, false, null, lists and plain objects.';

/** Coerces arguments as the executor does; what is wrong is added to the findings. */
function readArguments(args: readonly GraphQLArgument[], given: object, findings: Finding[]): DeleteArguments {
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(given)) {
    if (!args.some((arg) => arg.name === name)) findings.push(refusal([name], 'There is no such argument.'));
  }
  for (const arg of args) {
    const value = (given as Readonly<Record<string, unknown>>)[arg.name];
    if (value === undefined) {
      if (isRequiredArgument(arg)) findings.push(refusal([arg.name], 'It is required.'));
      values[arg.name] = arg.defaultValue;
      continue;
    }
    const isNoJson = () => getNamedType(arg.type).name === 'JSONObject' && !isJson(value);
    const bad = findBadVariable({ [arg.name]: value }) ?? (isNoJson() ? notJson : undefined);
    if (bad !== undefined) findings.push(refusal([arg.name], bad));
    else
      values[arg.name] = coerceInputValue(value, arg.type, (path, _value, { message }) => {
        const unknownFields = /(?<=^Field ")\w+(?=" is not defined)/.exec(message) ?? [];
        findings.push(refusal([arg.name, ...path.map(String), ...unknownFields], message));
      });
  }
  // graphql-js types what it coerces as unknown; Pothos holds the field's arguments to this type.
  return values as unknown as DeleteArguments;
}

/** The refusal as a value, for an error of the authentication or of a bad idempotency key. Undefined for any other error. */
function refusalIn(error: unknown, findings: readonly Finding[]) {
  const code = error instanceof GraphQLError ? error.extensions.code : undefined;
  const { message } = error as Error;
  const nothingSent = `Nothing was sent. ${message}`;
  if (code === 'UNAUTHENTICATED') return { kind: 'Unauthenticated', message: nothingSent } as const;
  if (code === 'AUTHENTICATION_UNAVAILABLE') return { kind: 'UpstreamUnavailableError', message: nothingSent } as const;
  return code === 'BAD_USER_INPUT' ? refusedInput([...findings, refusal(['idempotencyKey'], message)]) : undefined;
}

/** The context of an operation, whose caller is known. */
type Admitted = Context & { readonly caller: Caller };

/** Runs an operation for its caller, unless the input has findings. Its refusals are values. */
async function runDirectly<End>(
  { authorization, idempotencyKey, signal }: DirectRequest & Pick<DirectDelete, 'idempotencyKey'>,
  findings: readonly Finding[],
  options: ContextOptions,
  run: (context: Admitted) => Promise<End>,
) {
  const asked = {
    header: (name: string) => (name === 'idempotency-key' ? (idempotencyKey ?? null) : null),
    hasCallerLeft: () => signal?.aborted ?? false,
    extensions: undefined,
  };
  try {
    const admission = await admit(authorization ?? null, options);
    const { caller } = admission;
    if (!caller)
      return { kind: 'Unauthenticated', message: 'Nothing was sent. Give the authorization of a caller.' } as const;
    const context = createContext(asked, options, admission);
    return findings.length > 0 ? refusedInput(findings) : await run({ ...context, caller });
  } catch (error) {
    const refused = refusalIn(error, findings);
    if (!refused) throw error;
    return refused;
  }
}

/** Makes the function that deletes without GraphQL. It shares checks, access, limits, repeated deletes, deadline and log with the field. */
export function createDirectDelete(
  schema: GraphQLSchema,
  options: ContextOptions,
): (asked: DirectDelete) => Promise<DirectDeleteResult> {
  const { args } = schema.getMutationType()?.getFields().deleteEngagement ?? { args: [] };
  return async ({ authorization, idempotencyKey, signal, ...given }) => {
    const findings: Finding[] = [];
    const { dryRun, snapshot, ...input } = readArguments(args, given, findings);
    if (input.format === 'stream')
      findings.push(refusal(['format'], 'Streams are for GraphQL only.', ['UNIFIED', 'NORMALIZED', 'RAW']));
    const result = await runDirectly({ authorization, idempotencyKey, signal }, findings, options, async (context) => {
      const { caller, deadlineAt, hasCallerLeft } = context;
      // As the field without an alias has it: both are one delete under one key.
      const callerKey = callerKeyOf(context, 'deleteEngagement');
      const { confirmationToken: token } = input;
      const opened = typeof token === 'string' && (await context.confirmations?.open('delete', token, caller));
      const isWhole = snapshot || (typeof opened === 'object' && opened.plan.snapshot);
      const selection = isWhole ? wholeSelection : nothing;
      const terms = { caller, selection, dryRun, snapshot, callerKey, deadlineAt, hasCallerLeft };
      return describe(await deleteEngagement(input, terms, context), isWhole, options.upstreamUrl);
    });
    return typeof given.id === 'string' ? withEngagementId(result, given.id) : result;
  };
}

/** Which record to restore, and for whom. */
export interface DirectRestore extends DirectRequest {
  /** A line of an undo file, or of the terminal's `delete --snapshot`. */
  readonly line: string;
}

/**
 * Makes the function that restores one engagement, if it is gone. There is no ledger. Within 10 minutes, the same record is one create,
 * and an unknown outcome is not tried again. After that, the same line may create a second copy.
 */
export function createDirectRestore(options: ContextOptions): (asked: DirectRestore) => Promise<RestoreEnd> {
  const noLedger = { onBegin: async () => {}, isTaken: () => false };
  return async ({ line, authorization, signal }) => {
    const kept = readUndoLine(Buffer.from(line));
    if (kept.kind !== 'Record') {
      const problem = kept.kind === 'NoRecord' ? 'It has no record.' : `It cannot be read: ${kept.why}.`;
      return refusedInput([refusal(['line'], problem)]);
    }
    return runDirectly({ authorization, signal }, [], options, async (context) => {
      const { caller, hasCallerLeft } = context;
      if (!canAccess(caller, kept.record.integratedAccountId)) return notGranted();
      const { requestTimeoutMs } = options.config;
      const terms = { caller, dryRun: false, refusalCount: 0, requestTimeoutMs, hasCallerLeft };
      return restoreEngagement(kept, terms, { ...context, ...noLedger, seenReferences: new Map() });
    });
  };
}
