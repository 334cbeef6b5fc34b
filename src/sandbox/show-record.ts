import type { SandboxAccount } from './accounts.ts';
import type { PlainAnswer } from './answer.ts';
import type { AnswerShape } from './parameters.ts';
import type { ProviderAnswer } from './provider.ts';
import { buildRemoteFailure } from './remote-failure.ts';

/** The unified fields as the client wants them: with `remote_data` unless ignored, without the excluded ones, always with `id`. */
export function shapeFields(
  fields: object,
  remoteData: unknown,
  shape: AnswerShape,
): Readonly<Record<string, unknown>> {
  const all = {
    ...fields,
    ...(remoteData !== undefined && !shape.ignoresRemoteData && { remote_data: remoteData }),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => name === 'id' || !shape.excludedFields.has(name)));
}

/** One record that was read, in the format that the client wants. */
export function showOne(fields: object, remoteData: unknown, shape: AnswerShape): PlainAnswer {
  return isMapped(shape)
    ? { kind: 'plain', status: 200, body: shapeFields(fields, remoteData, shape) }
    : passThrough({ status: 200, body: remoteData }, shape);
}

/** The provider's answer untouched: at once for `raw`, in pieces for `stream`. */
export function passThrough(remote: ProviderAnswer, shape: AnswerShape): PlainAnswer {
  return { kind: 'plain', ...remote, isChunked: shape.format === 'stream' };
}

/** True for the two formats that go through the unified mapping; how they differ is NOT FOUND, so here they do not. */
export function isMapped(shape: AnswerShape): boolean {
  return shape.format === 'unified' || shape.format === 'normalized';
}

/** The provider's 404: the record never existed, is gone, or is of another type than its address says. */
export function buildNotFound(account: SandboxAccount): PlainAnswer {
  return buildRemoteFailure(account, { statusCode: 404, message: 'Not Found' });
}
