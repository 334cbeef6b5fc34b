import type { UpstreamAnswer } from '../upstream/attempt.ts';
import { isJsonObject, type ReadBody } from './body.ts';
import { providerBodyOf } from './evidence.ts';
import { type DeleteEngagementInput, hasRecord } from './input.ts';
import type { Integration } from './integrations.ts';
import { nodeKind, writeNodeId } from './node-id.ts';
import { parseRateLimit } from './rate-limit.ts';
import type { FoundRecord } from './read-record.ts';
import { type EngagementRecord, readRecord } from './record.ts';
import type { WireField } from './resources.ts';
import type { DeleteEngagementSuccess, DeleteStream } from './result.ts';
import type { Selection } from './selection.ts';
import { mergeSnapshot } from './snapshot.ts';

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
