import { randomUUID } from 'node:crypto';
import type { Send } from '../upstream/attempt.ts';
import { type Caller, mayTouch } from './access.ts';
import { type Finding, hasRefusal } from './finding.ts';
import type { DeleteEngagementInput } from './input.ts';
import type { FindAccountIntegration } from './integrated-account.ts';
import { integrations } from './integrations.ts';
import { readOutcome } from './outcome.ts';
import { buildDeleteRequest } from './request.ts';
import type { DeleteEngagementResult } from './result.ts';
import { checkEmailOnly, checkIntegration, checkLength, checkWellFormed } from './rules.ts';
import type { Selection } from './selection.ts';

/** What a delete needs of the outside world. */
export interface DeleteEngagementPorts {
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
}

/** Everything about a delete but what to delete. */
export interface DeleteEngagementOptions {
  readonly caller: Caller;
  readonly selection: Selection;
  /** Check, and show what would be sent. */
  readonly dryRun: boolean;
  /** The moment (milliseconds since the epoch) by which the caller wants to know. */
  readonly deadlineAt: number;
}

/** Stands for the key in a plan: each delete that is sent gets one of its own. */
const plannedIdempotencyKey = '[new for each delete]';

function located({ path, message }: Finding): string {
  return `${path.join('.')}: ${message}`;
}

function invalidInput(findings: readonly Finding[]): DeleteEngagementResult {
  const issues = findings.filter(({ severity }) => severity === 'REFUSAL');
  return { kind: 'InvalidInputError', message: `Nothing was sent. ${issues.map(located).join(' ')}`, issues };
}

function unsupported(integrationName: string): DeleteEngagementResult {
  const supportedIntegrations = integrations.map(({ name }) => name);
  const message = `Nothing was sent. ${integrationName} cannot delete engagements through Truto.`;
  return { kind: 'UnsupportedIntegrationError', message, integrationName, supportedIntegrations };
}

/**
 * Deletes one engagement: access, rules, look-up of the integration, its rules, one request, one result. A refusal
 * here costs no delete; a look-up that fails never stands in its way. A dry run tells what the rules find instead of
 * refusing, as long as there is a request to show.
 * @throws {GraphQLError} `UNAUTHENTICATED` when upstream does not accept the caller's own token.
 */
export async function deleteEngagement(
  input: DeleteEngagementInput,
  { caller, selection, dryRun, deadlineAt }: DeleteEngagementOptions,
  { send, findAccountIntegration }: DeleteEngagementPorts,
): Promise<DeleteEngagementResult> {
  if (!mayTouch(caller, input.integratedAccountId)) {
    const message = 'Nothing was sent. You are not granted this integrated account.';
    return { kind: 'ForbiddenError', message, missingScopes: [] };
  }

  const malformed = checkWellFormed(input);
  const misplaced = checkEmailOnly(input);
  if (malformed.length > 0 || (misplaced.length > 0 && !dryRun)) return invalidInput([...malformed, ...misplaced]);

  const support = await findAccountIntegration(caller, input.integratedAccountId);
  if (support.kind === 'unsupported' && !dryRun) return unsupported(support.name);
  const findings = [...misplaced, ...checkIntegration(input, support)];
  if (hasRefusal(findings) && !dryRun) return invalidInput(findings);

  const idempotencyKey = dryRun ? plannedIdempotencyKey : randomUUID();
  const credentials = { authorization: caller.authorization.reveal(), idempotencyKey };
  const request = buildDeleteRequest(input, selection, credentials);
  const tooLong = checkLength(request.path);
  if (tooLong.length > 0) return invalidInput(tooLong);

  const integration = support.kind === 'supported' ? support.integration : null;
  if (dryRun) return { kind: 'DeleteEngagementPlan', request, findings, integration };
  const attempt = await send(request, { deadlineAt, streams: input.format === 'stream' });
  const warnings = findings.map(located);
  const callerBroughtToken = caller.bringsToken;
  return readOutcome(attempt, { input, selection, integration, warnings, idempotencyKey, callerBroughtToken });
}
