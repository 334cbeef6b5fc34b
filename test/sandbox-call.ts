import qs from 'qs';
import { type SandboxAccount, sandboxToken } from '../src/sandbox/accounts.ts';
import type { EngagementRecord, RelatedKind } from '../src/sandbox/providers.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import type { Sandbox } from '../src/sandbox/server.ts';

/** What a test wants to send; everything has a default. */
export interface SandboxCall {
  readonly method?: string;
  readonly path?: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer<ArrayBuffer>;
}

/** An answer, read whole. `body` is undefined when there is none. */
export interface SandboxReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Record<string, unknown> | undefined;
}

/** Sends one request with the sandbox's own token and reads the whole answer; a body that is there must be JSON. */
export async function callSandbox(sandbox: Sandbox, call: SandboxCall): Promise<SandboxReply> {
  const query = qs.stringify(call.query ?? {});
  const response = await fetch(`${sandbox.url}${call.path ?? '/unified/crm/engagements'}?${query}`, {
    method: call.method ?? 'GET',
    headers: { authorization: `Bearer ${sandboxToken}`, ...call.headers },
    ...(call.body !== undefined && { body: call.body }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: text === '' ? undefined : JSON.parse(text) };
}

/** A call on one engagement with what every integration needs to find it; `query` adds to that. */
export function engagementCall(
  method: 'GET' | 'DELETE',
  account: SandboxAccount,
  engagement: Pick<EngagementRecord, 'id' | 'engagement_type'>,
  query: Readonly<Record<string, unknown>> = {},
): SandboxCall {
  return {
    method,
    path: `/unified/crm/engagements/${encodeURIComponent(engagement.id)}`,
    query: {
      integrated_account_id: account.id,
      ...(account.rule?.requiresEngagementType && { engagement_type: engagement.engagement_type }),
      ...query,
    },
  };
}

/** A read of one record that engagements refer to, or of the list of them. */
export function relatedCall(
  account: SandboxAccount,
  kind: RelatedKind,
  id?: string,
  query: Readonly<Record<string, unknown>> = {},
): SandboxCall {
  const path = `/unified/crm/${kind}${id === undefined ? '' : `/${encodeURIComponent(id)}`}`;
  return { path, query: { integrated_account_id: account.id, ...query } };
}

/** The seeded engagement at a place of an account's list. */
export function seededEngagement(account: SandboxAccount, place = 0): EngagementRecord {
  const engagement = seedEngagements(account)[place];
  if (engagement === undefined) {
    throw new RangeError(`No engagement at ${place}`);
  }
  return engagement;
}
