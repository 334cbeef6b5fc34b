import { createHash } from 'node:crypto';
import { type Caller, mayTouch } from './access.ts';
import { type AuditEvent, audited, type DeleteTrail } from './audit.ts';
import { type DeleteEngagementOptions, type DeleteEngagementPorts, deleteEngagement } from './delete-engagement.ts';
import type { DeleteMemory } from './delete-memory.ts';
import { refusal } from './finding.ts';
import type { DeleteEngagementInput } from './input.ts';
import { refusedInput } from './refusal.ts';
import { buildDeleteRequest } from './request.ts';
import type { DeleteEngagementResult, OutcomeUnknownError } from './result.ts';
import { checkWellFormed } from './rules.ts';

/** What a delete needs that may arrive more than once. */
export interface RepeatedDeletePorts extends DeleteEngagementPorts {
  readonly deleteMemory: DeleteMemory;
  /** Writes down what became of a delete: once for each, however often it arrives. */
  readonly recordDelete: (event: AuditEvent) => void;
  /** Writes down that a delete arrived again, and was answered from memory. */
  readonly recordRepetition: (event: Pick<AuditEvent, 'callerId' | 'integratedAccountId' | 'engagementId'>) => void;
}

/** Everything about a delete that may arrive more than once, but what to delete. */
export interface RepeatedDeleteOptions extends Omit<DeleteEngagementOptions, 'trail' | 'idempotencyKey' | 'earlier'> {
  /** The caller's own key, and which of the operation's deletes this is; undefined without a key. */
  readonly callerKey: readonly [key: string, responsePath: string] | undefined;
}

function digest(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** In the form of a UUID, as upstream documents its keys; the same for every repetition, also in another process. */
function upstreamKey(key: string): string {
  return key.slice(0, 32).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-8$3-8$4-$5');
}

/** What means the same upstream is the same, however it is written: absent or null, empty or not there, in any order. */
function fingerprintOf(input: DeleteEngagementInput, { selection, snapshot }: RepeatedDeleteOptions): string {
  const { fields, noteFields, chunks } = selection;
  const { path } = buildDeleteRequest(input, selection, { authorization: '', idempotencyKey: '' });
  return digest(path.split(/[?&]/).sort(), snapshot, [...fields].sort(), [...noteFields].sort(), chunks);
}

function keyOf({ id }: Caller, callerKey: readonly [string, string]): string {
  return digest(id, ...callerKey);
}

const otherDelete = refusedInput([
  refusal(['Idempotency-Key'], 'It was sent before with another delete, or another selection. Use a new one.'),
]);

/** A refusal of this attempt says nothing of an earlier one that may have deleted the engagement. */
function inLightOf(earlier: OutcomeUnknownError | undefined, result: DeleteEngagementResult): DeleteEngagementResult {
  const isSettled = result.kind === 'DeleteEngagementSuccess' || result.kind === 'OutcomeUnknownError';
  if (!earlier || isSettled) return result;
  const message = `An earlier attempt may have deleted the engagement; this one was not sent (${result.kind}). Try again later, with the same Idempotency-Key.`;
  return { ...earlier, message };
}

/**
 * Deletes one engagement, and makes one delete of all that arrive with the same key of the same caller (the second waits
 * for the first, or gets what it came to, for 10 minutes). Each leaves one audit event; a dry run leaves none.
 * @throws {GraphQLError} `UNAUTHENTICATED` when upstream does not accept the caller's own token.
 */
export async function deleteOnce(
  input: DeleteEngagementInput,
  options: RepeatedDeleteOptions,
  ports: RepeatedDeletePorts,
): Promise<DeleteEngagementResult> {
  const { caller, callerKey, hasCallerLeft } = options;
  const record = options.dryRun ? () => {} : ports.recordDelete;
  const audit = (work: (trail: DeleteTrail) => Promise<DeleteEngagementResult>) => audited(input, caller, record, work);
  // A key must not open what the grant has closed since; and what is refused anyhow need not be remembered.
  const isRefused = () => !mayTouch(caller, input.integratedAccountId) || checkWellFormed(input).length > 0;
  if (callerKey === undefined || options.dryRun || isRefused()) {
    const first = { earlier: undefined, idempotencyKey: undefined };
    return audit((trail) => deleteEngagement(input, { ...options, ...first, trail }, ports));
  }
  const key = keyOf(caller, callerKey);
  const keyed = { key, fingerprint: fingerprintOf(input, options), hasCallerLeft };
  const remembered = await ports.deleteMemory.perform(keyed, (shared) =>
    audit(async (trail) => {
      const again = { ...options, ...shared, trail, idempotencyKey: upstreamKey(key) };
      return inLightOf(shared.earlier, await deleteEngagement(input, again, ports));
    }),
  );
  if (remembered.kind === 'other') return audit(async () => otherDelete);
  if (remembered.kind === 'repeated') {
    const { id: engagementId, integratedAccountId } = input;
    ports.recordRepetition({ callerId: caller.id, integratedAccountId, engagementId });
  }
  return remembered.result;
}
