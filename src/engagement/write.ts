import { randomUUID } from 'node:crypto';
import type { Sent } from '../upstream/attempt.ts';
import { type AccountLookup, type Caller, checkAccount, limitedBy, settleNotFound } from './account.ts';
import type { Integration } from './integrations.ts';
import type { ReadPorts } from './read.ts';
import type { RecordKey } from './record.ts';
import { refusedInput } from './refusal.ts';
import type { WriteRequest } from './request.ts';
import { type Claim, memoryKey, type RequestMemory, upstreamKey } from './request-memory.ts';
import {
  type CreateEnd,
  type DeleteEnd,
  type DeleteEngagementError,
  type Finding,
  type OutcomeUnknownError,
  type Refusal,
  refusal,
} from './result.ts';

/** The log entry of one delete: who, what, where and the outcome. Never a record's content or a credential. */
export interface AuditEvent {
  readonly callerId: string;
  readonly integratedAccountId: string;
  /** The account's integration; null when it is not known, or was not looked up. */
  readonly integration: string | null;
  readonly engagementId: string;
  /** The result's member, or the code of the top-level error. */
  readonly result: string;
  /** The success's outcome, or an error's message. */
  readonly detail: string;
  /** How often it was attempted upstream. */
  readonly attempts: number;
  /**
   * The `Idempotency-Key` for upstream, derived from the caller's key if there is one: that of the last attempt, or, if none could start,
   * that of the next. Null when the delete was refused before.
   */
  readonly upstreamIdempotencyKey: string | null;
  readonly durationMs: number;
}

/** The log entry of a repeated request that was answered from memory. */
export type Repetition<Id = string> = Pick<AuditEvent, 'callerId' | 'integratedAccountId'> & {
  readonly engagementId: Id;
};

/** The options of a delete or a create. */
export interface WriteOptions {
  readonly caller: Caller;
  /** True to check only, and to show the request. */
  readonly dryRun: boolean;
  /** The caller's key, and the path of this field in the operation. Undefined without a key. */
  readonly callerKey: readonly [key: string, responsePath: string] | undefined;
  /** True once the client has disconnected. Then nothing further is sent. */
  readonly hasCallerLeft: () => boolean;
  /** The moment (by `performance.now()`) by which the result is due. */
  readonly deadlineAt: number;
}

/** The services that a delete and a create need. */
export interface WritePorts extends ReadPorts {
  /** Recognizes repeated requests. Without it, each is a delete or create of its own. */
  readonly requestMemory?: RequestMemory | undefined;
}

/** What the end of a sent request is read with. */
export interface OutcomeContext<Input> {
  readonly input: Input;
  readonly integration: Integration | null;
  readonly warnings: readonly string[];
  readonly upstreamIdempotencyKey: string;
  /** True when upstream's 401 is about the caller's own token. */
  readonly callerBroughtToken: boolean;
  /** Finds out whether the record or the account is missing: see `settleNotFound` in `account.ts`. */
  readonly settleNotFound: (refused: Refusal) => Promise<Refusal>;
}

/** The longest text of an event, in characters: a caller must not be able to fill the log. */
const maxCharacters = 600;
const bounded = (text: string) => (text.length > maxCharacters ? text.slice(0, maxCharacters) : text);

/** The result's member, or the code of the top-level error. */
export function codeOfEnd(end: DeleteEnd | CreateEnd): string {
  return end.kind === 'Unauthenticated' ? 'UNAUTHENTICATED' : end.kind;
}

const detailOf = (end: DeleteEnd | CreateEnd): string =>
  'outcome' in end ? end.outcome : 'message' in end ? end.message : '';

/** For a key that is another request's. @param name the argument or header with the key. */
export function otherRequest(name: string) {
  return refusedInput([refusal([name], 'It was used for another request or another selection. Use a new one.')]);
}

/** For an integration that Truto cannot delete engagements of, or cannot create them. */
export function unsupported(
  verb: 'delete' | 'create',
  integrationName: string,
  supportedIntegrations: readonly string[],
): Extract<DeleteEngagementError, { kind: 'UnsupportedIntegrationError' }> {
  const message = `Nothing was sent. ${integrationName} cannot ${verb} engagements through Truto.`;
  return { kind: 'UnsupportedIntegrationError', message, integrationName, supportedIntegrations };
}

/** What a delete and a create have in common: the claim of their key, what is known of the account, sending, and the audit event. */
export abstract class Write<
  Input extends { readonly integratedAccountId: string },
  Options extends WriteOptions,
  Ports extends WritePorts,
> {
  readonly input: Input;
  protected readonly options: Options;
  protected readonly ports: Ports;
  /** How many attempts upstream answered. */
  protected readonly answered: { count: number };
  protected hasCallerLeft: () => boolean;
  protected integration: Integration | null = null;
  protected integrationName: string | null = null;
  /** The `Idempotency-Key` of the last attempt. */
  protected lastKey: string | null = null;
  /** With a caller's key: the parts that each attempt's `Idempotency-Key` derives from. */
  #keyParts: readonly [name: string, fingerprint: string] | undefined;
  /** Without a caller's key: the first attempt's `Idempotency-Key`. */
  protected readonly ownKey: string = randomUUID();
  readonly #startMs = performance.now();
  #attemptCount = 0;

  constructor(input: Input, options: Options, ports: Ports, answered = { count: 0 }) {
    this.input = input;
    this.options = options;
    this.ports = ports;
    this.answered = answered;
    this.hasCallerLeft = options.hasCallerLeft;
  }

  /** The unknown outcome of an attempt that another request or process made. */
  protected abstract unknownSince(upstreamIdempotencyKey: string, why: string): OutcomeUnknownError;

  /** Claims this among all requests with its key. */
  protected async claim<End extends DeleteEnd | CreateEnd>(
    callerKey: readonly [string, string],
    fingerprint: string,
  ): Promise<Claim<End> | undefined> {
    const { caller, deadlineAt } = this.options;
    const key = memoryKey(caller, callerKey);
    this.#keyParts = [key, fingerprint];
    const unknownSince = (why: string, answerCount: number) =>
      this.unknownSince(upstreamKey(key, fingerprint, answerCount), why);
    const keyed = { key, fingerprint, hasCallerLeft: this.hasCallerLeft, deadlineAt, unknownSince };
    const claim = await this.ports.requestMemory?.claim<End>(keyed, this.answered);
    if (claim?.kind === 'mine') this.hasCallerLeft = claim.hasCallerLeft;
    return claim;
  }

  /** Notes the integration of the account. */
  protected noteIntegration({ support }: AccountLookup): void {
    this.integration = support.integration ?? null;
    this.integrationName = support.name ?? null;
  }

  /** What a dry run shows: the request, and the findings against it and its account. */
  protected planned(
    verb: 'delete' | 'create',
    request: WriteRequest,
    found: readonly Finding[],
    account: AccountLookup,
  ) {
    const headers = { ...request.headers, 'idempotency-key': `[new for each ${verb}]` };
    const findings = [...found, ...checkAccount(account, this.options.caller)];
    return { request: { ...request, headers }, findings, integration: this.integration };
  }

  protected keyAfter(answerCount: number): string {
    if (!this.#keyParts && answerCount === 0) return this.ownKey;
    return upstreamKey(...(this.#keyParts ?? [this.ownKey, '']), answerCount);
  }

  /** Sends the request, with a new key after each answer. */
  protected async send(
    request: WriteRequest,
    deadlineAt: number,
    isRepeatable: boolean,
    streamsTo?: string,
  ): Promise<Sent> {
    const answeredBefore = this.answered.count;
    const firstKey = this.keyAfter(answeredBefore);
    const sent = await this.ports.send(request, {
      deadlineAt,
      hasCallerLeft: this.hasCallerLeft,
      streamsTo,
      isRepeatable,
      limitedBy: limitedBy(this.options.caller, this.input.integratedAccountId),
      integration: this.integrationName,
      keyAfter: (answerCount) => (answerCount === 0 ? firstKey : this.keyAfter(answeredBefore + answerCount)),
    });
    this.answered.count += sent.answerCount;
    this.#attemptCount = sent.attemptCount;
    this.lastKey = sent.idempotencyKey ?? null;
    return sent;
  }

  /** Finds out whether the record or the account is missing. */
  protected settleNotFound(refused: Refusal): Promise<Refusal> {
    const { caller, deadlineAt } = this.options;
    const { integratedAccountId } = this.input;
    return settleNotFound(refused, { caller, integratedAccountId, deadlineAt }, this.ports.findAccountIntegration);
  }

  /** The one audit event. @param end undefined for a fault of this server, whose error is logged elsewhere. */
  protected auditEvent({ id, integratedAccountId }: RecordKey, end: DeleteEnd | CreateEnd | undefined): AuditEvent {
    return {
      callerId: bounded(this.options.caller.id),
      integratedAccountId: bounded(integratedAccountId),
      engagementId: bounded(id),
      result: end ? codeOfEnd(end) : 'INTERNAL_SERVER_ERROR',
      detail: end ? bounded(detailOf(end)) : '',
      integration: this.integrationName,
      attempts: this.#attemptCount,
      upstreamIdempotencyKey: this.lastKey,
      durationMs: Math.round(performance.now() - this.#startMs),
    };
  }
}
