import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { BulkDeletes } from '../bulk/bulk-deletes.ts';
import { BulkUnavailable } from '../bulk/job-scripts.ts';
import type { Secret } from '../config/secret.ts';
import type { EngagementKey, KnownDeletes } from '../engagement/known-deletes.ts';
import { type ReadEvent, readTrutoEvent, type UsedEvent } from '../engagement/truto-event.ts';
import { requestRefusal } from '../graphql/core/top-level-errors.ts';
import type { Log } from '../log/log.ts';
import type { SharedMemory } from '../redis/shared-memory.ts';
import { digest } from '../upstream/digest.ts';
import { refusalHeaders, refusals } from './connections/refuse.ts';
import { maxRequestBytes } from './connections/request-body.ts';
import type { Metrics } from './metrics.ts';

/*
 * Truto's webhooks (https://www.truto.one/docs/guides/webhooks/overview.md). Truto repeats an event three times unless the status is 200, and
 * switches a webhook off that fails for long. So an event that this server cannot use is answered with 200, and counted.
 */

/** How far the time of an event may be from now, in milliseconds. */
const maxAgeMs = 24 * 3_600_000;

/** How long the id of an event is remembered, in milliseconds: one from the future can be sent again for twice the maximum age. */
const rememberedMs = 2 * maxAgeMs;

/** The most ids in a process without Redis. */
const maxIds = 100_000;

/** What happened to an event. `ignored`: nothing here depends on it. `failed`: the log has the error, or Redis did not answer. */
type EventResult = 'used' | 'ignored' | 'repeated' | 'old' | 'malformed' | 'bad_signature' | 'bad_request' | 'failed';

/** An event as it arrives. */
export interface ReceivedEvent {
  /** The bytes of the body, as Truto has signed them. */
  readonly body: Uint8Array | string;
  /** The header `X-Truto-Signature`. */
  readonly signature: string | null | undefined;
}

/** The answer to an event: its status, and a body in JSON. */
export type EventAnswer = { readonly status: number; readonly body: string };

/** Receives an event of Truto's. Never rejects. */
export type ReceiveEvent = (event: ReceivedEvent) => Promise<EventAnswer>;

/** The parts that events change. */
interface WebhookPorts {
  /** The secrets that sign events: any of them. */
  readonly secrets: readonly Secret[];
  readonly knownDeletes: KnownDeletes;
  /** What events change in bulk deletes; undefined without Redis. */
  readonly bulkDeletes: Pick<BulkDeletes, 'settle' | 'controlByEvent'> | undefined;
  readonly shared: Pick<SharedMemory, 'ask' | 'keyPrefix'> | undefined;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'countEvent' | 'countWrite' | 'countBulkOutcome'>;
}

/** The HMAC in a header. Source: https://www.truto.one/docs/guides/webhooks/processing-webhook-events.md */
const signatureForm = /^format=sha256,\s*v=([0-9a-f]{64})$/i;

/** True when one of the secrets has signed the body. It takes the same time for each signature. */
function isSigned({ body, signature }: ReceivedEvent, secrets: readonly Secret[]): boolean {
  const given = Buffer.from(signatureForm.exec(signature ?? '')?.[1] ?? '', 'hex');
  const matching = secrets.filter((secret) => {
    const expected = createHmac('sha256', secret.reveal()).update(body).digest();
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  return matching.length > 0;
}

const received: EventAnswer = { status: 200, body: '{"received":true}' };
const unsigned = requestRefusal(
  'UNAUTHENTICATED',
  'X-Truto-Signature does not fit the body and the secrets of this server. Nothing was changed. Check TRUTO_WEBHOOK_SECRETS.',
);
const unreadable = requestRefusal(
  'BAD_REQUEST',
  "The body is not an event of Truto's in JSON, with id, event, payload and created_at. Nothing was changed.",
);
const parsed = requestRefusal(
  'BAD_REQUEST',
  'The body was parsed before. Nothing was changed. Pass the bytes that arrived: Truto has signed those.',
);
const unavailable = requestRefusal(
  'OVERLOADED',
  'Redis did not answer, or the event could not be used (the log has the error). Send it again.',
);
const wrongMethod = requestRefusal('METHOD_NOT_ALLOWED', 'Events are accepted by POST. Nothing was changed.');

/** Creates the receiver of Truto's events. */
export function createReceiveEvent(ports: WebhookPorts): ReceiveEvent {
  const { secrets, shared, knownDeletes, bulkDeletes, log, metrics } = ports;
  // Sized, because with `max` a cache allocates room for all of them when it is made: 13 ms.
  const ids = new LRUCache<string, true>({ maxSize: maxIds, sizeCalculation: () => 1, ttl: rememberedMs });

  async function useDeleted(records: readonly (readonly EngagementKey[])[], at: Date): Promise<void> {
    // All at once: in turn, a thousand records take seconds, and Truto may stop waiting.
    const noted = await Promise.all(records.map((keys) => knownDeletes.noteEvent(keys, at)));
    if (noted.includes(false)) throw new BulkUnavailable('Redis does not answer');
    for await (const { job, engagementId, before } of bulkDeletes?.settle(records.flat(), at) ?? []) {
      const { callerId, integration, input } = job;
      const line = {
        ...{ callerId, integratedAccountId: input.integratedAccountId, integration: integration || null, engagementId },
        ...{ result: 'DeleteEngagementSuccess', detail: 'DELETED', bulkDeleteId: job.id },
        ...{ attempts: 0, upstreamIdempotencyKey: null, durationMs: 0 },
      };
      log.info({ ...line, before }, before === 'begun' ? 'delete' : 'delete settled by an event');
      // A final outcome was counted before.
      if (before !== 'begun') continue;
      metrics.countWrite('delete', line);
      metrics.countBulkOutcome('DELETED');
    }
  }

  /** @throws {BulkUnavailable} when Redis does not answer. */
  async function use(event: UsedEvent, at: Date): Promise<void> {
    const { name, integratedAccountId } = event;
    if (name === 'record:deleted') return useDeleted(event.records, at);
    const how = name === 'integrated_account:authentication_error' ? 'pause' : 'resume';
    const count = (await bulkDeletes?.controlByEvent(how, integratedAccountId, at)) ?? 0;
    const message = `an event ${how}d bulk deletes and restores`;
    if (count > 0) log.info({ integratedAccountId, event: name, count }, message);
  }

  async function useOnce({ id, createdAt, content }: ReadEvent): Promise<EventResult> {
    if (typeof content === 'string') return content;
    const nowMs = Date.now();
    // Also one from the future: it could be repeated when its id is forgotten.
    if (Math.abs(nowMs - createdAt.getTime()) > maxAgeMs) return 'old';
    const key = `${shared?.keyPrefix}:event:${digest(id)}`;
    // Two deliveries at once may both be used: they change nothing more than one.
    const isRepeated = shared ? await shared.ask(async (redis) => (await redis.exists(key)) === 1) : ids.has(id);
    // Redis does not answer.
    if (isRepeated === undefined) return 'failed';
    if (isRepeated) return 'repeated';
    try {
      // A sender with a fast clock must not settle deletes that are sent after the event.
      await use(content, new Date(Math.min(createdAt.getTime(), nowMs)));
    } catch (error) {
      if (!(error instanceof BulkUnavailable)) log.error({ err: error }, "an event of Truto's could not be used");
      return 'failed';
    }
    // Not before, so that a repeated delivery is used if this server stops or Redis is lost meanwhile.
    if (shared) await shared.ask((redis) => redis.set(key, '1', 'PX', rememberedMs));
    else ids.set(id, true);
    return 'used';
  }

  return async (given) => {
    const end = (answer: EventAnswer, result: EventResult, event = 'unknown') => {
      metrics.countEvent(event, result);
      return answer;
    };
    // A program without types may pass a body that its server has parsed.
    if (typeof given.body !== 'string' && !(given.body instanceof Uint8Array)) return end(parsed, 'bad_request');
    if (Buffer.byteLength(given.body) > maxRequestBytes) return end(refusals.tooLarge, 'bad_request');
    if (!isSigned(given, secrets)) return end(unsigned, 'bad_signature');
    const event = readTrutoEvent(given.body);
    if (!event) return end(unreadable, 'bad_request');
    const result = await useOnce(event);
    if (result === 'malformed')
      log.warn({ event: event.name, eventId: event.id }, "the payload of Truto's event is not as expected");
    return end(result === 'failed' ? unavailable : received, result, event.name);
  };
}

/** Answers `POST /webhooks/truto`. Returns false for any other path. */
export function createServeWebhook(receive: ReceiveEvent | undefined) {
  return ({ method, url = '', headers }: IncomingMessage, response: ServerResponse, body: Buffer): boolean => {
    if (!receive || url.split('?', 1)[0] !== '/webhooks/truto') return false;
    const answer = ({ status, body: text }: EventAnswer) =>
      void response
        .writeHead(status, { ...refusalHeaders(status), ...(status === 405 && { allow: 'POST' }) })
        .end(text);
    if (method !== 'POST') answer(wrongMethod);
    else void receive({ body, signature: headers['x-truto-signature']?.toString() }).then(answer);
    return true;
  };
}
