import { expect, vi } from 'vitest';
import type { Post } from './fetch-graphql.ts';

/** A restore, as its callers see it. */
export interface SeenRestore {
  readonly id: string;
  readonly state: string;
  readonly statusReason: string | null;
  readonly total: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** One engagement of a restore. */
export interface SeenItem {
  readonly id: string | null;
  readonly outcome: string;
  readonly newId: string | null;
  readonly lost: readonly string[];
  readonly unconfirmed: readonly string[];
  readonly messages: readonly string[];
}

const selection = `{ id state statusReason total bulkDeleteId
  outcomes { planned restored alreadyRestored stillExists mayBeRestored failed remaining } }`;
const itemSelection = '{ items { id engagementType outcome newId lost unconfirmed messages } endCursor }';

/** Starts a restore; the whole answer, since it may be an error. */
export function startRestore(post: Post, input: object, headers: Record<string, string> = {}) {
  const document = `mutation($input: RestoreEngagementsInput!) { restoreEngagements(input: $input) ${selection} }`;
  return post(document, { input }, headers);
}

/** Starts a restore that can be started. */
export async function startedRestore(
  post: Post,
  input: object,
  headers?: Record<string, string>,
): Promise<SeenRestore> {
  const { body } = await startRestore(post, input, headers);
  if (!body.data?.restoreEngagements) throw new Error(JSON.stringify(body));
  return body.data.restoreEngagements;
}

/** What is known of it now. */
export async function seenRestore(post: Post, id: string, headers?: Record<string, string>): Promise<SeenRestore> {
  const { body } = await post(`query($id: ID!) { bulkRestore(id: $id) ${selection} }`, { id }, headers);
  return body.data?.bulkRestore ?? body;
}

/** Pauses, resumes or cancels it. */
export async function controlRestore(post: Post, how: 'pause' | 'resume' | 'cancel', id: string): Promise<SeenRestore> {
  const { body } = await post(`mutation($id: ID!) { it: ${how}BulkRestore(id: $id) ${selection} }`, { id });
  return body.data.it;
}

/** Its engagements; with `failures`, only those. */
export async function itemsOf(
  post: Post,
  id: string,
  field: 'engagements' | 'failures' = 'engagements',
): Promise<readonly SeenItem[]> {
  const { body } = await post(
    `query($id: ID!) { bulkRestore(id: $id) { it: ${field}(first: 1000) ${itemSelection} } }`,
    {
      id,
    },
  );
  return body.data.bulkRestore.it.items;
}

/** Waits for its end. */
export function endedRestore(post: Post, id: string, timeout = 60_000): Promise<SeenRestore> {
  return vi.waitFor(
    async () => {
      const job = await seenRestore(post, id);
      expect(job.state).toMatch(/^(COMPLETED|CANCELLED|FAILED)$/);
      return job;
    },
    { timeout },
  );
}
