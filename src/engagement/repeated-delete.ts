import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import { digest, uuidOf } from '../digest.ts';
import { type Caller, mayTouch } from './access.ts';
import { type AuditEvent, audited, type DeleteTrail } from './audit.ts';
import { type DeleteEngagementOptions, deleteEngagement } from './delete-engagement.ts';
import type { DeleteMemory, SharedDelete } from './delete-memory.ts';
import { refusal } from './finding.ts';
import type { DeleteEngagementInput } from './input.ts';
import { refusedInput } from './refusal.ts';
import { buildDeleteRequest } from './request.ts';
import type { DeleteEngagementResult, OutcomeUnknownError } from './result.ts';
import { checkWellFormed } from './rules.ts';
import type { SnapshotPorts } from './snapshot.ts';
import { unknownOutcome } from './unknown-outcome.ts';

/** What a delete needs that may arrive more than once. */
export interface RepeatedDeletePorts extends SnapshotPorts {
  readonly deleteMemory: DeleteMemory;
  /** Writes down what became of a delete: once for each, however often it arrives. */
  readonly recordDelete: (event: AuditEvent) => void;
  /** Writes down that a delete arrived again, and was answered from memory. */
  readonly recordRepetition: (event: Pick<AuditEvent, 'callerId' | 'integratedAccountId' | 'engagementId'>) => void;
}

/** Everything about a delete that may arrive more than once, but what to delete. */
export interface RepeatedDeleteOptions
  extends Omit<DeleteEngagementOptions, 'trail' | 'keyAfter' | 'answered' | 'earlier'> {
  /** The caller's own key, and which of the operation's deletes this is; undefined without a key. */
  readonly callerKey: readonly [key: string, responsePath: string] | undefined;
}

/**
 * In the form of a UUID, as upstream documents its keys. The same in every process, and another one for another delete and
 * after each answer: upstream may repeat, under a key, whatever it answered under it.
 */
function upstreamKey(key: string, fingerprint: string, answerCount: number): string {
  return answerCount === 0 ? uuidOf(key, fingerprint) : uuidOf(key, fingerprint, answerCount);
}

/** The order of names means nothing, that of a list's items does: they have one name, and keep their places. */
function byName(left: string, right: string): number {
  const [name = '', other = ''] = [left.split('=', 1)[0], right.split('=', 1)[0]];
  return name < other ? -1 : Number(name > other);
}

/** What means the same upstream is the same, however it is written: absent or null, empty or not there, in any order. */
function fingerprintOf(
  input: DeleteEngagementInput,
  { selection, snapshot }: Pick<RepeatedDeleteOptions, 'selection' | 'snapshot'>,
): string {
  const { fields, noteFields, chunks } = selection;
  const { path } = buildDeleteRequest(input, selection, { authorization: '', idempotencyKey: '' });
  const parameters = path.split(/[?&]/).sort(byName);
  return digest(parameters, snapshot, [...fields].sort(), [...noteFields].sort(), chunks);
}

function keyOf({ id }: Pick<Caller, 'id'>, callerKey: readonly [string, string]): string {
  return digest(id, ...callerKey);
}

/** The `Idempotency-Key` of a delete's next attempt upstream, under a key of its caller's, after so many were answered. */
export function idempotencyKeyFor(
  input: DeleteEngagementInput,
  {
    caller,
    callerKey,
    ...options
  }: Pick<RepeatedDeleteOptions, 'selection' | 'snapshot'> & {
    readonly caller: Pick<Caller, 'id'>;
    readonly callerKey: readonly [string, string];
  },
  answerCount: number,
): string {
  return upstreamKey(keyOf(caller, callerKey), fingerprintOf(input, options), answerCount);
}

const otherDelete = refusedInput([
  refusal(['Idempotency-Key'], 'It was sent before with another delete, or another selection. Use a new one.'),
]);

/** A refusal of this attempt says nothing of an earlier one that may have deleted the engagement. */
function stillUnknown(earlier: OutcomeUnknownError, why: string): OutcomeUnknownError {
  const message = `An earlier attempt may have deleted the engagement; this one was not sent (${why}). Try again later, with the same Idempotency-Key.`;
  return { ...earlier, message };
}

/** Says why an outcome is read as that of a further attempt, although no earlier one is known. */
function inDoubt(result: DeleteEngagementResult): DeleteEngagementResult {
  const why =
    'The memory that replicas share (Redis) was lost or unreachable within the last 10 minutes, so an earlier attempt under this Idempotency-Key may have been forgotten.';
  if (result.kind === 'OutcomeUnknownError') return { ...result, message: `${why} ${result.message}` };
  const isAbsent = result.kind === 'DeleteEngagementSuccess' && result.outcome === 'ALREADY_ABSENT';
  return isAbsent ? { ...result, warnings: [...result.warnings, why] } : result;
}

/** Does the delete, and reads what comes of it in the light of an earlier attempt. */
async function tryAgain(
  { earlier, isInDoubt }: Pick<SharedDelete, 'earlier' | 'isInDoubt'>,
  attempt: () => Promise<DeleteEngagementResult>,
): Promise<DeleteEngagementResult> {
  if (!earlier) return attempt();
  if (isInDoubt) return inDoubt(await tryAgain({ earlier, isInDoubt: false }, attempt));
  try {
    const result = await attempt();
    const isSettled = result.kind === 'DeleteEngagementSuccess' || result.kind === 'OutcomeUnknownError';
    return isSettled ? result : stillUnknown(earlier, result.kind);
  } catch (error) {
    // A top-level error, such as for a token that was revoked since, could not say that the engagement may be gone.
    if (error instanceof GraphQLError) return stillUnknown(earlier, String(error.extensions.code));
    throw error;
  }
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
  const { caller, callerKey, hasCallerLeft, deadlineAt } = options;
  const record = options.dryRun ? () => {} : ports.recordDelete;
  const audit = (work: (trail: DeleteTrail) => Promise<DeleteEngagementResult>) => audited(input, caller, record, work);
  // A key must not open what the grant has closed since; and what is refused anyhow need not be remembered.
  const isRefused = () => !mayTouch(caller, input.integratedAccountId) || checkWellFormed(input).length > 0;
  if (callerKey === undefined || options.dryRun || isRefused()) {
    const own = randomUUID();
    const keyAfter = (answerCount: number) => upstreamKey(own, '', answerCount);
    const first = { earlier: undefined, answered: { count: 0 }, keyAfter };
    return audit((trail) => deleteEngagement(input, { ...options, ...first, trail }, ports));
  }
  const key = keyOf(caller, callerKey);
  const fingerprint = fingerprintOf(input, options);
  const keyAfter = (answerCount: number) => upstreamKey(key, fingerprint, answerCount);
  const unknownSince = (why: string, answerCount: number) =>
    unknownOutcome({ input, idempotencyKey: keyAfter(answerCount), snapshot: null }, { why });
  const keyed = { key, fingerprint, hasCallerLeft, deadlineAt, unknownSince };
  const remembered = await ports.deleteMemory.perform(keyed, (shared) =>
    audit(async (trail) => {
      const again = { ...options, ...shared, trail, keyAfter };
      return tryAgain(shared, () => deleteEngagement(input, again, ports));
    }),
  );
  if (remembered.kind === 'other') return audit(async () => otherDelete);
  if (remembered.kind === 'repeated') {
    const { id: engagementId, integratedAccountId } = input;
    ports.recordRepetition({ callerId: caller.id, integratedAccountId, engagementId });
  }
  return remembered.result;
}
