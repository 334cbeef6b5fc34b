import type { BulkInput } from '../../src/bulk/job.ts';
import type { Post } from './fetch-graphql.ts';

/** A bulk delete, as its callers see it. */
export interface SeenBulkDelete {
  readonly id: string;
  readonly state: string;
  readonly statusReason: string | null;
  readonly total: number;
  readonly undoFolder: string | null;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** The fields of a bulk delete that these functions select. */
export const bulkSelection = `{
  id state statusReason total undoFolder outcomes { deleted accepted alreadyAbsent notFound failed unknown remaining }
}`;

/** What starts a bulk delete: only what differs from the usual. */
export type Start = Partial<Omit<BulkInput, 'filter'>> & {
  readonly ids?: readonly string[];
  readonly filter?: object;
  readonly engagementType?: string;
};

/** Starts a bulk delete; the whole answer, since it may be an error. */
export function startBulk(post: Post, input: Start, headers: Record<string, string> = {}) {
  const document = `mutation($input: StartBulkDeleteInput!) { startBulkDelete(input: $input) ${bulkSelection} }`;
  return post(document, { input }, headers);
}

/** Starts a bulk delete that can be started. */
export async function started(post: Post, input: Start, headers: Record<string, string> = {}): Promise<SeenBulkDelete> {
  const { body } = await startBulk(post, input, headers);
  if (!body.data?.startBulkDelete) throw new Error(JSON.stringify(body));
  return body.data.startBulkDelete;
}

/** What is known of it now. */
export async function seen(post: Post, id: string, headers: Record<string, string> = {}): Promise<SeenBulkDelete> {
  const { body } = await post(`query($id: ID!) { bulkDelete(id: $id) ${bulkSelection} }`, { id }, headers);
  return body.data?.bulkDelete ?? body;
}

/** Pauses, resumes or cancels it. */
export async function control(post: Post, how: 'pause' | 'resume' | 'cancel', id: string): Promise<SeenBulkDelete> {
  const { body } = await post(`mutation($id: ID!) { it: ${how}BulkDelete(id: $id) ${bulkSelection} }`, { id });
  return body.data.it;
}

/** The outcome of each of its engagements, in order. */
export async function outcomesOf(post: Post, id: string, first = 1_000) {
  const document = `query($id: ID!, $first: Int!, $after: String) { bulkDelete(id: $id) {
    engagements(first: $first, after: $after) { items { id engagementType outcome } endCursor } } }`;
  const all: { readonly id: string; readonly engagementType: string | null; readonly outcome: string }[] = [];
  let after: string | null = null;
  do {
    const { body }: Awaited<ReturnType<Post>> = await post(document, { id, first, after });
    all.push(...body.data.bulkDelete.engagements.items);
    after = body.data.bulkDelete.engagements.endCursor;
  } while (after !== null);
  return all;
}
