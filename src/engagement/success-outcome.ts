import type { UpstreamAnswer } from '../upstream/attempt.ts';
import { isJsonObject, type ReadBody, readBody } from './body.ts';
import type { DeleteEngagementInput } from './input.ts';
import type { Integration } from './integrations.ts';
import { parseRateLimit } from './rate-limit.ts';
import { type EngagementRecord, readRecord } from './record.ts';
import type { DeleteEngagementSuccess, DeleteStream } from './result.ts';
import type { Selection } from './selection.ts';

/** What a success is read with. */
export interface SuccessContext {
  readonly input: DeleteEngagementInput;
  readonly selection: Selection;
  readonly integration: Integration | null;
  /** What the rules had to say. */
  readonly warnings: readonly string[];
}

interface Content {
  readonly engagement: EngagementRecord | null;
  readonly raw?: unknown;
  readonly warnings: readonly string[];
}

function unreadable(why: string): Content {
  return {
    engagement: null,
    warnings: [`The engagement was deleted, but upstream's answer could not be read: ${why}.`],
  };
}

function readEngagement(body: ReadBody, { input, selection }: SuccessContext): Content {
  if (body.kind === 'unreadable') return unreadable(body.why);
  if (body.kind === 'empty') return { engagement: { id: input.id }, warnings: [] };
  if (body.kind !== 'json' || !isJsonObject(body.value)) return unreadable('it is not a JSON object');
  const { record, warnings } = readRecord(body.value, selection.fields, input.id);
  const otherId = `Upstream's answer names another engagement than the one it was asked to delete.`;
  return { engagement: record, warnings: record.id === input.id ? warnings : [...warnings, otherId] };
}

function readRaw(body: ReadBody): Content {
  if (body.kind === 'unreadable') return unreadable(body.why);
  return { engagement: null, raw: body.kind === 'empty' ? null : body.value, warnings: [] };
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

function readContent(answer: UpstreamAnswer, context: SuccessContext): Content {
  const { format } = context.input;
  if (answer.body.kind === 'streaming') return { engagement: null, warnings: [] };
  const body = readBody(answer.body);
  return format === 'raw' || format === 'stream' ? readRaw(body) : readEngagement(body, context);
}

/** Maps a 2xx answer: the delete succeeded, whatever can be made of the body. */
export function readSuccess(answer: UpstreamAnswer, context: SuccessContext): DeleteEngagementSuccess {
  const content = readContent(answer, context);
  return {
    kind: 'DeleteEngagementSuccess',
    deletedEngagementId: context.input.id,
    outcome: answer.statusCode === 202 ? 'ACCEPTED' : 'DELETED',
    engagement: content.engagement,
    raw: content.raw,
    stream: readStream(answer, context),
    integration: context.integration,
    rateLimit: parseRateLimit(answer.headers),
    warnings: [...context.warnings, ...content.warnings],
  };
}
