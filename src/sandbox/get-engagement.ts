import type { SandboxAccount } from './accounts.ts';
import type { Answer, PlainAnswer } from './answer.ts';
import { findEngagement } from './find-engagement.ts';
import { injectFault } from './inject-fault.ts';
import { type AnswerShape, checkRemoteQuery, type ReadableType, readAnswerShape, readTypeToGet } from './parameters.ts';
import { findProvider } from './providers/table.ts';
import { findQueriedAccount, type SandboxRequest } from './request.ts';
import { buildNotFound, isMapped, passThrough, shapeFields } from './show-record.ts';

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
  const provider = findProvider(account.integration.label);
  const record = findEngagement(request, account, type);
  if (record !== undefined) {
    return showOne(record, provider.showEngagement(record), shape);
  }
  const isStub = request.store.engagements.get(account)?.wasDeleted(request.id) === true;
  const stub = isStub ? provider.showDeleted?.(request.id) : undefined;
  return stub === undefined ? buildNotFound(account) : showOne({ id: request.id }, stub, shape);
}

function showOne(fields: object, remoteData: unknown, shape: AnswerShape): PlainAnswer {
  return isMapped(shape)
    ? { kind: 'plain', status: 200, body: shapeFields(fields, remoteData, shape) }
    : passThrough({ status: 200, body: remoteData }, shape);
}
