import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Secret } from '../config/secret.ts';

/** Where events are sent, and the secret that signs them. */
export interface SandboxWebhook {
  readonly url: URL;
  readonly secret: Secret;
}

/** Sends an event, after `delayMs`. */
export type SendEvent = (event: string, payload: object, delayMs?: number) => void;

/** Truto repeats an event three times, with growing pauses of up to 10 s. These are shorter. In milliseconds. */
const pausesMs = [100, 400, 1_600];

/** How long one delivery may take, in milliseconds. */
const timeoutMs = 5_000;

/** Truto's documents have this form of a time too, in UTC: `2024-09-10 12:00:00`. */
const timeOf = (date: Date) => date.toISOString().slice(0, 19).replace('T', ' ');

/**
 * Creates the sender of events, in the form that Truto documents (truto-skills, webhooks-and-notifications.md). Truto documents no payload of
 * `record:deleted`: that one is [inferred].
 * @param closed aborted when the sandbox closes: nothing is sent from then on.
 */
export function createSendEvent(webhook: SandboxWebhook | undefined, closed: AbortSignal): SendEvent {
  if (!webhook) return () => {};
  const { url, secret } = webhook;

  async function deliver(body: string): Promise<void> {
    const hmac = createHmac('sha256', secret.reveal()).update(body).digest('hex');
    const headers = { 'content-type': 'application/json', 'x-truto-signature': `format=sha256,v=${hmac}` };
    for (const pauseMs of [...pausesMs, undefined]) {
      const signal = AbortSignal.any([closed, AbortSignal.timeout(timeoutMs)]);
      const answer = await fetch(url, { method: 'POST', headers, body, signal }).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.status === 200 || pauseMs === undefined || closed.aborted) return;
      await sleep(pauseMs, undefined, { signal: closed });
    }
  }

  return (event, payload, delayMs = 0) => {
    const body = JSON.stringify({
      ...{ id: randomUUID(), event, payload, created_at: timeOf(new Date(Date.now() + delayMs)) },
      ...{ environment_id: '00000000-0000-4000-9000-000000000001', webhook_id: '00000000-0000-4000-8fff-000000000001' },
    });
    // Not before the response to the request that caused it. A closed sandbox is no error.
    sleep(Math.max(delayMs, 1), undefined, { signal: closed })
      .then(() => deliver(body))
      .catch(() => {});
  };
}
