import { randomUUID } from 'node:crypto';
import { type Caller, mayTouch } from './access.ts';
import { hasRefusal, located } from './finding.ts';
import type { DeleteEngagementInput } from './input.ts';
import type { FindAccountIntegration } from './integrated-account.ts';
import { integrations } from './integrations.ts';
import { nothingDeleted, readOutcome } from './outcome.ts';
import { notGranted, refusedInput } from './refusal.ts';
import { buildDeleteRequest } from './request.ts';
import type { DeleteEngagementResult } from './result.ts';
import { checkEmailOnly, checkIntegration, checkLength, checkWellFormed } from './rules.ts';
import type { Selection } from './selection.ts';
import { type SnapshotPorts, takeSnapshot } from './snapshot.ts';

/** What a delete needs of the outside world. */
export interface DeleteEngagementPorts extends SnapshotPorts {
  readonly findAccountIntegration: FindAccountIntegration;
}

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
  /** The moment (milliseconds since the epoch) by which the caller wants to know. */
  readonly deadlineAt: number;
}

/** Stands for the key in a plan: each delete that is sent gets one of its own. */
const plannedIdempotencyKey = '[new for each delete]';

function unsupported(integrationName: string): DeleteEngagementResult {
  const supportedIntegrations = integrations.map(({ name }) => name);
  const message = `Nothing was sent. ${integrationName} cannot delete engagements through Truto.`;
  return { kind: 'UnsupportedIntegrationError', message, integrationName, supportedIntegrations };
}

/** Nobody will read it but the log. */
const callerLeft: DeleteEngagementResult = {
  kind: 'UpstreamUnavailableError',
  message: 'Nothing was deleted: the caller left before.',
};

/**
 * Deletes one engagement: access, rules, look-up of the integration, its rules, the snapshot if one is asked for, one
 * delete, one result. A refusal here costs no delete; a look-up that fails never stands in its way. A dry run tells what
 * the rules find instead of refusing, as long as there is a request to show.
 * @throws {GraphQLError} `UNAUTHENTICATED` when upstream does not accept the caller's own token.
 */
export async function deleteEngagement(
  input: DeleteEngagementInput,
  options: DeleteEngagementOptions,
  ports: DeleteEngagementPorts,
): Promise<DeleteEngagementResult> {
  const { caller, selection, dryRun, deadlineAt } = options;
  if (!mayTouch(caller, input.integratedAccountId)) return notGranted();

  const malformed = checkWellFormed(input);
  const misplaced = checkEmailOnly(input);
  if (malformed.length > 0 || (misplaced.length > 0 && !dryRun)) return refusedInput([...malformed, ...misplaced]);

  const support = await ports.findAccountIntegration(caller, input.integratedAccountId, deadlineAt);
  if (support.kind === 'unsupported' && !dryRun) return unsupported(support.name);
  const findings = [...misplaced, ...checkIntegration(input, support)];
  if (hasRefusal(findings) && !dryRun) return refusedInput(findings);

  const idempotencyKey = dryRun ? plannedIdempotencyKey : randomUUID();
  const credentials = { authorization: caller.authorization.reveal(), idempotencyKey };
  const request = buildDeleteRequest(input, selection, credentials);
  const tooLong = checkLength(request.path, ['parameters']);
  if (tooLong.length > 0) return refusedInput(tooLong);

  const integration = support.kind === 'supported' ? support.integration : null;
  if (dryRun) return { kind: 'DeleteEngagementPlan', request, findings, integration };

  if (options.hasCallerLeft()) return callerLeft;
  const snapshot = options.snapshot ? await takeSnapshot(input, options, ports) : null;
  if (snapshot && snapshot.kind !== 'Found') return nothingDeleted(snapshot);

  if (options.hasCallerLeft()) return callerLeft;
  const attempt = await ports.send(request, { deadlineAt, streams: input.format === 'stream' });
  const warnings = findings.map(located);
  const callerBroughtToken = caller.bringsToken;
  return readOutcome(attempt, {
    input,
    selection,
    integration,
    warnings,
    snapshot,
    idempotencyKey,
    callerBroughtToken,
  });
}
