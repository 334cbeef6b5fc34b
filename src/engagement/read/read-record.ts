import type { Attempt, Send } from '../../upstream/attempt.ts';
import { type Caller, limitedBy } from '../access.ts';
import { type FindAccountIntegration, settleNotFound } from '../account.ts';
import { isJsonObject, readBody } from '../body.ts';
import { isIdValue, isSameId, type ReadRecord, type RecordKey, readRecord } from '../record.ts';
import { notSent, type Refusal, readRefusal } from '../refusal.ts';
import { buildReadRequest } from '../request.ts';
import type { Resource, WireField } from '../resources.ts';
import { isError } from '../upstream-error.ts';

/** What a read is done with. */
export interface ReadOptions<R extends Resource> {
  readonly caller: Caller;
  /** The fields to read; upstream is told to leave out the others. */
  readonly selected: ReadonlySet<WireField<R>>;
  /** The moment (by `performance.now()`) by which it must be there. */
  readonly deadlineAt: number;
  /** True once nobody waits for it: then it is not begun. */
  readonly hasCallerLeft: () => boolean;
  /** Some integrations need it to find an engagement; a word of the provider's own, when a record had that. */
  readonly engagementType?: string | null | undefined;
}

/** A record that was found. */
export interface FoundRecord<R extends Resource> extends ReadRecord<R> {
  readonly kind: 'Found';
}

/** What a read needs of the outside world. */
export interface ReadPorts {
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
}

function failed(message: string): Refusal {
  return { kind: 'UpstreamUnavailableError', message, wasSent: true };
}

/**
 * Reads upstream's answer to a `GET`: its JSON, or why there is none.
 */
export function readJson(
  attempt: Attempt,
  { bringsToken }: Caller,
): { readonly kind: 'Json'; readonly json: unknown } | Refusal {
  if (attempt.kind === 'failure') {
    return attempt.mayHaveBeenSent ? failed('Upstream did not answer. Try again.') : notSent(attempt);
  }
  if (attempt.statusCode !== 200) {
    const refusal = readRefusal(attempt, bringsToken);
    return refusal.kind === 'UnclearAnswer' ? failed(`${refusal.why}. Try again.`) : refusal;
  }
  const body = readBody(attempt.body);
  if (body.kind === 'json') return { kind: 'Json', json: body.value };
  return failed(`Upstream's answer could not be read: ${body.kind === 'unreadable' ? body.why : 'it is no JSON'}.`);
}

/**
 * Reads one record by `GET /unified/crm/{resource}/{id}`. The key must have passed the rules, the caller the access check.
 */
export async function readResource<R extends Resource>(
  resource: R,
  key: RecordKey,
  { caller, selected, deadlineAt, engagementType, hasCallerLeft }: ReadOptions<R>,
  { send, findAccountIntegration }: ReadPorts,
): Promise<FoundRecord<R> | Refusal> {
  const request = buildReadRequest(resource, key, selected, caller.authorization.reveal(), engagementType);
  const options = { deadlineAt, hasCallerLeft, limitedBy: limitedBy(caller, key.integratedAccountId) };
  const { attempt } = await send(request, options);
  const answer = readJson(attempt, caller);
  if (answer.kind !== 'Json') {
    const { integratedAccountId } = key;
    return settleNotFound(answer, { caller, integratedAccountId, deadlineAt }, findAccountIntegration);
  }
  const { json } = answer;
  const isRecord =
    isJsonObject(json) && !isError(json) && ['id', ...selected].some((field) => Object.hasOwn(json, field));
  if (!isRecord) return failed("Upstream's answer is not a record.");
  if (isIdValue(json.id) && !isSameId(json.id, key.id)) {
    // It is the answer to another request, and what comes next on that connection may be too.
    if (attempt.kind === 'answer') attempt.disconnect();
    return failed("Upstream's answer is another record. Try again.");
  }
  return { kind: 'Found', ...readRecord(resource, json, selected, key) };
}
