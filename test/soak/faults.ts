import { type SandboxFault, sandboxFaults } from '../../src/sandbox/faults.ts';
import { createRandom, type Random } from '../../src/sandbox/random.ts';
import type { ReceivedRequest, SandboxSettings } from '../../src/sandbox/request.ts';

/** The faults of a soak, and what reached the sandbox. */
export interface SoakFaults {
  readonly pick: SandboxSettings['pickFault'];
  /** How often each fault struck a delete. */
  readonly strikes: ReadonlyMap<string, number>;
  /** How many deletes of one engagement the sandbox has got. */
  deletesOf(integratedAccountId: string, engagementId: string): number;
}

/**
 * Shortens the `Retry-After` of a 429: to 0 s in 90 % of cases, to 1 s in 9 %. In 1 % it stays at the fault's own 2 or
 * 10 s. Otherwise every account would be paused nearly all the time, and the soak would measure refusals.
 */
function shortenWait(fault: SandboxFault, random: Random): SandboxFault {
  if (fault.effect.kind !== 'failure' || fault.effect.retryAfterSeconds === undefined) return fault;
  const percentile = random.integer(1, 100);
  if (percentile === 100) return fault;
  return { ...fault, effect: { ...fault.effect, retryAfterSeconds: percentile <= 90 ? 0 : 1 } };
}

function keyOf({ method, url }: ReceivedRequest): string {
  const { pathname, searchParams } = new URL(url, 'http://sandbox');
  return `${method} ${searchParams.get('integrated_account_id')} ${decodeURIComponent(pathname.split('/').at(-1) ?? '')}`;
}

/**
 * Injects faults into `percent` % of the requests for an engagement or a note, every kind equally often. The choice depends
 * only on the seed, the engagement and the attempt's number: the same seed hits the same deletes, in any order of arrival.
 */
export function createSoakFaults(seed: string, percent: number): SoakFaults {
  const seen = new Map<string, number>();
  const strikes = new Map<string, number>();
  return {
    strikes,
    pick(request) {
      // The facade looks up each account only once, so faults there would not be part of a steady rate.
      if (!request.url.startsWith('/unified/')) return undefined;
      const key = keyOf(request);
      const attempt = (seen.get(key) ?? 0) + 1;
      seen.set(key, attempt);
      const random = createRandom(`${seed} ${key} ${attempt}`);
      if (random.integer(1, 100) > percent) return undefined;
      const fault = random.pick(sandboxFaults);
      // The facade does not read a streamed body, so it cannot see a refusal in one (ADR 2).
      const isStreamed = request.url.includes('truto_response_format=stream');
      if (isStreamed && fault.effect.kind === 'foreign' && fault.effect.answer.status === 200) return undefined;
      if (request.method === 'DELETE') strikes.set(fault.name, (strikes.get(fault.name) ?? 0) + 1);
      return shortenWait(fault, random);
    },
    deletesOf: (integratedAccountId, engagementId) => seen.get(`DELETE ${integratedAccountId} ${engagementId}`) ?? 0,
  };
}
