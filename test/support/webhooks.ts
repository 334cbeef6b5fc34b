import { createHmac, randomUUID } from 'node:crypto';

/** The secrets of the facade's webhooks in tests: the first signs. */
export const webhookSecrets = ['6e17561c-a20c-44ce-b8b5-caff0bf786fe', 'd5fac1cb-1820-4da7-bfd8-a6b758bcf8ff'] as const;

/** The setting with the first of them. */
export const webhookEnv = { TRUTO_WEBHOOK_SECRETS: webhookSecrets[0] };

/** The header of a signed body. */
export const signatureOf = (body: string | Buffer, secret: string = webhookSecrets[0]) =>
  `format=sha256,v=${createHmac('sha256', secret).update(body).digest('hex')}`;

/** An event as Truto sends it, created now. */
export function eventOf(event: string, payload: object, createdAt = new Date(), id: string = randomUUID()) {
  const ids = { environment_id: randomUUID(), webhook_id: randomUUID() };
  return JSON.stringify({ id, event, payload, ...ids, created_at: createdAt.toISOString() });
}

/** The event of a deleted engagement. */
export const deletedEvent = (account: string, id: string, type: string | null = null, createdAt = new Date()) =>
  eventOf(
    'record:deleted',
    { integrated_account_id: account, resource: 'crm/engagements', records: [{ id, engagement_type: type }] },
    createdAt,
  );

/** The event of an account, whose payload is the account. */
export const accountEvent = (name: string, account: string, createdAt = new Date()) =>
  eventOf(`integrated_account:${name}`, { id: account, status: 'any' }, createdAt);

/** Sends a body to the facade, signed unless another signature is given. */
export function deliver(url: string, body: string, signature: string | null = signatureOf(body)): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...(signature !== null && { 'x-truto-signature': signature }) };
  return fetch(`${url}/webhooks/truto`, { method: 'POST', headers, body });
}

/** How many events were counted with that result. */
export async function countOf(url: string, event: string, result: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(
    new RegExp(`^engagements_events_total\\{event="${event}",result="${result}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
  );
}
