import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { AccountEvents } from '../bulk/account-events.ts';
import { BulkUnavailable } from '../bulk/job-scripts.ts';
import type { Secret } from '../config/secret.ts';
import type { KnownDeletes } from '../engagement/known-deletes.ts';
import { checkId } from '../engagement/rules.ts';
import { requestRefusal } from '../graphql/core/top-level-errors.ts';
import type { Log } from '../log/log.ts';
import type { SharedMemory } from '../redis/shared-memory.ts';
import { digest } from '../upstream/digest.ts';
import { bodyRefusals } from './connections/refuse.ts';
import { maxRequestBytes } from './connections/request-body.ts';
import type { EventResult, Metrics } from './metrics.ts';

/*
 * Truto's webhooks (https://www.truto.one/docs/guides/webhooks/overview.md). Truto repeats an event three times unless the status is 200, and
 * switches a webhook off that fails for long. So an event that this server cannot use is answered with 200, and counted.
 */

/** The path at which events are received. */
const path = '/webhooks/truto';

/** How long the id of an event is remembered, and how old an event may be, in milliseconds: so none is used twice. */
const rememberedMs = 24 * 3_600_000;

/** The most ids in a process without Redis. */
const maxIds = 100_000;

/** How long one process may take for an event, in milliseconds. If it is lost meanwhile, a repeated delivery is used. */
const leaseMs = 30_000;

/** How many records one event may have. */
const maxRecords = 1_000;

/** An event as it arrives. */
export interface ReceivedEvent {
  /** The bytes of the body, as Truto has signed them. */
  readonly body: Uint8Array | string;
  /** The header `X-Truto-Signature`. */
  readonly signature: string | null | undefined;
}

/** The answer to an event: its status, and a body in JSON. */
export interface EventAnswer {
  readonly status: number;
  readonly body: string;
}

/** Receives an event of Truto's. Never rejects. */
export type ReceiveEvent = (event: ReceivedEvent) => Promise<EventAnswer>;

/** The parts that events change. */
export interface WebhookPorts {
  /** The secrets that sign events: any of them. */
  readonly secrets: readonly Secret[];
  readonly knownDeletes: KnownDeletes;
  /** What events change in bulk deletes; undefined without Redis. */
  readonly accountEvents: AccountEvents | undefined;
  readonly shared: Pick<SharedMemory, 'ask' | 'keyPrefix'> | undefined;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'countEvent' | 'countDelete' | 'countBulkOutcome'>;
}

/** Truto documents two forms: `2023-06-16T09:21:21.000Z` and `2024-09-10 12:00:00`, both in UTC. */
const moment = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?Z?$/)
  .transform((text) => new Date(`${text.slice(0, 23).replace(' ', 'T').replace(/Z$/, '')}Z`))
  .refine((date) => !Number.isNaN(date.getTime()));

const isId = (id: string) => checkId(id, []).length === 0;
const anyId = z.union([z.string(), z.number().int().transform(String)]).refine(isId);

const envelope = z.looseObject({
  id: z.string().min(1).max(200),
  event: z.string().min(1).max(200),
  payload: z.unknown(),
  created_at: moment,
});

/** https://github.com/trutohq/truto-skills, connection-flow.md: the payload is the integrated account. */
const accountPayload = z.looseObject({ id: anyId });

/**
 * Truto documents no payload of `record:deleted`. This is assumed: the account, the resource as in the paths of the API, and the records
 * that were deleted, each with its unified id.
 */
const recordPayload = z.looseObject({
  integrated_account_id: anyId,
  resource: z.string().max(200),
  records: z
    .array(z.looseObject({ id: anyId }))
    .min(1)
    .max(maxRecords),
});

/** The events that are used. `active` comes when an account is connected again, `reactivated` when it works again by itself. */
const usedEvents = [
  'record:deleted',
  'integrated_account:authentication_error',
  'integrated_account:reactivated',
  'integrated_account:active',
] as const;

/** The name of an event, for the metrics: a sender cannot add one. */
function knownName(event: string): string {
  return usedEvents.find((name) => name === event) ?? 'other';
}

/** The HMAC in a header. Source: https://www.truto.one/docs/guides/webhooks/processing-webhook-events.md */
const signatureForm = /^format=sha256,\s*v=([0-9a-f]{64})$/i;

/** True when one of the secrets has signed the body. It takes the same time for each signature. */
function isSigned({ body, signature }: ReceivedEvent, secrets: readonly Secret[]): boolean {
  const given = Buffer.from(signatureForm.exec(signature ?? '')?.[1] ?? '', 'hex');
  let isFound = false;
  for (const secret of secrets) {
    const expected = createHmac('sha256', secret.reveal()).update(body).digest();
    if (given.length === expected.length && timingSafeEqual(given, expected)) isFound = true;
  }
  return isFound;
}

function readJson(body: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
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
const unavailable = requestRefusal('OVERLOADED', 'The event cannot be stored: Redis does not answer. Send it again.');
const wrongMethod = requestRefusal('METHOD_NOT_ALLOWED', 'Events are accepted by POST. Nothing was changed.');

/** Creates the receiver of Truto's events. */
export function createReceiveEvent({ secrets, shared, ...ports }: WebhookPorts): ReceiveEvent {
  const { knownDeletes, accountEvents, log, metrics } = ports;
  const ids = new LRUCache<string, true>({ max: maxIds, ttl: rememberedMs });
  const keyOf = (id: string) => `${shared?.keyPrefix}:event:${digest(id)}`;

  /** Claims an event, so that it is used once. Undefined when Redis does not answer. */
  async function claim(id: string): Promise<boolean | undefined> {
    if (shared) {
      const answer = await shared.ask(async (redis) => (await redis.set(keyOf(id), '1', 'PX', leaseMs, 'NX')) === 'OK');
      return answer;
    }
    if (ids.has(id)) return false;
    ids.set(id, true);
    return true;
  }

  /** Ends the claim. @param isUsed false: a repeated delivery may use the event. */
  async function settle(id: string, isUsed: boolean): Promise<void> {
    if (!shared && !isUsed) ids.delete(id);
    await shared?.ask((redis) => (isUsed ? redis.pexpire(keyOf(id), rememberedMs) : redis.del(keyOf(id))));
  }

  async function useDeleted(account: string, id: string, at: Date): Promise<void> {
    if (!(await knownDeletes.noteEvent(account, id, at))) throw new BulkUnavailable('Redis does not answer');
    for (const { job, engagementId, before } of (await accountEvents?.settle(account, id, at)) ?? []) {
      const { callerId, integration } = job;
      const line = {
        ...{ callerId, integratedAccountId: account, integration: integration || null, engagementId },
        ...{ result: 'DeleteEngagementSuccess', detail: 'DELETED', bulkDeleteId: job.id },
        ...{ attempts: 0, upstreamIdempotencyKey: null, durationMs: 0 },
      };
      log.info({ ...line, before }, before === 'begun' ? 'delete' : 'delete settled by an event');
      // A final outcome was counted before.
      if (before !== 'begun') continue;
      metrics.countDelete(line);
      metrics.countBulkOutcome('DELETED');
    }
  }

  /** Uses an event. @throws {BulkUnavailable} when Redis does not answer. */
  async function use(event: string, payload: unknown, at: Date): Promise<EventResult> {
    if (event === 'record:deleted') {
      const read = recordPayload.safeParse(payload);
      if (!read.success) return 'malformed';
      const { integrated_account_id: account, resource, records } = read.data;
      if (resource !== 'crm/engagements') return 'ignored';
      for (const { id } of records) await useDeleted(account, id, at);
      return 'used';
    }
    const read = accountPayload.safeParse(payload);
    if (!read.success) return 'malformed';
    const how = event === 'integrated_account:authentication_error' ? 'pause' : 'resume';
    const count = (await accountEvents?.[how](read.data.id, at)) ?? 0;
    if (count > 0) log.info({ integratedAccountId: read.data.id, event, count }, `an event did ${how} bulk deletes`);
    return 'used';
  }

  async function useOnce({
    id,
    event,
    payload,
    created_at: createdAt,
  }: z.infer<typeof envelope>): Promise<EventResult> {
    if (!usedEvents.some((name) => name === event)) return 'ignored';
    const nowMs = Date.now();
    if (nowMs - createdAt.getTime() > rememberedMs) return 'old';
    const isMine = await claim(id);
    if (isMine === undefined) return 'failed';
    if (!isMine) return 'repeated';
    let isUsed = false;
    try {
      // With a clock ahead of ours, it would settle deletes that are sent after it.
      const result = await use(event, payload, new Date(Math.min(createdAt.getTime(), nowMs)));
      isUsed = true;
      return result;
    } catch (error) {
      if (!(error instanceof BulkUnavailable)) log.error({ err: error }, 'an event of Truto could not be used');
      return 'failed';
    } finally {
      await settle(id, isUsed);
    }
  }

  return async (given) => {
    const end = (answer: EventAnswer, result: EventResult, event = 'unknown') => {
      metrics.countEvent(event, result);
      return answer;
    };
    if (Buffer.byteLength(given.body) > maxRequestBytes) return end(bodyRefusals.tooLarge, 'bad_request');
    if (!isSigned(given, secrets)) return end(unsigned, 'bad_signature');
    const read = envelope.safeParse(readJson(given.body));
    if (!read.success) return end(unreadable, 'bad_request');
    const name = knownName(read.data.event);
    const result = await useOnce(read.data);
    if (result === 'malformed')
      log.warn({ event: name, eventId: read.data.id }, "the payload of Truto's event is unknown");
    return end(result === 'failed' ? unavailable : received, result, name);
  };
}

/** Answers `POST /webhooks/truto`. Returns false for any other path. */
export function createServeWebhook(
  receive: ReceiveEvent | undefined,
): (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean {
  return ({ method, url = '', headers }, response, body) => {
    if (!receive || url.split('?', 1)[0] !== path) return false;
    const answer = (given: EventAnswer) =>
      void response
        .writeHead(given.status, {
          'content-type': 'application/json',
          ...(given.status === 405 && { allow: 'POST' }),
          ...(given.status === 503 && { 'retry-after': '1' }),
        })
        .end(given.body);
    if (method !== 'POST') answer(wrongMethod);
    else void receive({ body, signature: headers['x-truto-signature']?.toString() }).then(answer);
    return true;
  };
}
