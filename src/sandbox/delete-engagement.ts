import type { EngagementType } from '../engagement/input.ts';
import type { SandboxAccount } from './accounts.ts';
import type { Answer, PlainAnswer } from './answer.ts';
import { findEngagement } from './find-engagement.ts';
import { injectFault } from './inject-fault.ts';
import { type AnswerShape, checkDeleteParameters, readAnswerShape, readTypeToDelete } from './parameters.ts';
import type { Deletion } from './providers/provider.ts';
import { findProvider } from './providers/table.ts';
import type { EngagementRecord } from './record.ts';
import { findQueriedAccount, type SandboxRequest } from './request.ts';
import { buildNotFound, isMapped, passThrough, shapeFields } from './show-record.ts';
import { findCollection } from './store.ts';
import { unsupportedMethod } from './unsupported-method.ts';

/** `DELETE /unified/crm/engagements/{id}`. */
export function deleteEngagement(request: SandboxRequest): Answer {
  const account = findQueriedAccount(request);
  const deletion = findDeletion(account);
  const shape = readAnswerShape(request.query);
  const type = readTypeToDelete(request.query, account);
  checkDeleteParameters(request.query, account, type);
  return injectFault(request, account, () => deleteAtProvider(request, account, deletion, type, shape));
}

function findDeletion(account: SandboxAccount): Deletion {
  const { deletion } = findProvider(account.integration.label);
  if (deletion === undefined) {
    throw unsupportedMethod('delete', 'engagements', account);
  }
  return deletion;
}

function deleteAtProvider(
  request: SandboxRequest,
  account: SandboxAccount,
  deletion: Deletion,
  type: EngagementType | undefined,
  shape: AnswerShape,
): PlainAnswer {
  const record = findEngagement(request, account, type);
  if (record === undefined) {
    return buildNotFound(account);
  }
  findCollection(request.store, 'engagements', account).delete(record.id);
  return answerDeleted(deletion, record, shape);
}

function answerDeleted(deletion: Deletion, record: EngagementRecord, shape: AnswerShape): PlainAnswer {
  const remote = deletion.answer(record);
  if (!isMapped(shape)) {
    // What raw and stream say to a provider's 204 is NOT FOUND: the same 204 here.
    return passThrough(remote, shape);
  }
  const fields = deletion.map(record);
  if (fields === undefined) {
    return { kind: 'plain', status: 204 };
  }
  // Whether remote_data is there when the provider said nothing is NOT FOUND: absent here, not invented.
  return { kind: 'plain', status: 200, body: shapeFields(fields, remote.body, shape) };
}
