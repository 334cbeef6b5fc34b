import type { SandboxAccount } from './accounts.ts';
import type { Answer, PlainAnswer } from './answer.ts';
import { findEngagement } from './find-engagement.ts';
import { injectFault } from './inject-fault.ts';
import { type AnswerShape, checkRemoteQuery, type ReadableType, readAnswerShape, readTypeToGet } from './parameters.ts';
import { findQueriedAccount, type SandboxRequest } from './request.ts';
import { buildNotFound, showOne } from './show-record.ts';
import { findCollection } from './store.ts';

/** `GET /unified/crm/engagements/{id}`. */
export function getEngagement(request: SandboxRequest): Answer {
  const account = findQueriedAccount(request);
  const shape = readAnswerShape(request.query);
  const type = readTypeToGet(request.query, account);
  checkRemoteQuery(request.query);
  return injectFault(request, account, () => getFromProvider(request, account, type, shape));
}

function getFromProvider(
  request: SandboxRequest,
  account: SandboxAccount,
  type: ReadableType | undefined,
  shape: AnswerShape,
): PlainAnswer {
  const { provider } = account;
  const record = findEngagement(request, account, type);
  if (record !== undefined) {
    return showOne(record, provider.showEngagement(record), shape);
  }
  const isStub = findCollection(request.store, 'engagements', account).wasDeleted(request.id);
  const stub = isStub ? provider.showDeleted?.(request.id) : undefined;
  return stub === undefined ? buildNotFound(account) : showOne({ id: request.id }, stub, shape);
}
