import type { Attempt, FailureReason, UpstreamAnswer } from '../../upstream/attempt.ts';
import { isJsonObject, type ReadBody, readBody } from '../body.ts';
import { readAnswer } from '../drift.ts';
import { type DeleteEngagementInput, deletePaths, hasRecord, isRepeatable, sentType } from '../input.ts';
import { nodeKind, writeNodeId } from '../node-id.ts';
import type { FoundRecord } from '../read.ts';
import { type Selection, wireNameOf } from '../record.ts';
import { nothingWas, notSent, readRefusal } from '../refusal.ts';
import type { WireField } from '../resources.ts';
import type * as Result from '../result.ts';
import type { OutcomeContext } from '../write.ts';
import { providerBodyOf, readEvidence } from './evidence.ts';

interface DeleteContext extends OutcomeContext<DeleteEngagementInput> {
  readonly selection: Selection;
  /** The record before the delete, with `snapshot`. */
  readonly snapshot: FoundRecord<'engagements'> | null;
  /** True when an earlier attempt may have been executed: then a refusal proves nothing. */
  readonly mayHaveActedBefore: boolean;
}

type UnknownContext = Pick<DeleteContext, 'input' | 'integration' | 'upstreamIdempotencyKey' | 'snapshot'>;
type SuccessContext = Pick<DeleteContext, 'input' | 'selection' | 'integration' | 'warnings' | 'snapshot'>;

type Seen = { readonly statusCode?: number | undefined; readonly rawResponse?: unknown };

/**
 * Maps the end of a sent delete to the result's member. A refusal means that nothing was deleted, an unclear answer an unknown outcome.
 * After an attempt that may have been executed, "no such record" means that it is gone, and any other refusal proves nothing.
 */
export function readOutcome(attempt: Attempt, context: DeleteContext): Result.DeleteEnd | Promise<Result.DeleteEnd> {
  if (attempt.kind === 'answer')
    return attempt.statusCode >= 200 && attempt.statusCode < 300
      ? readSuccess(attempt, context)
      : readRefused(attempt, context);
  if (!attempt.mayHaveBeenSent) return refusedNow(notSent(attempt), context);
  return unknownOutcome(context, { why: whyUnknown(attempt.reason) });
}

function readSuccess(answer: UpstreamAnswer, context: DeleteContext): Result.DeleteEnd {
  const { statusCode } = answer;
  const body = readBody(answer.body);
  const evidence = readEvidence(answer, body, context);
  if (evidence.kind === 'success') return buildSuccess(answer, body, context, evidence.warnings);
  if (answer.body.kind === 'streaming') answer.body.stream.destroy();
  const isForeign = evidence.kind === 'unknown' && evidence.isForeign;
  // Further answers on the connection may belong to other requests too.
  if (isForeign) answer.disconnect();
  const seen = { statusCode, rawResponse: isForeign ? undefined : providerBodyOf(body, context.input) };
  return evidence.kind === 'refused'
    ? refusedNow({ ...refusedByBody(statusCode), ...seen }, context, seen)
    : unknownOutcome(context, { ...seen, why: `The answer has status ${statusCode}, but ${evidence.why}` });
}

async function readRefused(answer: UpstreamAnswer, context: DeleteContext): Promise<Result.DeleteEnd> {
  const { statusCode } = answer;
  const { mayHaveActedBefore, callerBroughtToken } = context;
  // A top-level error could not say that the engagement may be gone.
  const answered = readRefusal(answer, callerBroughtToken && !mayHaveActedBefore, deletePaths);
  if (answered.kind === 'UnclearAnswer') return unknownOutcome(context, answered);
  if (answered.kind === 'Unauthenticated') return nothingWas('deleted', answered);
  const refused = await context.settleNotFound(answered);
  if (refused.kind !== 'NotFoundError' || !mayHaveActedBefore) return refusedNow(refused, context, { statusCode });
  const why = 'The last attempt found no such record, and the integrated account could not be checked';
  if (refused.isUnchecked) return unknownOutcome(context, { statusCode, why });
  const gone =
    'The last attempt found no such engagement. An earlier attempt deleted it, or another client did, or it never ' +
    'existed with this type in this integrated account.';
  const warnings = refused.accountFound ? [gone] : [refused.message, gone];
  return successOf('ALREADY_ABSENT', answer.headers, context, { engagement: null, warnings });
}

/** A refusal of this attempt, unless an earlier one may have deleted the engagement. */
function refusedNow(refused: Result.Refusal, context: DeleteContext, seen: Seen = {}): Result.DeleteEnd {
  if (!context.mayHaveActedBefore) return nothingWas('deleted', refused);
  const why = `The last attempt was refused (${refused.message}), but an earlier one may have deleted it`;
  return unknownOutcome(context, { ...seen, why });
}

/** Creates the result for a sent request with unknown effect. */
export function unknownOutcome(
  { input, integration, upstreamIdempotencyKey, snapshot }: UnknownContext,
  seen: Seen & { readonly why: string },
): Result.OutcomeUnknownError {
  const retrySafe = isRepeatable(input);
  const next = retrySafe
    ? 'It is safe to retry with the same arguments. NotFoundError with accountFound: true, or ALREADY_ABSENT with the same Idempotency-Key or confirmationToken, then means that it is gone.'
    : 'Read the engagement before you retry: the delete had a remoteQuery or trutoQuery, and the provider may apply it twice.';
  const caution = integration?.softDeletes
    ? ` It may still be readable: ${integration.name} only marks deleted engagements, in their remoteData.`
    : '';
  return {
    kind: 'OutcomeUnknownError',
    message: `The engagement may or may not be deleted. ${seen.why}. ${next}${caution}`,
    retrySafe,
    upstreamIdempotencyKey,
    lastStatusCode: seen.statusCode ?? null,
    rawResponse: seen.rawResponse,
    engagement: snapshot?.record ?? null,
  };
}

const whyNoAnswer: Readonly<Partial<Record<FailureReason, string>>> = {
  timeout: 'Truto did not answer in time',
  protocol: 'The answer was not valid HTTP',
};

/** Why a sent request has no answer, as the start of a sentence. */
export function whyUnknown(reason: FailureReason): string {
  return whyNoAnswer[reason] ?? 'The connection broke before Truto answered';
}

/** For a 2xx whose body is the provider's refusal. */
export function refusedByBody(statusCode: number) {
  const message = `The provider answered with status ${statusCode}, but its body is a refusal.`;
  return { kind: 'RemoteApiError', message, statusCode } as const;
}

type Content = Pick<Result.DeleteEngagementSuccess, 'engagement' | 'raw' | 'warnings'>;

/** Creates the success from an answer that proves one. A malformed value removes that field, never the result. @param doubts warnings about the answer. */
export function buildSuccess(
  answer: UpstreamAnswer,
  body: ReadBody,
  context: SuccessContext,
  doubts: readonly string[],
): Result.DeleteEngagementSuccess {
  const { engagement, raw, warnings } = readContent(body, context);
  const outcome = answer.statusCode === 202 ? 'ACCEPTED' : 'DELETED';
  const content = { engagement, raw, warnings: [...doubts, ...warnings] };
  return successOf(outcome, answer.headers, context, content, readStream(answer, context));
}

function readContent(body: ReadBody, context: SuccessContext): Content {
  const { input, selection } = context;
  if (!hasRecord(input)) {
    const raw = body.kind === 'streaming' ? undefined : (providerBodyOf(body, input) ?? null);
    return { engagement: null, raw, warnings: missingFields(selection.fields, context) };
  }
  const json = body.kind === 'json' ? body.value : {};
  if (!isJsonObject(json)) {
    const warning = "The engagement is deleted, but Truto's answer could not be read: it is not a JSON object.";
    return { engagement: null, warnings: [warning] };
  }
  const { record, unreadable, absent } = readAnswer('DELETE', 'engagements', json, selection.fields, input);
  return { engagement: record, warnings: [...unreadableFields(unreadable), ...missingFields(absent, context)] };
}

/** Warns about selected fields without a value, and says how to fill them. */
function missingFields(absent: Iterable<WireField>, { snapshot }: SuccessContext): readonly string[] {
  const names = [...absent].map(wireNameOf) as WireField[];
  const missing = names.filter((field) => field !== 'id' && (!snapshot || snapshot.absent.includes(field)));
  if (missing.length === 0) return [];
  const hint = snapshot ? 'The snapshot lacks it too.' : 'Use snapshot: true to read it before the delete.';
  return [`Truto's answer lacks ${missing.join(', ')}. ${hint}`];
}

/** Warns about selected fields with a malformed value. */
export function unreadableFields(fields: readonly string[]): readonly string[] {
  return fields.map((field) => `The value of ${field} does not have the documented form, so it was left out.`);
}

function readStream({ headers, body }: UpstreamAnswer, { selection }: SuccessContext): Result.DeleteStream | null {
  if (body.kind !== 'streaming') return null;
  if (!selection.chunks) body.stream.destroy();
  const length = headers['content-length'] ?? '';
  const contentLength = /^\d{1,15}$/.test(length) ? Number(length) : null;
  return { contentType: headers['content-type'] ?? null, contentLength, body: body.stream };
}

function successOf(
  outcome: Result.DeleteOutcome,
  headers: UpstreamAnswer['headers'],
  { input, integration, snapshot, warnings: before }: Omit<SuccessContext, 'selection'>,
  { engagement, raw, warnings }: Content,
  stream: Result.DeleteStream | null = null,
): Result.DeleteEngagementSuccess {
  const { id, integratedAccountId } = input;
  // Derived from the input, not from upstream's answer: so it is the same with every selection.
  const kind = nodeKind(integration, sentType(input));
  const nodeId = writeNodeId({ resource: 'engagements', integratedAccountId, kind, id });
  // Some providers answer with empty values: the snapshot wins.
  const record = snapshot ? { ...engagement, ...snapshot.record } : engagement;
  return {
    kind: 'DeleteEngagementSuccess',
    deletedEngagementId: id,
    deletedNodeId: nodeId,
    outcome,
    // The record is new, and a copy of it would cost as much as reading it.
    engagement: record && Object.assign(record, { nodeId }),
    raw,
    stream,
    integration,
    rateLimit: parseRateLimit(headers),
    warnings: [...before, ...unreadableFields(snapshot?.unreadable ?? []), ...warnings],
  };
}

/** The success of a delete with an unknown outcome that Truto's event has settled. */
export function settledSuccess(
  { engagement }: Result.OutcomeUnknownError,
  context: Pick<SuccessContext, 'input' | 'integration' | 'warnings'>,
): Result.DeleteEngagementSuccess {
  const content = { engagement: engagement && { ...engagement }, warnings: [] };
  return successOf('DELETED', {}, { ...context, snapshot: null }, content);
}

/** A number of at most so many digits: nine fit GraphQL's `Int`, six of seconds fit it as milliseconds. More seconds are a moment, not a length. */
function wholeNumber(text: string | undefined, digits: number): number | null {
  return text !== undefined && text.length <= digits && /^\d+$/.test(text) ? Number(text) : null;
}

function milliseconds(seconds: string | undefined): number | null {
  const number = wholeNumber(seconds, 6);
  return number === null ? null : number * 1000;
}

/**
 * Reads `ratelimit-limit` (`110;w=10`: 110 requests in 10 seconds), `ratelimit-remaining` and `ratelimit-reset` (seconds). Source:
 * https://truto.one/docs/api-reference/overview/rate-limits.md
 * @returns null when no header can be read.
 */
export function parseRateLimit(headers: UpstreamAnswer['headers']): Result.RateLimit | null {
  const { 'ratelimit-limit': given = '', 'ratelimit-remaining': remainingText, 'ratelimit-reset': reset } = headers;
  const [limitText, ...parameters] = given.split(';').map((part) => part.trim());
  const limit = wholeNumber(limitText, 9);
  const windowMs = milliseconds(parameters.find((parameter) => parameter.startsWith('w='))?.slice(2));
  const [remaining, resetMs] = [wholeNumber(remainingText, 9), milliseconds(reset)];
  const isEmpty = (limit ?? windowMs ?? remaining ?? resetMs) === null;
  return isEmpty ? null : { limit, windowMs, remaining, resetMs };
}
