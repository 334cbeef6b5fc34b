import type { Claim, DeleteMemory, KeyedDelete } from '../../src/engagement/delete/delete-memory.ts';
import type { DeleteEnd } from '../../src/engagement/result.ts';

type Mine = Extract<Claim, { kind: 'mine' }>;

/** Does a delete as its road does: claims it, works on it where the claim is its own, and settles that. */
export async function performDelete(
  memory: DeleteMemory,
  keyed: KeyedDelete,
  work: (claim: Mine & { readonly answered: { count: number } }) => Promise<DeleteEnd>,
): Promise<Exclude<Claim, Mine> | { readonly kind: 'performed'; readonly result: DeleteEnd }> {
  const answered = { count: 0 };
  const claim = await memory.claim(keyed, answered);
  if (claim.kind !== 'mine') return claim;
  let result: DeleteEnd | undefined;
  try {
    result = await work({ ...claim, answered });
    return { kind: 'performed', result };
  } finally {
    await claim.settle(result);
  }
}
