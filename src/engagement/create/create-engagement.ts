import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sent } from '../../upstream/attempt.ts';
import { digest } from '../../upstream/digest.ts';
import { type AccountLookup, type Caller, canAccess, checkAccount, limitedBy, settleNotFound } from '../account.ts';
import { type AuditEvent, auditEvent } from '../delete/audit.ts';
import { canCreate, creatingIntegrations, type Integration } from '../integrations.ts';
import type { ReadPorts } from '../read.ts';
import { callerLeft, notGranted, refusedInput } from '../refusal.ts';
import { type Claim, memoryKey, type RequestMemory, upstreamKey } from '../request-memory.ts';
import type { WireField } from '../resources.ts';
import { type CreateEnd, type Finding, hasRefusal, located, type OutcomeUnknownError, refusal } from '../result.ts';
import { checkLength } from '../rules.ts';
import { type CreatedSearch, findCreated, noteSent } from './find-created.ts';
import { buildCreateRequest, type CreateEngagementInput } from './input.ts';
import { type CreateContext, created, nothingCreated, readCreateOutcome, unknownCreate } from './outcome.ts';
import { checkBody, checkConventions, checkCreate, checkCreateIntegration } from './rules.ts';

/** The log entry of one create. */
export interface CreateEvent extends Omit<AuditEvent, 'engagementId'> {
  /** The id of the new engagement; null when it is not known, or nothing was created. */
  readonly engagementId: string | null;
}

/** The services that a create needs. */
export interface CreatePorts extends ReadPorts {
  /** Recognizes repeated creates. Without it, each request is a separate create. */
  readonly requestMemory?: RequestMemory | undefined;
  /** Records the end of a create. */
  readonly recordCreate: (event: CreateEvent) => void;
  /** Records a repeated create that was answered from memory. */
  readonly recordRepeatedCreate: (
    event: Pick<CreateEvent, 'callerId' | 'integratedAccountId' | 'engagementId'>,
  ) => void;
}

/** The options of a create. */
export interface CreateOptions {
  readonly caller: Caller;
  /** The fields of the new record to return. The request excludes the others. */
  readonly selected: ReadonlySet<WireField>;
  /** True to check only, and to show the request. */
  readonly dryRun: boolean;
  /** The caller's key, and the path of this create in the operation. Undefined without a key. */
  readonly callerKey: readonly [key: string, responsePath: string] | undefined;
  /** True once the client has disconnected. Then nothing further is sent. */
  readonly hasCallerLeft: () => boolean;
  /** The moment (by `performance.now()`) by which the result is due. */
  readonly deadlineAt: number;
}

type CreateRequest = ReturnType<typeof buildCreateRequest>;

/** The placeholder for the key in a plan. */
const plannedIdempotencyKey = '[new for each create]';

/** The part of the remaining time in which Truto must answer. In the rest, a create without an answer is searched for. */
const shareOfTimeLeft = 2 / 3;

/** Providers write the time of creation to the second. */
const creationTimeStepMs = 1_000;

/** How long after a search that found nothing the second one begins, in milliseconds: lists may lag behind. */
const searchAgainMs = 500;

const otherRequest = refusedInput([
  refusal(['Idempotency-Key'], 'It was used for another request or another selection. Use a new one.'),
]);

const inDoubt =
  'Redis is new, lost its data or was unreachable in the last 10 minutes, so an earlier request with this Idempotency-Key may have created the same engagement too. Look for a second one.';

/** One create, from its check to its record. */
class Create {
  readonly #input: CreateEngagementInput;
  readonly #options: CreateOptions;
  readonly #ports: CreatePorts;
  readonly #startMs = performance.now();
  readonly #answered = { count: 0 };
  /** The parts that each attempt's `Idempotency-Key` derives from. */
  #keyParts: readonly [name: string, fingerprint: string] = [randomUUID(), ''];
  #hasCallerLeft: () => boolean;
  #integration: Integration | null = null;
  // For the audit event.
  #integrationName: string | null = null;
  #attemptCount = 0;
  #lastKey: string | null = null;

  constructor(input: CreateEngagementInput, options: CreateOptions, ports: CreatePorts) {
    this.#input = input;
    this.#options = options;
    this.#ports = ports;
    this.#hasCallerLeft = options.hasCallerLeft;
  }

  async run(): Promise<CreateEnd> {
    const { callerKey, dryRun } = this.#options;
    const checked = this.#check();
    if ('kind' in checked) return this.#recorded(checked);
    const { request, findings } = checked;
    const claim = callerKey === undefined || dryRun ? undefined : await this.#claim(request, callerKey);
    if (claim?.kind === 'repeated') return this.#repeated(claim.result);
    if (claim?.kind === 'other') return this.#recorded(otherRequest);
    let end: CreateEnd | undefined;
    try {
      end = await this.#carryOut(
        request,
        claim?.isInDoubt
          ? [...findings, { severity: 'WARNING', path: ['Idempotency-Key'], message: inDoubt, allowedValues: [] }]
          : findings,
      );
      return end;
    } finally {
      // Without an end, this server failed, perhaps after the create was sent.
      this.#record(end);
      await claim?.settle(end);
    }
  }

  /** Access and rules come before the memory: a key must not bypass a grant that was revoked. */
  #check(): { readonly request: CreateRequest; readonly findings: readonly Finding[] } | CreateEnd {
    const { caller, dryRun, selected } = this.#options;
    if (!canAccess(caller, this.#input.integratedAccountId)) return notGranted();
    const malformed = checkCreate(this.#input);
    const findings = malformed.length > 0 ? [] : checkConventions(this.#input);
    if (malformed.length > 0 || (hasRefusal(findings) && !dryRun)) return refusedInput([...malformed, ...findings]);
    const request = buildCreateRequest(this.#input, selected, caller.authorization.reveal());
    const tooLong = [...checkBody(request.body, this.#input), ...checkLength(request.path, this.#input)];
    return tooLong.length > 0 ? refusedInput(tooLong) : { request, findings };
  }

  /** Claims the create among all requests with its key. */
  async #claim(
    { path, body }: CreateRequest,
    callerKey: readonly [string, string],
  ): Promise<Claim<CreateEnd> | undefined> {
    const { caller, deadlineAt } = this.#options;
    const [key, fingerprint] = [memoryKey(caller, callerKey), digest('create', path, body)];
    this.#keyParts = [key, fingerprint];
    const unknownSince = (why: string, answerCount: number) =>
      unknownCreate(upstreamKey(key, fingerprint, answerCount), { why });
    const keyed = { key, fingerprint, hasCallerLeft: this.#hasCallerLeft, deadlineAt, unknownSince };
    const claim = await this.#ports.requestMemory?.claim<CreateEnd>(keyed, this.#answered);
    if (claim?.kind === 'mine') this.#hasCallerLeft = claim.hasCallerLeft;
    return claim;
  }

  /** Account, its integration's rules, create. A failed look-up of the account does not stop the create; a missing account does. */
  async #carryOut(request: CreateRequest, checked: readonly Finding[]): Promise<CreateEnd> {
    const { caller, callerKey, dryRun, deadlineAt } = this.#options;
    const { integratedAccountId } = this.#input;
    const freshness = dryRun ? 'recent' : 'cached';
    const account = await this.#ports.findAccountIntegration(caller, integratedAccountId, deadlineAt, freshness);
    const { support } = account;
    this.#integration = support.kind === 'supported' ? support.integration : null;
    this.#integrationName = support.kind === 'unsupported' ? support.name : (this.#integration?.name ?? null);
    const findings = [...checked, ...checkCreateIntegration(this.#input, support, this.#integrationName)];
    if (dryRun) return this.#plan(request, findings, account);
    if (account.refusal?.kind === 'IntegratedAccountNotFoundError') return nothingCreated(account.refusal);
    if (!canCreate(support)) return this.#unsupported();
    if (hasRefusal(findings)) return refusedInput(findings);
    if (this.#hasCallerLeft()) return nothingCreated(callerLeft());
    const sentAtMs = Date.now();
    const noteEnd = noteSent(this.#input, this.#ports.send, callerKey?.join());
    let end: CreateEnd | undefined;
    try {
      const sent = await this.#send(request);
      const context = this.#contextWith(findings);
      end = await readCreateOutcome(sent.attempt, context);
      if (end.kind === 'OutcomeUnknownError') end = await this.#search(end, sentAtMs, context);
      return end;
    } finally {
      noteEnd(end && end.kind !== 'OutcomeUnknownError' ? createdIdOf(end) : undefined);
    }
  }

  #unsupported(): CreateEnd {
    const integrationName = this.#integrationName ?? 'The integration';
    const message = `Nothing was sent. ${integrationName} cannot create engagements through Truto.`;
    return {
      kind: 'UnsupportedIntegrationError',
      message,
      integrationName,
      supportedIntegrations: creatingIntegrations,
    };
  }

  #plan(request: CreateRequest, found: readonly Finding[], account: AccountLookup): CreateEnd {
    const findings = [...found, ...checkAccount(account, this.#options.caller)];
    const headers = { ...request.headers, 'idempotency-key': plannedIdempotencyKey };
    return { kind: 'CreateEngagementPlan', request: { ...request, headers }, findings, integration: this.#integration };
  }

  /** Sends the create once. After a rate limit, which created nothing, it is sent again with a new key. */
  async #send(request: CreateRequest): Promise<Sent> {
    const { caller, deadlineAt } = this.#options;
    const answeredBefore = this.#answered.count;
    const nowMs = performance.now();
    const sent = await this.#ports.send(request, {
      deadlineAt: nowMs + (deadlineAt - nowMs) * shareOfTimeLeft,
      hasCallerLeft: this.#hasCallerLeft,
      limitedBy: limitedBy(caller, this.#input.integratedAccountId),
      integration: this.#integrationName,
      keyAfter: (answerCount) => upstreamKey(...this.#keyParts, answeredBefore + answerCount),
    });
    this.#answered.count += sent.answerCount;
    this.#attemptCount = sent.attemptCount;
    this.#lastKey = sent.idempotencyKey ?? null;
    return sent;
  }

  #contextWith(findings: readonly Finding[]): CreateContext {
    const { caller, selected, deadlineAt } = this.#options;
    const { integratedAccountId } = this.#input;
    const { findAccountIntegration } = this.#ports;
    return {
      input: this.#input,
      selected,
      integration: this.#integration,
      warnings: findings.map(located),
      upstreamIdempotencyKey: this.#lastKey ?? '',
      callerBroughtToken: caller.bringsToken,
      settleNotFound: (refused) =>
        settleNotFound(refused, { caller, integratedAccountId, deadlineAt }, findAccountIntegration),
    };
  }

  /** Looks for the engagement after an unclear end. Only one that was created since, with all values that were sent, is a success. */
  async #search(unknown: OutcomeUnknownError, sentAtMs: number, context: CreateContext): Promise<CreateEnd> {
    const { caller, selected, deadlineAt } = this.#options;
    const sinceMs = sentAtMs - creationTimeStepMs;
    const options = { caller, selected, deadlineAt, hasCallerLeft: this.#hasCallerLeft };
    let search: CreatedSearch = await findCreated(this.#input, sinceMs, options, this.#ports);
    if (search.kind === 'None' && performance.now() + searchAgainMs < deadlineAt) {
      await sleep(searchAgainMs);
      search = await findCreated(this.#input, sinceMs, options, this.#ports);
    }
    if (search.kind === 'One') {
      const warning =
        'No answer of Truto proved the create. A search found this engagement: created since, and with all values that were sent.';
      return created(search.record, 'FOUND', context, { rateLimit: null, warnings: [warning] });
    }
    const why = search.kind === 'None' ? 'A search did not find it yet.' : search.why;
    return { ...unknown, message: `${unknown.message} ${why}` };
  }

  #repeated(result: CreateEnd): CreateEnd {
    const { integratedAccountId } = this.#input;
    this.#ports.recordRepeatedCreate({
      callerId: this.#options.caller.id,
      integratedAccountId,
      engagementId: createdIdOf(result),
    });
    return result;
  }

  #recorded(end: CreateEnd): CreateEnd {
    this.#record(end);
    return end;
  }

  /** Writes the one audit event of this create. A dry run has none. */
  #record(end: CreateEnd | undefined): void {
    const { dryRun, caller } = this.#options;
    if (dryRun) return;
    const { integratedAccountId } = this.#input;
    const engagementId = end ? createdIdOf(end) : null;
    const event = auditEvent({ id: engagementId ?? '', integratedAccountId }, caller, end, {
      integration: this.#integrationName,
      attempts: this.#attemptCount,
      upstreamIdempotencyKey: this.#lastKey,
      durationMs: Math.round(performance.now() - this.#startMs),
    });
    this.#ports.recordCreate({ ...event, engagementId: engagementId === null ? null : event.engagementId });
  }
}

function createdIdOf(end: CreateEnd): string | null {
  return end.kind === 'CreateEngagementSuccess' ? end.createdEngagementId : null;
}

/**
 * Creates one engagement. It is sent once: after an unclear answer, it is searched for instead. Requests with the same key of the same
 * caller are one create: for 10 minutes, a repeated request waits for the first or gets its result. Each create has one audit event. A
 * dry run has none, and returns findings instead of refusals where it can build a request.
 */
export function createEngagement(
  input: CreateEngagementInput,
  options: CreateOptions,
  ports: CreatePorts,
): Promise<CreateEnd> {
  return new Create(input, options, ports).run();
}
