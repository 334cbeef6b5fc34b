import { GraphQLError } from 'graphql';
import { digest, uuidOf } from '../digest.ts';
import { type Caller, mayTouch } from './access.ts';
import { type AuditEvent, audited, type DeleteTrail } from './audit.ts';
import { type DeleteEngagementOptions, deleteEngagement } from './delete-engagement.ts';
import type { DeleteMemory } from './delete-memory.ts';
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
export interface RepeatedDeleteOptions extends Omit<DeleteEngagementOptions, 'trail' | 'idempotencyKey' | 'earlier'> {
  /** The caller's own key, and which of the operation's deletes this is; undefined without a key. */
  readonly callerKey: readonly [key: string, responsePath: string] | undefined;
}

/**
 * In the form of a UUID, as upstream documents its keys; the same for every repetition, also in another process, and
 * another one for another delete, of which upstream must not repeat this one's answer.
 */
function upstreamKey(key: string, fingerprint: string): string {
  return uuidOf(key, fingerprint);
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

function keyOf({ id }: Caller, callerKey: readonly [string, string]): string {
  return digest(id, ...callerKey);
}

/** The `Idempotency-Key` that upstream gets with a delete under a key of its caller's. */
export function idempotencyKeyFor(
  input: DeleteEngagementInput,
  {
    caller,
    callerKey,
    ...options
  }: Pick<RepeatedDeleteOptions, 'caller' | 'selection' | 'snapshot'> & {
    readonly callerKey: readonly [string, string];
  },
): string {
  return upstreamKey(keyOf(caller, callerKey), fingerprintOf(input, options));
}

const otherDelete = refusedInput([
  refusal(['Idempotency-Key'], 'It was sent before with another delete, or another selection. Use a new one.'),
]);

/** A refusal of this attempt says nothing of an earlier one that may have deleted the engagement. */
function stillUnknown(earlier: OutcomeUnknownError, why: string): OutcomeUnknownError {
  const message = `An earlier attempt may have deleted the engagement; this one was not sent (${why}). Try again later, with the same Idempotency-Key.`;
  return { ...earlier, message };
}

/** Does the delete, and reads what comes of it in the light of an earlier attempt. */
async function tryAgain(
  earlier: OutcomeUnknownError | undefined,
  attempt: () => Promise<DeleteEngagementResult>,
): Promise<DeleteEngagementResult> {
  if (!earlier) return attempt();
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
  const fingerprint = fingerprintOf(input, options);
  const idempotencyKey = upstreamKey(key, fingerprint);
  const why = 'The server that sent it was lost before it had an answer';
  const ifLost = unknownOutcome({ input, idempotencyKey, snapshot: null }, { why });
  const keyed = { key, fingerprint, hasCallerLeft, ifLost };
  const remembered = await ports.deleteMemory.perform(keyed, (shared) =>
    audit(async (trail) => {
      const again = { ...options, ...shared, trail, idempotencyKey };
      return tryAgain(shared.earlier, () => deleteEngagement(input, again, ports));
    }),
  );
  if (remembered.kind === 'other') return audit(async () => otherDelete);
  if (remembered.kind === 'repeated') {
    const { id: engagementId, integratedAccountId } = input;
    ports.recordRepetition({ callerId: caller.id, integratedAccountId, engagementId });
  }
  return remembered.result;
}
