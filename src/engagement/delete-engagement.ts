import { type Caller, limitedBy, mayTouch } from './access.ts';
import type { DeleteTrail } from './audit.ts';
import { type Finding, hasRefusal, located, refusal } from './finding.ts';
import { type DeleteEngagementInput, isRepeatable } from './input.ts';
import { settleNotFound } from './integrated-account.ts';
import { integrations } from './integrations.ts';
import { nothingDeleted, readOutcome } from './outcome.ts';
import type { FoundRecord } from './read-record.ts';
import { callerLeft, notGranted, refusedInput } from './refusal.ts';
import { buildDeleteRequest } from './request.ts';
import type { DeleteEngagementResult, OutcomeUnknownError } from './result.ts';
import { checkAccount, checkEmailOnly, checkIntegration, checkLength, checkWellFormed } from './rules.ts';
import type { Selection } from './selection.ts';
import { type SnapshotPorts, takeSnapshot } from './snapshot.ts';

/** Everything about a delete but what to delete. */
export interface DeleteEngagementOptions {
  readonly caller: Caller;
  readonly selection: Selection;
  /** Check, and show what would be sent. */
  readonly dryRun: boolean;
  /** Read the engagement first, so that every selected field is filled; do not delete what cannot be read. */
  readonly snapshot: boolean;
  /** True once nobody waits for the result any more: then nothing further is sent. */
  readonly hasCallerLeft: () => boolean;
  /** The moment (by `performance.now()`) by which the caller wants to know. */
  readonly deadlineAt: number;
  /** The `Idempotency-Key` for upstream, after so many of the delete's attempts were answered. */
  readonly keyAfter: (answerCount: number) => string;
  /** How many were, in earlier tries too: the delete adds its own. */
  readonly answered: { count: number };
  /** What the same delete came to when it was tried before, and may have been done. */
  readonly earlier: OutcomeUnknownError | undefined;
  /** Where the delete notes what its audit event will say. */
  readonly trail: DeleteTrail;
}

/** Stands for the key in a plan: each delete that is sent gets one of its own. */
const plannedIdempotencyKey = '[new for each delete]';

function unsupported(integrationName: string): DeleteEngagementResult {
  const supportedIntegrations = integrations.map(({ name }) => name);
  const message = `Nothing was sent. ${integrationName} cannot delete engagements through Truto.`;
  return { kind: 'UnsupportedIntegrationError', message, integrationName, supportedIntegrations };
}

/** What an earlier attempt read: if that deleted the engagement, it cannot be read again. */
function earlierSnapshot(earlier: OutcomeUnknownError | undefined): FoundRecord<'engagements'> | undefined {
  return earlier?.engagement ? { kind: 'Found', record: earlier.engagement, unreadable: [], absent: [] } : undefined;
}

/** What would keep a delete with a snapshot from being sent: the engagement, or a note of it, cannot be read. */
async function checkSnapshot(
  input: DeleteEngagementInput,
  options: DeleteEngagementOptions,
  ports: SnapshotPorts,
): Promise<readonly Finding[]> {
  const read = await takeSnapshot(input, options, ports);
  return read.kind === 'Found' ? [] : [{ ...refusal(['id'], read.message), result: read.kind }];
}

/**
 * Deletes one engagement: access, rules, look-up of the integration, its rules, the snapshot if one is asked for, one
 * delete, one result. A refusal here costs no delete; a look-up that fails never stands in its way, one that finds no account does.
 * A dry run tells what the rules, the look-up and the snapshot find instead of refusing, as long as there is a request to show.
 * @throws {GraphQLError} `UNAUTHENTICATED` when upstream does not accept the caller's own token.
 */
export async function deleteEngagement(
  input: DeleteEngagementInput,
  options: DeleteEngagementOptions,
  ports: SnapshotPorts,
): Promise<DeleteEngagementResult> {
  const { caller, selection, dryRun, deadlineAt, hasCallerLeft, trail, answered } = options;
  if (!mayTouch(caller, input.integratedAccountId)) return notGranted();

  const malformed = checkWellFormed(input);
  const misplaced = checkEmailOnly(input);
  if (malformed.length > 0 || (hasRefusal(misplaced) && !dryRun)) return refusedInput([...malformed, ...misplaced]);

  // A dry run says how the account is now, not how it was.
  const account = await ports.findAccountIntegration(
    caller,
    input.integratedAccountId,
    deadlineAt,
    dryRun ? 'recent' : 'remembered',
  );
  const { support } = account;
  const integration = support.kind === 'supported' ? support.integration : null;
  trail.integration = support.kind === 'unsupported' ? support.name : (integration?.name ?? null);
  if (account.refusal?.kind === 'IntegratedAccountNotFoundError' && !dryRun) {
    return { ...account.refusal, message: `Nothing was sent. ${account.refusal.message}` };
  }
  if (support.kind === 'unsupported' && !dryRun) return unsupported(support.name);
  const findings = [...misplaced, ...checkIntegration(input, support)];
  if (hasRefusal(findings) && !dryRun) return refusedInput(findings);

  const answeredBefore = answered.count;
  const keyAfter = (answerCount: number) => options.keyAfter(answeredBefore + answerCount);
  const idempotencyKey = dryRun ? plannedIdempotencyKey : keyAfter(0);
  const credentials = { authorization: caller.authorization.reveal(), idempotencyKey };
  const request = buildDeleteRequest(input, selection, credentials);
  const tooLong = checkLength(request.path, ['parameters']);
  if (tooLong.length > 0) return refusedInput(tooLong);

  if (dryRun) {
    const known = [...findings, ...checkAccount(account, caller)];
    const unread = options.snapshot && !hasRefusal(known) ? await checkSnapshot(input, options, ports) : [];
    return { kind: 'DeleteEngagementPlan', request, findings: [...known, ...unread], integration };
  }

  if (hasCallerLeft()) return nothingDeleted(callerLeft());
  const read = options.snapshot
    ? await (earlierSnapshot(options.earlier) ?? takeSnapshot(input, options, ports))
    : null;
  // What is gone after an attempt that was lost can be read no more: whether it is, the delete will say.
  const isGone = options.earlier !== undefined && read?.kind === 'NotFoundError';
  const snapshot = isGone ? null : read;
  if (snapshot && snapshot.kind !== 'Found') return nothingDeleted(snapshot);

  if (hasCallerLeft()) return nothingDeleted(callerLeft());
  const sent = await ports.send(request, {
    deadlineAt,
    hasCallerLeft,
    streamsTo: input.format === 'stream' ? caller.id : undefined,
    isRepeatable: isRepeatable(input),
    limitedBy: limitedBy(caller, input.integratedAccountId),
    integration: trail.integration,
    keyAfter,
  });
  answered.count += sent.answerCount;
  // An earlier try's, when this one sent none.
  const lastKey = sent.idempotencyKey ?? options.earlier?.idempotencyKey ?? idempotencyKey;
  trail.idempotencyKey = lastKey;
  trail.attempts = sent.attemptCount;
  const { integratedAccountId } = input;
  return readOutcome(sent.attempt, {
    input,
    selection,
    integration,
    warnings: findings.map(located),
    snapshot,
    idempotencyKey: lastKey,
    callerBroughtToken: caller.bringsToken,
    mayHaveActedBefore: sent.mayHaveActedBefore || options.earlier !== undefined,
    settleNotFound: (said) =>
      settleNotFound(said, { caller, integratedAccountId, deadlineAt }, ports.findAccountIntegration),
  });
}
