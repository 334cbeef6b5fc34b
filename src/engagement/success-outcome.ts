import type { UpstreamAnswer } from '../upstream/attempt.ts';
import { isJsonObject, type ReadBody, readBody } from './body.ts';
import { findDenial } from './denial.ts';
import type { DeleteEngagementInput } from './input.ts';
import type { Integration } from './integrations.ts';
import { nodeKind, writeNodeId } from './node-id.ts';
import { parseRateLimit } from './rate-limit.ts';
import type { FoundRecord } from './read-record.ts';
import { type EngagementRecord, readRecord } from './record.ts';
import type { WireField } from './resources.ts';
import type { DeleteEngagementSuccess, DeleteStream } from './result.ts';
import type { Selection } from './selection.ts';
import { mergeSnapshot } from './snapshot.ts';
import { isError } from './upstream-error.ts';

/** What a success is read with. */
export interface SuccessContext {
  readonly input: DeleteEngagementInput;
  readonly selection: Selection;
  readonly integration: Integration | null;
  /** What the rules had to say. */
  readonly warnings: readonly string[];
  /** What was read before the delete, when that was asked for. */
  readonly snapshot: FoundRecord<'engagements'> | null;
}

/** What the body of a 2xx says. */
export interface SuccessContent {
  readonly engagement: EngagementRecord | null;
  readonly raw?: unknown;
  /** The provider's own body, when the answer has it. */
  readonly providerBody?: unknown;
  /** True when the answer itself, in spite of its status, reads like an error. */
  readonly doubt?: boolean;
  readonly warnings: readonly string[];
}

function unreadable(why: string): SuccessContent {
  return {
    engagement: null,
    warnings: [`The engagement was deleted, but upstream's answer could not be read: ${why}.`],
  };
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

function readEngagement(body: ReadBody, contentType: string | undefined, context: SuccessContext): SuccessContent {
  const { input, selection } = context;
  if (body.kind === 'unreadable') return unreadable(body.why);
  const json = body.kind === 'empty' ? {} : body.value;
  if (body.kind === 'text' || !isJsonObject(json)) {
    // Truto answers in JSON; a page is somebody else's, who may not have passed the request on.
    return { ...unreadable('it is not a JSON object'), doubt: contentType?.startsWith('text/html') ?? false };
  }
  const { record, unreadable: odd, absent } = readRecord('engagements', json, selection.fields, input);
  const otherId = "Upstream's answer names another engagement than the one it was asked to delete.";
  return {
    engagement: record,
    providerBody: record.remote_data,
    doubt: isError(json) || (!Object.hasOwn(json, 'id') && findDenial(json, null) !== 'none'),
    warnings: [...oddFields(odd), ...missingFields(absent, context), ...(record.id === input.id ? [] : [otherId])],
  };
}

/** The provider's own body: no record of the engagement is in it. */
function readRaw(body: ReadBody, contentType: string | undefined, context: SuccessContext): SuccessContent {
  if (body.kind === 'unreadable') return unreadable(body.why);
  const raw = body.kind === 'empty' ? null : body.value;
  const page = 'The body is an HTML page: it may come from something between upstream and this server.';
  const warnings = [
    ...(contentType?.startsWith('text/html') ? [page] : []),
    ...missingFields(context.selection.fields, context),
  ];
  return { engagement: null, raw, providerBody: raw, doubt: isError(raw), warnings };
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

/** Reads the body of a 2xx answer: the delete succeeded, whatever can be made of it. */
export function readSuccessContent(answer: UpstreamAnswer, context: SuccessContext): SuccessContent {
  const { format } = context.input;
  if (answer.body.kind === 'streaming')
    return { engagement: null, warnings: missingFields(context.selection.fields, context) };
  const body = readBody(answer.body);
  const read = format === 'raw' || format === 'stream' ? readRaw : readEngagement;
  return read(body, answer.headers['content-type'], context);
}

/** Of what was asked for, whatever upstream answered: so it is the same with every selection. */
function deletedNodeId({ input, integration }: SuccessContext): string {
  const { id, integratedAccountId, engagementType } = input;
  const kind = nodeKind(integration, engagementType);
  return writeNodeId({ resource: 'engagements', integratedAccountId, kind, id });
}

/** Makes the success of a 2xx answer. */
export function buildSuccess(
  answer: UpstreamAnswer,
  content: SuccessContent,
  context: SuccessContext,
): DeleteEngagementSuccess {
  const { input, integration, snapshot } = context;
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
    warnings: [...context.warnings, ...oddFields(snapshot?.unreadable ?? []), ...content.warnings],
  };
}

/** The success of an attempt that found nothing to delete, after one that may have deleted it. */
export function alreadyAbsent({ headers }: UpstreamAnswer, context: SuccessContext): DeleteEngagementSuccess {
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
