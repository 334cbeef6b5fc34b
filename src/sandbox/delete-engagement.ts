import type { EngagementType } from '../engagement/input.ts';
import type { SandboxAccount } from './accounts.ts';
import type { Answer, PlainAnswer } from './answer.ts';
import { findEngagement } from './find-engagement.ts';
import { injectFault } from './inject-fault.ts';
import { type AnswerShape, checkDeleteParameters, readAnswerShape, readTypeToDelete } from './parameters.ts';
import type { Provider, ProviderAnswer } from './provider.ts';
import type { EngagementRecord } from './record.ts';
import { findQueriedAccount, type SandboxRequest } from './request.ts';
import { buildNotFound, isMapped, passThrough, shapeFields } from './show-record.ts';
import { findCollection } from './store.ts';
import { unsupportedMethod } from './unsupported-method.ts';

/** `DELETE /unified/crm/engagements/{id}`. */
export function deleteEngagement(request: SandboxRequest): Answer {
  const account = findQueriedAccount(request);
  const { answerDelete } = account.provider;
  if (answerDelete === undefined) {
    throw unsupportedMethod('delete', 'engagements', account);
  }
  const shape = readAnswerShape(request.query);
  const type = readTypeToDelete(request.query, account);
  checkDeleteParameters(request.query, account, type);
  return injectFault(request, account, () => deleteAtProvider(request, account, answerDelete, type, shape));
}

function deleteAtProvider(
  request: SandboxRequest,
  account: SandboxAccount,
  answerDelete: NonNullable<Provider['answerDelete']>,
  type: EngagementType | undefined,
  shape: AnswerShape,
): PlainAnswer {
  const record = findEngagement(request, account, type);
  if (record === undefined) {
    return buildNotFound(account);
  }
  findCollection(request.store, 'engagements', account).delete(record.id);
  return answerDeleted(account.provider, answerDelete(record), record, shape);
}

function answerDeleted(
  provider: Provider,
  remote: ProviderAnswer,
  record: EngagementRecord,
  shape: AnswerShape,
): PlainAnswer {
  if (!isMapped(shape)) {
    // What raw and stream say to a provider's 204 is NOT FOUND: the same 204 here.
    return passThrough(remote, shape);
  }
  const fields = provider.mapDeleted?.(record);
  if (fields === undefined) {
    return { kind: 'plain', status: 204 };
  }
  // Whether remote_data is there when the provider said nothing is NOT FOUND: absent here, not invented.
  return { kind: 'plain', status: 200, body: shapeFields(fields, remote.body, shape) };
}
