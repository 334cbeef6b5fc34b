import type { SandboxAccount } from './accounts.ts';
import type { Answer, PlainAnswer } from './answer.ts';
import type { FailureEffect, FaultEffect } from './faults.ts';
import { readAnswerShape } from './parameters.ts';
import { buildRefusal } from './refusal.ts';
import { buildRemoteFailure } from './remote-failure.ts';
import type { SandboxRequest } from './request.ts';

/**
 * Does `work` and lets the request's fault strike before or after it. Without a fault the work's answer is the answer.
 * `account` is the connection the work goes through; without one, a remote failure becomes Truto's own.
 */
export function injectFault(
  request: SandboxRequest,
  account: SandboxAccount | undefined,
  work: () => PlainAnswer,
): Answer {
  const { fault } = request;
  if (fault === undefined) {
    return passProvider(request, account, work());
  }
  if (fault.effect.kind === 'failure') {
    if (fault.strikesAfter) {
      work();
    }
    return buildFailure(request, account, fault.effect);
  }
  const answer = fault.strikesAfter ? passProvider(request, account, work()) : undefined;
  return strike(request, fault.effect, answer ?? { kind: 'plain', status: 200 });
}

/** Adds what Truto learns of the provider's limits when a call gets that far. */
function passProvider(
  request: SandboxRequest,
  account: SandboxAccount | undefined,
  answer: PlainAnswer,
  isUsedUp = false,
): PlainAnswer {
  const rateLimit = account === undefined ? {} : request.rateMeter.count(account, isUsedUp);
  return { ...answer, headers: { ...rateLimit, ...answer.headers } };
}

function strike(request: SandboxRequest, effect: Exclude<FaultEffect, FailureEffect>, answer: PlainAnswer): Answer {
  switch (effect.kind) {
    case 'reset':
      return { kind: 'reset' };
    case 'cut':
      return { kind: 'cut', answer };
    case 'continue':
      return { kind: 'continue', answer };
    case 'stranger':
      return effect;
    case 'late':
      return { kind: 'late', delayMs: request.slowMs, answer };
    case 'accepted':
      return buildAccepted(request);
    case 'bad-json':
      return { kind: 'bad-json', status: 200 };
    case 'empty':
      return { kind: 'plain', status: 200 };
    case 'huge':
      return {
        kind: 'huge',
        id: request.id,
        sizeBytes: request.hugeBytes,
        isChunked: readAnswerShape(request.query).format === 'stream',
      };
  }
}

function buildFailure(
  request: SandboxRequest,
  account: SandboxAccount | undefined,
  effect: FailureEffect,
): PlainAnswer {
  if (effect.isRemote && account !== undefined) {
    return passProvider(request, account, buildRemoteFailure(account, effect), effect.statusCode === 429);
  }
  const { retryAfterSeconds } = effect;
  return buildRefusal(effect.statusCode, effect.message, {
    ...(retryAfterSeconds !== undefined && { headers: { 'retry-after': String(retryAfterSeconds) } }),
  });
}

/** Capsule documents 202 with no body and a Location that Truto does not pass on; what Truto itself says then is [inferred]. */
function buildAccepted(request: SandboxRequest): PlainAnswer {
  const { format } = readAnswerShape(request.query);
  const hasBody = format === 'unified' || format === 'normalized';
  return { kind: 'plain', status: 202, ...(hasBody && { body: { id: request.id } }) };
}
