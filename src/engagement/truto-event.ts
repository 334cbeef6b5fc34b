import { z } from 'zod';
import { parseTrutoJson } from './body.ts';
import type { EngagementKey } from './known-deletes.ts';
import { checkId } from './rules.ts';

/** `active` comes when an account is connected again, `reactivated` when it works again by itself. */
const accountEvents = [
  'integrated_account:authentication_error',
  'integrated_account:reactivated',
  'integrated_account:active',
] as const;

/** An event that was read. */
export type ReadEvent = NonNullable<ReturnType<typeof readTrutoEvent>>;
/** An event of Truto's that this server uses. */
export type UsedEvent = Exclude<ReadEvent['content'], string>;

/** Truto documents two forms: `2023-06-16T09:21:21.000Z` and `2024-09-10 12:00:00`, both in UTC. */
const moment = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?Z?$/)
  .transform((text) => new Date(`${text.slice(0, 23).replace(' ', 'T').replace(/Z$/, '')}Z`))
  .refine((date) => !Number.isNaN(date.getTime()));

const id = z.union([z.string(), z.number().int().transform(String)]).refine((text) => checkId(text, []).length === 0);

/** https://www.truto.one/docs/guides/webhooks/processing-webhook-events.md */
const envelope = z.looseObject({
  id: z.string().min(1).max(200),
  event: z.string().min(1).max(200),
  payload: z.unknown(),
  created_at: moment,
});

/** https://github.com/trutohq/truto-skills, connection-flow.md: the payload is the integrated account. */
const accountPayload = z.looseObject({ id });

/**
 * Truto documents no payload of `record:deleted`. This is assumed: the account, the resource as in the paths of the API, and the records
 * that were deleted, each with its unified id and type. Without a type, an event proves nothing where ids are unique for each type only.
 */
const recordPayload = z.looseObject({
  integrated_account_id: id,
  resource: z.string().max(200),
  records: z
    .array(z.looseObject({ id, engagement_type: z.string().nullish() }))
    .min(1)
    .max(1_000),
});

/**
 * The records of an account that were deleted in the provider, by anyone: each by its id alone, and by its type if the event has it. Or an
 * account that must be connected again, or can be used again. `ignored`: nothing here depends on it. `malformed`: its payload is not as assumed.
 */
function readContent(event: string, payload: unknown) {
  if (event === 'record:deleted') {
    const { success, data } = recordPayload.safeParse(payload);
    if (!success) return 'malformed';
    if (data.resource !== 'crm/engagements') return 'ignored';
    const { integrated_account_id: integratedAccountId } = data;
    const records = data.records.map(({ id, engagement_type: type }): readonly EngagementKey[] => {
      const kinds = type?.trim() ? [null, type.trim()] : [null];
      return kinds.map((kind) => ({ integratedAccountId, id, kind }));
    });
    return { name: event, integratedAccountId, records } as const;
  }
  const name = accountEvents.find((known) => known === event);
  if (!name) return 'ignored';
  const { success, data } = accountPayload.safeParse(payload);
  return success ? { name, integratedAccountId: data.id } : 'malformed';
}

/** Reads the body of an event; its `name` is `other` if this server does not use it. Undefined unless it is JSON in the form of all events. */
export function readTrutoEvent(body: Uint8Array | string) {
  let json: unknown;
  try {
    json = parseTrutoJson(typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
  const { success, data } = envelope.safeParse(json);
  if (!success) return undefined;
  const { event, payload, created_at: createdAt } = data;
  const name = ['record:deleted', ...accountEvents].includes(event) ? event : 'other';
  return { id: data.id, name, createdAt, content: readContent(event, payload) } as const;
}
