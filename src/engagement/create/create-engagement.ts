import { setTimeout as sleep } from 'node:timers/promises';
import { digest } from '../../upstream/digest.ts';
import { canAccess } from '../account.ts';
import { canCreate } from '../integrations.ts';
import { notGranted, notSent, refusedInput } from '../refusal.ts';
import type { WireField } from '../resources.ts';
import { type CreateEnd, type Finding, hasRefusal, type OutcomeUnknownError, warning } from '../result.ts';
import { checkLength } from '../rules.ts';
import { unsupported, Write, type WriteOptions, type WritePorts } from '../write.ts';
import {
  buildCreateRequest,
  type CreateEngagementInput,
  checkBody,
  checkConventions,
  checkCreate,
  checkCreateIntegration,
} from './input.ts';
import {
  type CreateContext,
  type CreatedSearch,
  created,
  findCreated,
  noteSent,
  nothingCreated,
  readCreateOutcome,
  selectedOf,
  unknownCreate,
} from './outcome.ts';

/** The options of a create. */
export interface CreateOptions extends WriteOptions {
  /** The fields of the new record to return. The request excludes the others. */
  readonly selected: ReadonlySet<WireField>;
}

type CreateRequest = ReturnType<typeof buildCreateRequest>;
/** The part of the remaining time in which Truto must answer. In the rest, a create without an answer is searched for. */
const shareOfTimeLeft = 2 / 3;
/** Providers write the time of creation to the second. */
const creationTimeStepMs = 1_000;
/** How long after a search that found nothing the second one begins, in milliseconds: lists may lag behind. */
const searchAgainMs = 500;

const inDoubt =
  'Redis is new, lost its data or was unreachable in the last 10 minutes, so an earlier request with this Idempotency-Key may have created the same engagement.';

/** One create, from its check to its record. */
class Create extends Write<CreateEngagementInput, CreateEnd, CreateOptions, WritePorts> {
  protected override readonly verb = 'create';
  protected override readonly idOf = createdIdOf;

  async run(): Promise<CreateEnd> {
    const { callerKey, selected } = this.options;
    const checked = this.#check();
    if ('kind' in checked) return this.ended(checked);
    const { request, findings } = checked;
    const key = callerKey && ({ name: 'Idempotency-Key', parts: callerKey } as const);
    // With the selection, also of fields that are sent and so never excluded: the remembered record has only these.
    const fingerprint = () => digest('create', request.path, request.body, [...selected].sort());
    return this.once(key, fingerprint, async (claim) => {
      if (!claim?.isInDoubt) return this.#carryOut(request, findings);
      const doubt = warning(['Idempotency-Key'], `${inDoubt} Look for a second one.`);
      const end = await this.#carryOut(request, [...findings, doubt]);
      // An error has no warnings. "Nothing was created" alone would deny the earlier request too.
      return 'message' in end ? { ...end, message: `${end.message} ${inDoubt}` } : end;
    });
  }

  /** Access and rules come before the memory: a key must not bypass a grant that was revoked. */
  #check(): { readonly request: CreateRequest; readonly findings: readonly Finding[] } | CreateEnd {
    const { caller, dryRun, selected } = this.options;
    if (!canAccess(caller, this.input.integratedAccountId)) return notGranted();
    const malformed = checkCreate(this.input);
    const findings = malformed.length > 0 ? [] : checkConventions(this.input);
    if (malformed.length > 0 || (hasRefusal(findings) && !dryRun)) return refusedInput([...malformed, ...findings]);
    const request = buildCreateRequest(this.input, selected, caller.authorization.reveal());
    const tooLong = [...checkBody(request.body, this.input), ...checkLength(request.path, this.input)];
    return tooLong.length > 0 ? refusedInput(tooLong) : { request, findings };
  }

  /** Account, its integration's rules, create. A failed look-up of the account does not stop the create; a missing account does. */
  async #carryOut(request: CreateRequest, checked: readonly Finding[]): Promise<CreateEnd> {
    const { caller, callerKey, dryRun, deadlineAt, selected } = this.options;
    const { input, ports } = this;
    const freshness = dryRun ? 'recent' : 'cached';
    const account = await ports.findAccountIntegration(caller, input.integratedAccountId, deadlineAt, freshness);
    const { support } = account;
    this.support = support;
    const findings = [...checked, ...checkCreateIntegration(input, support)];
    if (dryRun) return { kind: 'CreateEngagementPlan', ...this.planned(request, findings, account) };
    if (account.refusal?.kind === 'IntegratedAccountNotFoundError') return nothingCreated(account.refusal);
    if (!canCreate(support)) return unsupported('create', support.name ?? '');
    if (hasRefusal(findings)) return refusedInput(findings);
    if (this.hasCallerLeft()) return nothingCreated(notSent({ reason: 'abandoned' }));
    const [sentAtMs, nowMs] = [Date.now(), performance.now()];
    const noteEnd = noteSent(input, ports.send, callerKey?.join());
    let end: CreateEnd | undefined;
    try {
      // Sent once. After a rate limit, which created nothing, it is sent again with a new key.
      const terms = { deadlineAt: nowMs + (deadlineAt - nowMs) * shareOfTimeLeft, isRepeatable: false };
      const { attempt } = await this.send(request, terms);
      const context = { ...this.contextOf(findings), selected };
      end = await readCreateOutcome(attempt, context);
      if (end.kind === 'OutcomeUnknownError') end = await this.#search(end, sentAtMs, context);
      return end;
    } finally {
      noteEnd(end && end.kind !== 'OutcomeUnknownError' ? createdIdOf(end) : undefined);
    }
  }

  /** Looks for the engagement after an unclear end. Only one that was created since, with all values that were sent, is a success. */
  async #search(unknown: OutcomeUnknownError, sentAtMs: number, context: CreateContext): Promise<CreateEnd> {
    const { deadlineAt } = this.options;
    const sinceMs = sentAtMs - creationTimeStepMs;
    const options = { ...this.options, hasCallerLeft: this.hasCallerLeft };
    let search: CreatedSearch = await findCreated(this.input, sinceMs, options, this.ports);
    if (search.kind === 'None' && performance.now() + searchAgainMs < deadlineAt) {
      await sleep(searchAgainMs);
      search = await findCreated(this.input, sinceMs, options, this.ports);
    }
    if (search.kind === 'One') {
      const found =
        'No answer of Truto proved the create. A search found this engagement: created since, and with all values that were sent.';
      const read = selectedOf(search.record, context.selected);
      return created(read, 'FOUND', { ...context, warnings: [...context.warnings, found] });
    }
    const why = search.kind === 'None' ? 'A search did not find it yet.' : search.why;
    return { ...unknown, message: `${unknown.message} ${why}` };
  }

  protected override unknownSince(upstreamIdempotencyKey: string, why: string): OutcomeUnknownError {
    return unknownCreate(upstreamIdempotencyKey, { why });
  }
}

function createdIdOf(end: CreateEnd | undefined): string | null {
  return end?.kind === 'CreateEngagementSuccess' ? end.createdEngagementId : null;
}

/**
 * Creates one engagement. It is sent once: after an unclear answer, it is searched for instead. Requests with the same key of the same
 * caller are one create: for 10 minutes, a repeated request waits for the first or gets its result. Each create has one audit event. A
 * dry run has none, and returns findings instead of refusals where it can build a request.
 */
export function createEngagement(
  input: CreateEngagementInput,
  options: CreateOptions,
  ports: WritePorts,
): Promise<CreateEnd> {
  return new Create(input, options, ports).run();
}
