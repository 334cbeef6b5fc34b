import { type SandboxFault, sandboxFaults } from '../../src/sandbox/faults.ts';
import { createRandom, type Random } from '../../src/sandbox/random.ts';
import type { PickFault, ReceivedRequest } from '../../src/sandbox/request.ts';

/** The faults of a soak, and what reached the sandbox. */
export interface SoakFaults {
  readonly pick: PickFault;
  /** How often each fault struck a delete. */
  readonly strikes: ReadonlyMap<string, number>;
  /** How many deletes of one engagement the sandbox has got. */
  deletesOf(integratedAccountId: string, engagementId: string): number;
}

/**
 * A 429 that asks for no time at all, nine times in ten; else for a second, and once in a hundred for as long as the
 * fault always does (2 or 10 seconds). At the full length every account would be paused nearly all the time, and its
 * callers told so at once: the soak would measure refusals.
 */
function shortenWait(fault: SandboxFault, random: Random): SandboxFault {
  if (fault.effect.kind !== 'failure' || fault.effect.retryAfterSeconds === undefined) return fault;
  const place = random.integer(1, 100);
  if (place === 100) return fault;
  return { ...fault, effect: { ...fault.effect, retryAfterSeconds: place <= 90 ? 0 : 1 } };
}

function keyOf({ method, url }: ReceivedRequest): string {
  const { pathname, searchParams } = new URL(url, 'http://sandbox');
  return `${method} ${searchParams.get('integrated_account_id')} ${decodeURIComponent(pathname.split('/').at(-1) ?? '')}`;
}

/**
 * Strikes so many of a hundred requests for an engagement or a note, with every kind of fault equally often. Whether one strikes depends on the seed, the engagement and the attempt's
 * number alone, so that the same seed strikes the same deletes in whatever order they arrive.
 */
export function createSoakFaults(seed: string, percent: number): SoakFaults {
  const seen = new Map<string, number>();
  const strikes = new Map<string, number>();
  return {
    strikes,
    pick(request) {
      // A look-up of an account is made once: it has no part in a steady rate.
      if (!request.url.startsWith('/unified/')) return undefined;
      const key = keyOf(request);
      const attempt = (seen.get(key) ?? 0) + 1;
      seen.set(key, attempt);
      const random = createRandom(`${seed} ${key} ${attempt}`);
      if (random.integer(1, 100) > percent) return undefined;
      const fault = random.pick(sandboxFaults);
      // A streamed body is not looked into: what refuses in it cannot be known (ADR 2).
      const isStreamed = request.url.includes('truto_response_format=stream');
      if (isStreamed && fault.effect.kind === 'foreign' && fault.effect.statusCode === 200) return undefined;
      if (request.method === 'DELETE') strikes.set(fault.name, (strikes.get(fault.name) ?? 0) + 1);
      return shortenWait(fault, random);
    },
    deletesOf: (integratedAccountId, engagementId) => seen.get(`DELETE ${integratedAccountId} ${engagementId}`) ?? 0,
  };
}
