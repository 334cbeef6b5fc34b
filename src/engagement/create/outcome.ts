import type { Attempt, UpstreamAnswer } from '../../upstream/attempt.ts';
import { isJsonObject, type ReadBody, readBody } from '../body.ts';
import { findErrorForm, isPage, isPageType, refusalForms } from '../delete/evidence.ts';
import { parseRateLimit, unreadableFields, whyUnknown } from '../delete/outcome.ts';
import { noteRecord } from '../drift.ts';
import type { Integration } from '../integrations.ts';
import { isIdValue, readRecord } from '../record.ts';
import { notSent, readRefusal, readUpstreamError } from '../refusal.ts';
import type { WireField } from '../resources.ts';
import type { CreateEnd, CreateEngagementSuccess, OutcomeUnknownError, Refusal } from '../result.ts';
import { checkId } from '../rules.ts';
import { hasSent } from './find-created.ts';
import { type CreateEngagementInput, commonFields, createPaths, identifies, sentFields } from './input.ts';

/** What the end of a create is read with. */
export interface CreateContext {
  readonly input: CreateEngagementInput;
  readonly selected: ReadonlySet<WireField>;
  readonly integration: Integration | null;
  readonly warnings: readonly string[];
  readonly upstreamIdempotencyKey: string;
  /** True when upstream's 401 is about the caller's own token. */
  readonly callerBroughtToken: boolean;
  /** Finds out whether Truto's 404 means the integrated account. */
  readonly settleNotFound: (refused: Refusal) => Promise<Refusal>;
}

/** Creates the result for a create that was sent, with unknown effect. It is never safe to repeat. */
export function unknownCreate(
  upstreamIdempotencyKey: string,
  { why, isLikely, ...seen }: { why: string; isLikely?: boolean; statusCode?: number; rawResponse?: unknown },
): OutcomeUnknownError {
  const what = isLikely
    ? 'The engagement was most likely created, but that is not proved.'
    : 'The engagement may or may not have been created.';
  return {
    kind: 'OutcomeUnknownError',
    message: `${what} ${why}. Look for it in the CRM before you create it again.`,
    retrySafe: false,
    upstreamIdempotencyKey,
    lastStatusCode: seen.statusCode ?? null,
    rawResponse: seen.rawResponse,
    engagement: null,
  };
}

/** Puts "Nothing was created." before the message of a refusal. A 404 is about something that the new engagement refers to. */
export function nothingCreated(refused: Refusal, rawResponse?: unknown): CreateEnd {
  // A top-level error is about the whole operation.
  if (refused.kind === 'Unauthenticated') return refused;
  if (refused.kind !== 'NotFoundError') return { ...refused, message: `Nothing was created. ${refused.message}` };
  const account = refused.accountFound ? '' : ', or the integrated account';
  const message = `Nothing was created. A record that the engagement refers to was not found${account}. Check the ids.`;
  return { kind: 'RemoteApiError', message, statusCode: 404, rawResponse };
}

/** Creates the success for a record: from upstream's answer, or found by a search. */
export function created(
  json: Readonly<Record<string, unknown>>,
  outcome: CreateEngagementSuccess['outcome'],
  { input, selected, integration, warnings }: CreateContext,
  more: Pick<CreateEngagementSuccess, 'rateLimit' | 'warnings'>,
): CreateEngagementSuccess {
  const key = { id: String(json.id), integratedAccountId: input.integratedAccountId };
  const read = readRecord('engagements', json, selected, key);
  noteRecord('engagements', json, read, false);
  const { record, unreadable, absent } = read;
  const sent = new Set<WireField>(sentFields(input).map(([name]) => name));
  const unstored = absent.filter((field) => sent.has(field)).join(', ');
  const missing = absent.filter((field) => field !== 'id' && !sent.has(field)).join(', ');
  return {
    kind: 'CreateEngagementSuccess',
    createdEngagementId: record.id,
    outcome,
    engagement: record,
    integration,
    rateLimit: more.rateLimit,
    warnings: [
      ...warnings,
      ...more.warnings,
      ...unreadableFields(unreadable),
      ...(unstored && [
        `Truto's answer lacks values that were sent: ${unstored}. The provider may not store them. Read the engagement to see.`,
      ]),
      ...(missing && [`Truto's answer lacks ${missing}. Read the engagement to get them.`]),
    ],
  };
}

/**
 * Whether a record has values that were sent: some, none of those that it has, or no such fields at all. Values that many engagements
 * have in common count only without others.
 */
function readEcho(json: Readonly<Record<string, unknown>>, input: CreateEngagementInput): 'same' | 'other' | 'absent' {
  const sent = sentFields(input);
  const key = { id: '', integratedAccountId: input.integratedAccountId };
  // Upstream's own JSON may have any form.
  const { record } = readRecord('engagements', json, new Set(sent.map(([field]) => field)), key);
  for (const fields of [sent.filter(identifies), sent.filter(([field]) => commonFields.has(field))]) {
    const found = fields.map((each) => hasSent(record, each));
    if (found.includes(true)) return 'same';
    if (found.includes(false)) return 'other';
  }
  return 'absent';
}

/** Decides what a 2xx answer proves. Only a record with an id is a success; the first line that applies decides. */
function readSuccess(answer: UpstreamAnswer, context: CreateContext): CreateEnd {
  const { statusCode, headers } = answer;
  const body: ReadBody = readBody(answer.body);
  const key = context.upstreamIdempotencyKey;
  const unknown = (why: string, rest: { isLikely?: boolean; rawResponse?: unknown } = {}) =>
    unknownCreate(key, { why: `The answer has status ${statusCode}, but ${why}`, statusCode, ...rest });
  if (isPageType(headers['content-type'])) return unknown('its body is an HTML page, which Truto never sends');
  if (![200, 201, 202, 204].includes(statusCode)) return unknown('that status does not confirm the create');
  if (body.kind === 'unreadable') return unknown(`its body could not be read: ${body.why}`, { isLikely: true });
  if (body.kind === 'empty') return unknown('it has no body', { isLikely: true });
  if (body.kind !== 'json' || !isJsonObject(body.value)) return unknown('its body is not a JSON object');
  const json = body.value;
  const { remote_data: rawResponse } = json;
  const id = isIdValue(json.id) ? String(json.id) : '';
  // Only a create is answered with 201.
  const echo = statusCode === 201 ? 'same' : readEcho(json, context.input);
  if (isPage(json) || echo === 'other') {
    // Further answers on the connection may belong to other requests too.
    answer.disconnect();
    return unknown('it answers another request');
  }
  const form = context.integration?.refusalForm;
  const documented = form && isJsonObject(rawResponse) ? refusalForms[form](rawResponse, id) : undefined;
  if (documented?.kind === 'refused' && id === '') {
    const message = `The provider answered with status ${statusCode}, but its body is a refusal.`;
    return nothingCreated({ kind: 'RemoteApiError', message, statusCode, rawResponse });
  }
  const error = findErrorForm(json, id) ?? (documented ? 'the body of the provider reports a failure' : undefined);
  if (error) return unknown(error, { rawResponse });
  if (checkId(id, []).length > 0) return unknown('it names no id', { isLikely: true, rawResponse });
  if (echo === 'absent')
    return unknown(`it names ${id} without a value that was sent, so it may answer another request`, {
      isLikely: true,
    });
  if (statusCode !== 200 && statusCode !== 201)
    return unknown('that status does not confirm the create', { isLikely: true, rawResponse });
  return created(json, 'CREATED', context, { rateLimit: parseRateLimit(headers), warnings: [] });
}

async function readRefused(answer: UpstreamAnswer, context: CreateContext): Promise<CreateEnd> {
  const refused = readRefusal(answer, context.callerBroughtToken, createPaths);
  if (refused.kind === 'UnclearAnswer') return unknownCreate(context.upstreamIdempotencyKey, refused);
  const body = readBody(answer.body);
  const { rawResponse } = readUpstreamError(body.kind === 'json' ? body.value : undefined, createPaths);
  return nothingCreated(await context.settleNotFound(refused), rawResponse);
}

/**
 * Maps the end of a sent create to the result's member. A refusal means that nothing was created. Everything that does not prove a
 * refusal or a record is an unknown outcome.
 */
export function readCreateOutcome(attempt: Attempt, context: CreateContext): CreateEnd | Promise<CreateEnd> {
  if (attempt.kind === 'answer')
    return attempt.statusCode >= 200 && attempt.statusCode < 300
      ? readSuccess(attempt, context)
      : readRefused(attempt, context);
  if (!attempt.mayHaveBeenSent) return nothingCreated(notSent(attempt));
  return unknownCreate(context.upstreamIdempotencyKey, { why: whyUnknown(attempt.reason) });
}
