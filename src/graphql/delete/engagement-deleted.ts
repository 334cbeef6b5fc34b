import { canAccess, findLostAccess } from '../../engagement/account.ts';
import type { DeleteEvidence, KnownDelete } from '../../engagement/known-deletes.ts';
import { notGranted, refusedInput } from '../../engagement/refusal.ts';
import { checkId } from '../../engagement/rules.ts';
import { enumOf, objectType } from '../core/builder.ts';
import { type Context, requireCaller } from '../core/context.ts';
import { follow, lookupTimeoutMs, subscriptionField } from '../core/follow.ts';
import { failedRead, fieldError } from '../core/top-level-errors.ts';
import '../types/values.ts';

enumOf<DeleteEvidence>('DeletedEngagementEvidence: How it is known that an engagement is deleted.', {
  DELETED: 'A delete through this API ended as `DELETED`.',
  ALREADY_ABSENT: 'A delete through this API ended as `ALREADY_ABSENT`.',
  EVENT: "Truto's event `record:deleted` reported it. Any program or person may have deleted it.",
});

const DeletedEngagement = objectType<KnownDelete>('DeletedEngagement: An engagement that is known to be deleted.')({
  id: "ID!: Truto's id of the engagement. In an integration that requires a type, an engagement of another type may have the same id.",
  evidence: 'DeletedEngagementEvidence!: How it is known.',
  at: "DateTime!: When this became known: the end of the delete, or the creation of Truto's event.",
});

const expired = 'Your token has expired. No more events follow. Subscribe again with a new token.';

/** @throws {GraphQLError} unless the caller may use the account. */
async function checkAccess(integratedAccountId: string, context: Context): Promise<void> {
  const caller = requireCaller(context);
  if (!canAccess(caller, integratedAccountId)) throw failedRead(notGranted());
  const findings = checkId(integratedAccountId, ['integratedAccountId']);
  if (findings.length > 0) throw failedRead(refusedInput(findings));
  if (!caller.bringsToken) return;
  const deadlineAt = performance.now() + lookupTimeoutMs;
  const { isShown, refusal } = await context.findAccountIntegration(caller, integratedAccountId, deadlineAt);
  if (!isShown && refusal) throw failedRead(refusal);
}

subscriptionField('engagementDeleted', {
  type: DeletedEngagement,
  description:
    "Sends each engagement of an integrated account that is deleted from now on, as far as this server knows. It knows its own deletes, those of all servers that share its Redis, and Truto's events. Without `REDIS_URL`, it knows only what happens at this process. An engagement may come twice: after its delete, and by the event. New ones are sent once a second. The subscription ends with `EVENTS_LOST` when you read too slowly, or a server has lost Redis. It ends with `UNAUTHENTICATED` when your token expires or is revoked, and with `FORBIDDEN` when you lose access to the account. A server that stops ends it early: subscribe again.",
  args: { integratedAccountId: "ID!: Truto's id of the integrated account." },
  async subscribe({ integratedAccountId }, context) {
    await checkAccess(integratedAccountId, context);
    const { knownDeletes, findAccountIntegration } = context;
    let position: string | null = null;
    async function read(): Promise<readonly KnownDelete[]> {
      const found = await knownDeletes.read(integratedAccountId, position);
      if (!found || found.isIncomplete) throw fieldError('EVENTS_LOST');
      position = found.position;
      return found.items;
    }
    // Before the stream starts: no delete after the answer's head is missed.
    await read();
    const caller = requireCaller(context);
    const confirm = (deadlineAt: number) =>
      findLostAccess(integratedAccountId, caller, deadlineAt, findAccountIntegration);
    return follow({ read, confirm, expired }, context);
  },
});
