import type { Attempt, FailureReason, UpstreamAnswer, UpstreamFailure } from '../../upstream/attempt.ts';
import { isJsonObject, type ReadBody, readBody } from '../body.ts';
import { type DeleteEngagementInput, hasRecord, isRepeatable } from '../input.ts';
import type { Integration } from '../integrations.ts';
import { nodeKind, writeNodeId } from '../node-id.ts';
import { parseRateLimit } from '../rate-limit.ts';
import type { FoundRecord } from '../read/read-record.ts';
import { type EngagementRecord, readRecord } from '../record.ts';
import { notSent, type Refusal, readRefusal } from '../refusal.ts';
import type { WireField } from '../resources.ts';
import type { DeleteEnd, DeleteEngagementSuccess, DeleteStream, OutcomeUnknownError } from '../result.ts';
import type { Selection } from '../selection.ts';
import { providerBodyOf, readEvidence } from './evidence.ts';
import { mergeSnapshot } from './snapshot.ts';

/** What the answer to an unknown outcome is made of. */
interface UnknownOutcomeContext {
  readonly input: DeleteEngagementInput;
  readonly idempotencyKey: string;
  /** What was read before the delete, when that was asked for. */
  readonly snapshot: FoundRecord<'engagements'> | null;
  /** The account's, when it is known. */
  readonly integration?: Integration | null;
}

/**
 * For a request that left and whose effect nobody can tell.
 * @param seen what upstream did say, if it said anything.
 */
export function unknownOutcome(
  { input, idempotencyKey, snapshot, integration }: UnknownOutcomeContext,
  seen: { readonly statusCode?: number | undefined; readonly rawResponse?: unknown; readonly why: string },
): OutcomeUnknownError {
  const retrySafe = isRepeatable(input);
  const next = retrySafe
    ? 'Delete it again, with the same arguments: if it is gone already, you get a NotFoundError (ALREADY_ABSENT, if it had an Idempotency-Key of yours and you send that again) and nothing else happens.'
    : 'Read the engagement before you repeat the delete: it had a remoteQuery, whose effect may not be repeatable.';
  const caution = integration?.keepsDeletedReadable
    ? ` That it can be read proves nothing: deleted engagements of ${integration.name} stay readable, with a mark in their remoteData.`
    : '';
  return {
    kind: 'OutcomeUnknownError',
    message: `${seen.why}, so the engagement may or may not be deleted. ${next}${caution}`,
    retrySafe,
    idempotencyKey,
    lastStatusCode: seen.statusCode ?? null,
    rawResponse: seen.rawResponse,
    engagement: snapshot?.record ?? null,
  };
}

/** What a success is read with. */
interface SuccessContext {
  readonly input: DeleteEngagementInput;
  readonly selection: Selection;
  readonly integration: Integration | null;
  /** What the rules had to say. */
  readonly warnings: readonly string[];
  /** What was read before the delete, when that was asked for. */
  readonly snapshot: FoundRecord<'engagements'> | null;
}

/** What the body of a success says. */
interface SuccessContent {
  readonly engagement: EngagementRecord | null;
  readonly raw?: unknown;
  readonly warnings: readonly string[];
}

/**
 * Tells which selected fields nobody had a value for, and what would fill them: a snapshot, if there is none.
 * @param absent those that the answer does not have.
 */
function missingFields(absent: Iterable<WireField>, { snapshot }: SuccessContext): readonly string[] {
  const missing = [...absent].filter((field) => field !== 'id' && (!snapshot || snapshot.absent.includes(field)));
  if (missing.length === 0) return [];
  const hint = snapshot ? 'The snapshot lacks it too.' : 'With snapshot: true, it is read before the delete.';
  return [`Upstream's answer lacks ${missing.join(', ')}. ${hint}`];
}

function oddFields(fields: readonly string[]): readonly string[] {
  return fields.map((field) => `Upstream's ${field} is not of the documented form, so it was left out.`);
}

function readEngagement(body: ReadBody, context: SuccessContext): SuccessContent {
  const { input, selection } = context;
  const json = body.kind === 'json' ? body.value : {};
  if (!isJsonObject(json)) {
    const warning = "The engagement was deleted, but upstream's answer could not be read: it is not a JSON object.";
    return { engagement: null, warnings: [warning] };
  }
  const { record, unreadable: odd, absent } = readRecord('engagements', json, selection.fields, input);
  return { engagement: record, warnings: [...oddFields(odd), ...missingFields(absent, context)] };
}

/** RAW and STREAM: no record of the engagement is in them. */
function readProviderBody(body: ReadBody, context: SuccessContext): SuccessContent {
  const { input, selection } = context;
  const raw = body.kind === 'streaming' ? undefined : (providerBodyOf(body, input) ?? null);
  return { engagement: null, raw, warnings: missingFields(selection.fields, context) };
}

function readStream({ headers, body }: UpstreamAnswer, { selection }: SuccessContext): DeleteStream | null {
  if (body.kind !== 'streaming') return null;
  if (!selection.chunks) body.stream.destroy();
  const length = headers['content-length'] ?? '';
  return {
    contentType: headers['content-type'] ?? null,
    contentLength: /^\d{1,15}$/.test(length) ? Number(length) : null,
    body: body.stream,
  };
}

/** Of what was asked for, whatever upstream answered: so it is the same with every selection. */
function deletedNodeId({ input, integration }: SuccessContext): string {
  const { id, integratedAccountId, engagementType } = input;
  const kind = nodeKind(integration, engagementType);
  return writeNodeId({ resource: 'engagements', integratedAccountId, kind, id });
}

/**
 * Makes the success of an answer that proves one: an odd value in its body costs that field, never the result.
 * @param doubts what the answer left open, as warnings.
 */
export function buildSuccess(
  answer: UpstreamAnswer,
  body: ReadBody,
  context: SuccessContext,
  doubts: readonly string[],
): DeleteEngagementSuccess {
  const { input, integration, snapshot } = context;
  const content = hasRecord(input) ? readEngagement(body, context) : readProviderBody(body, context);
  return {
    kind: 'DeleteEngagementSuccess',
    deletedEngagementId: input.id,
    deletedNodeId: deletedNodeId(context),
    outcome: answer.statusCode === 202 ? 'ACCEPTED' : 'DELETED',
    engagement: snapshot ? mergeSnapshot(snapshot.record, content.engagement) : content.engagement,
    raw: content.raw,
    stream: readStream(answer, context),
    integration,
    rateLimit: parseRateLimit(answer.headers),
    warnings: [...context.warnings, ...oddFields(snapshot?.unreadable ?? []), ...doubts, ...content.warnings],
  };
}

/** The success of an attempt that found nothing to delete, after one that may have deleted it. */
function alreadyAbsent({ headers }: UpstreamAnswer, context: SuccessContext): DeleteEngagementSuccess {
  const { input, integration, snapshot, warnings } = context;
  const gone =
    'One attempt had no clear answer, and the next found no such engagement: the first deleted it, or somebody else did, ' +
    'or it never was there under this type and account.';
  return {
    kind: 'DeleteEngagementSuccess',
    deletedEngagementId: input.id,
    deletedNodeId: deletedNodeId(context),
    outcome: 'ALREADY_ABSENT',
    engagement: snapshot?.record ?? null,
    stream: null,
    integration,
    rateLimit: parseRateLimit(headers),
    warnings: [...warnings, ...oddFields(snapshot?.unreadable ?? []), gone],
  };
}

/** What a sent delete's end is read with. */
export type OutcomeContext = SuccessContext &
  UnknownOutcomeContext & {
    /** True when upstream's 401 speaks of the caller's own token. */
    readonly callerBroughtToken: boolean;
    /** True when an attempt before this one may have been carried out: a refusal then proves nothing. */
    readonly mayHaveActedBefore: boolean;
    /** Finds out what a "not found" is about: see `settleNotFound`. */
    readonly settleNotFound: (said: Refusal) => Promise<Refusal>;
  };

/** Why a request that left has no answer; most often the connection broke. */
const whyUnknown: Readonly<Partial<Record<FailureReason, string>>> = {
  timeout: 'Upstream did not answer in time',
  protocol: 'Upstream answered something that is not HTTP',
};

/** A refusal, told to somebody who wanted to delete. */
export function nothingDeleted(refused: Refusal): Refusal {
  // At the top level, it is said of all of an operation.
  if (refused.kind === 'Unauthenticated') return refused;
  return { ...refused, message: `${refused.message} Nothing was deleted.` };
}

/** A refusal of this attempt, unless an earlier one may have deleted the engagement. */
function refused(
  refusal: Refusal,
  context: OutcomeContext,
  seen: { readonly statusCode?: number | undefined; readonly rawResponse?: unknown } = {},
): DeleteEnd {
  if (!context.mayHaveActedBefore) return nothingDeleted(refusal);
  return unknownOutcome(context, {
    ...seen,
    why: `One attempt had no clear answer, and the next was refused (${refusal.message})`,
  });
}

function readFailure(failure: UpstreamFailure, context: OutcomeContext): DeleteEnd {
  const { mayHaveBeenSent, reason } = failure;
  if (!mayHaveBeenSent) return refused(notSent(failure), context);
  return unknownOutcome(context, { why: whyUnknown[reason] ?? 'The connection broke before upstream answered' });
}

function readSuccess(answer: UpstreamAnswer, context: OutcomeContext): DeleteEnd {
  const { statusCode } = answer;
  const body = readBody(answer.body);
  const evidence = readEvidence(answer, body, context);
  if (evidence.kind === 'success') return buildSuccess(answer, body, context, evidence.warnings);
  if (answer.body.kind === 'streaming') answer.body.stream.destroy();
  const isForeign = evidence.kind === 'unknown' && evidence.isForeign;
  // Whatever else comes on that connection may be somebody else's too.
  if (isForeign) answer.disconnect();
  const rawResponse = isForeign ? undefined : providerBodyOf(body, context.input);
  const seen = { statusCode, rawResponse };
  if (evidence.kind === 'refused') {
    const message = `The provider answered with status ${statusCode}, but its body says that it refused.`;
    return refused({ kind: 'RemoteApiError', message, ...seen }, context, seen);
  }
  const why = `Upstream answered with status ${statusCode}, but ${evidence.why}`;
  return unknownOutcome(context, { ...seen, why });
}

/**
 * Maps the end of a sent delete to the result's member. A refusal means that nothing was deleted; where the answer does
 * not say as much, the outcome is unknown. After an attempt that may have been carried out, "no such record" means that
 * it is gone, and any other refusal means nothing.
 */
export function readOutcome(attempt: Attempt, context: OutcomeContext): DeleteEnd | Promise<DeleteEnd> {
  if (attempt.kind === 'failure') return readFailure(attempt, context);
  if (attempt.statusCode >= 200 && attempt.statusCode < 300) return readSuccess(attempt, context);
  return readNo(attempt, context);
}

async function readNo(attempt: UpstreamAnswer, context: OutcomeContext): Promise<DeleteEnd> {
  const { mayHaveActedBefore, callerBroughtToken } = context;
  // An error in the result's place could not say that the engagement may be gone.
  const said = readRefusal(attempt, callerBroughtToken && !mayHaveActedBefore);
  if (said.kind === 'UnclearAnswer') return unknownOutcome(context, said);
  if (said.kind === 'Unauthenticated') return said;
  const refusal = await context.settleNotFound(said);
  if (refusal.kind === 'NotFoundError' && mayHaveActedBefore) {
    const { statusCode } = attempt;
    const why = 'One attempt had no clear answer, the next found no such record, and the account could not be checked';
    if (refusal.isUnchecked) return unknownOutcome(context, { statusCode, why });
    const doubts = refusal.accountFound ? [] : [refusal.message];
    return alreadyAbsent(attempt, { ...context, warnings: [...context.warnings, ...doubts] });
  }
  return refused(refusal, context, { statusCode: attempt.statusCode });
}
