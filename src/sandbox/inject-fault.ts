import type { SandboxAccount } from './accounts.ts';
import { type Answer, buildRefusal, type PlainAnswer, retryAfter } from './answer.ts';
import type { FailureEffect, FaultEffect } from './faults.ts';
import { countForProvider } from './limits.ts';
import { readAnswerShape } from './parameters.ts';
import type { SandboxRequest } from './request.ts';
import { buildRemoteFailure, isMapped } from './show-record.ts';

/**
 * Does `work` and lets the request's fault strike before or after it. Without a fault, the answer is that of the work. `account` is
 * the connection that the work uses; without one, a remote failure becomes Truto's own.
 */
export function injectFault(
  request: SandboxRequest,
  account: SandboxAccount | undefined,
  work: () => PlainAnswer,
): Answer {
  const { fault } = request;
  if (fault === undefined) return passProvider(request, account, work());
  if (fault.effect.kind === 'failure') {
    if (fault.strikesAfter) work();
    return buildFailure(request, account, fault.effect);
  }
  const answer = fault.strikesAfter ? passProvider(request, account, work()) : undefined;
  return strike(request, fault.effect, answer ?? { kind: 'plain', status: 200 });
}

/** Adds what Truto learns of the provider's limits when a call gets that far. */
function passProvider(
  { state }: SandboxRequest,
  account: SandboxAccount | undefined,
  answer: PlainAnswer,
  isUsedUp = false,
): PlainAnswer {
  const rateLimit = account === undefined ? {} : countForProvider(state.rateMeter, account, isUsedUp);
  return { ...answer, headers: { ...rateLimit, ...answer.headers } };
}

function strike(
  { id, query, state }: SandboxRequest,
  effect: Exclude<FaultEffect, FailureEffect>,
  answer: PlainAnswer,
): Answer {
  switch (effect.kind) {
    case 'stranger':
      return effect;
    case 'reset':
      return { kind: 'reset' };
    case 'cut':
    case 'continue':
      return { kind: effect.kind, answer };
    case 'late':
      return { kind: 'late', delayMs: state.slowMs, answer };
    case 'accepted':
      // Capsule documents 202 with no body and a Location that Truto does not pass on; what Truto itself sends is [inferred].
      return { kind: 'plain', status: 202, ...(isMapped(readAnswerShape(query)) && { body: { id } }) };
    case 'empty':
      return { kind: 'plain', status: 200 };
    case 'huge':
      return {
        kind: 'huge',
        id,
        sizeBytes: state.hugeBytes,
        isChunked: readAnswerShape(query).format === 'stream',
      };
  }
}

function buildFailure(
  request: SandboxRequest,
  account: SandboxAccount | undefined,
  effect: FailureEffect,
): PlainAnswer {
  return effect.isRemote && account !== undefined
    ? passProvider(request, account, buildRemoteFailure(account, effect), effect.statusCode === 429)
    : buildRefusal(effect.statusCode, effect.message, retryAfter(effect.retryAfterSeconds));
}
