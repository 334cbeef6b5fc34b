import type { Claim, KeyedRequest, RequestMemory } from '../../src/engagement/request-memory.ts';
import type { DeleteEnd } from '../../src/engagement/result.ts';

type Mine = Extract<Claim, { kind: 'mine' }>;

/** Runs a delete as the domain does: claims it, runs it if the claim is its own, and settles the claim. */
export async function performDelete(
  memory: RequestMemory,
  keyed: KeyedRequest,
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
