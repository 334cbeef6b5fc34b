import { type Answer, buildRefusal, type PlainAnswer, retryAfter } from './answer.ts';
import type { FailureEffect, FaultEffect } from './faults.ts';
import { countForProvider } from './limits.ts';
import { readAnswerShape } from './parameters.ts';
import type { SandboxRequest } from './request.ts';
import { buildRemoteFailure, isMapped } from './show-record.ts';

/** Does `work`, with the fault before or after it. On a route without an account, a remote failure becomes Truto's own. */
export function injectFault(request: SandboxRequest, work: () => PlainAnswer): Answer {
  const { fault } = request;
  if (fault === undefined) return passProvider(request, work());
  if (fault.effect.kind === 'failure') {
    if (fault.strikesAfter) work();
    return buildFailure(request, fault.effect);
  }
  return strike(request, fault.effect, fault.strikesAfter ? passProvider(request, work()) : undefined);
}

/** Adds what Truto learns of the provider's limits when a call gets that far. */
function passProvider({ state, account }: SandboxRequest, answer: PlainAnswer, isUsedUp = false): PlainAnswer {
  const rateLimit = account && countForProvider(state.rateMeter, account, isUsedUp);
  return { ...answer, headers: { ...rateLimit, ...answer.headers } };
}

function buildFailure(request: SandboxRequest, effect: FailureEffect): PlainAnswer {
  const { statusCode, message, isRemote, retryAfterSeconds } = effect;
  return isRemote && request.account !== undefined
    ? passProvider(request, buildRemoteFailure(request.account, effect), statusCode === 429)
    : buildRefusal(statusCode, message, retryAfter(retryAfterSeconds));
}

function strike(
  { id, query, state }: SandboxRequest,
  effect: Exclude<FaultEffect, FailureEffect>,
  answer: PlainAnswer = { kind: 'plain', status: 200 },
): Answer {
  switch (effect.kind) {
    case 'stranger':
      return effect;
    case 'reset':
      return { kind: 'reset' };
    case 'cut':
    case 'continue':
      return { ...answer, damage: effect.kind };
    case 'late':
      return { ...answer, delayMs: state.slowMs };
    case 'accepted':
      // Capsule documents 202 with no body and a Location that Truto does not pass on; what Truto itself sends is [inferred].
      return { kind: 'plain', status: 202, ...(isMapped(readAnswerShape(query)) && { body: { id } }) };
    case 'empty':
      return { kind: 'plain', status: 200 };
    case 'huge':
      return { kind: 'huge', id, sizeBytes: state.hugeBytes, isChunked: readAnswerShape(query).format === 'stream' };
  }
}
