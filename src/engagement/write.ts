import { randomUUID } from 'node:crypto';
import type { SendOptions } from '../upstream/attempt.ts';
import { type AccountLookup, checkAccount, limitedBy, settleNotFound } from './account.ts';
import { creatingIntegrations, type Integration, type IntegrationSupport, integrations } from './integrations.ts';
import type { ReadBounds, ReadPorts } from './read.ts';
import { refusedInput } from './refusal.ts';
import type { WriteRequest } from './request.ts';
import { type Claim, memoryKey, type RequestMemory, upstreamKey } from './request-memory.ts';
import {
  type CreateEnd,
  type DeleteEnd,
  type Finding,
  located,
  type OutcomeUnknownError,
  type Refusal,
  refusal,
} from './result.ts';

/** What is done to an engagement. */
export type Verb = 'delete' | 'create';

/** The log entry of one delete or create: who, what, where and the outcome. Never a record's content or a credential. */
export interface AuditEvent {
  readonly callerId: string;
  readonly integratedAccountId: string;
  /** The account's integration; null when it is not known, or was not looked up. */
  readonly integration: string | null;
  /** Of a create: that of the new engagement; null when it is not known, or nothing was created. */
  readonly engagementId: string | null;
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
export type Repetition = Pick<AuditEvent, 'callerId' | 'integratedAccountId' | 'engagementId'>;

/** The options of a delete or a create. */
export interface WriteOptions extends ReadBounds {
  /** True to check only, and to show the request. */
  readonly dryRun: boolean;
  /** The caller's key, and the path of this field in the operation. Undefined without a key. */
  readonly callerKey: readonly [key: string, responsePath: string] | undefined;
}

/** The services that a delete and a create need. */
export interface WritePorts extends ReadPorts {
  /** Recognizes repeated requests. Without it, each is a delete or create of its own. */
  readonly requestMemory?: RequestMemory | undefined;
  /** Records an end, once, even if it arrives several times. Without it, only the result tells. */
  readonly recordEnd?: (verb: Verb, event: AuditEvent) => void;
  /** Records a repeated request that was answered from memory. */
  readonly recordRepetition?: (verb: Verb, event: Repetition) => void;
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
  const why = 'It was used for another request or another selection. Find out first what that did, then use a new one.';
  return refusedInput([refusal([name], why)]);
}

/** For an integration that Truto cannot delete engagements of, or cannot create them. */
export function unsupported(verb: Verb, integrationName: string) {
  const supportedIntegrations = verb === 'create' ? creatingIntegrations : integrations.map(({ name }) => name);
  const message = `Nothing was sent. ${integrationName} cannot ${verb} engagements through Truto.`;
  return { kind: 'UnsupportedIntegrationError', message, integrationName, supportedIntegrations } as const;
}

/** What a delete and a create have in common: the claim of their key, what is known of the account, sending, and the audit event. */
export abstract class Write<
  Input extends { readonly integratedAccountId: string },
  End extends DeleteEnd | CreateEnd,
  Options extends WriteOptions,
  Ports extends WritePorts,
> {
  protected abstract readonly verb: Verb;
  readonly input: Input;
  protected readonly options: Options;
  protected readonly ports: Ports;
  /** How many attempts upstream answered. */
  protected readonly answered: { count: number };
  protected hasCallerLeft: () => boolean;
  /** What is known of the account's integration. */
  protected support: IntegrationSupport = { kind: 'unknown' };
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

  /** The id of the engagement, as far as known at that end. */
  protected abstract idOf(end: End | undefined): string | null;

  /** The end, unless more is known by now. */
  protected settle(end: End): End | Promise<End> {
    return end;
  }

  /** Records the end, and returns it. A dry run has no record. */
  ended<SomeEnd extends End | undefined>(end: SomeEnd): SomeEnd {
    if (!this.options.dryRun) this.ports.recordEnd?.(this.verb, this.#auditEvent(end));
    return end;
  }

  /** Does the work, unless another request with the key does it or has done it. Without a key, and in a dry run, it is always done. */
  protected async once(
    key: { readonly name: string; readonly parts: readonly [string, string] } | undefined,
    fingerprint: () => string,
    work: (claim: (Claim<End> & { kind: 'mine' }) | undefined) => Promise<End>,
  ): Promise<End> {
    const claim = key && !this.options.dryRun ? await this.#claim(key.parts, fingerprint()) : undefined;
    if (claim?.kind === 'repeated') {
      const [result, callerId] = [await this.settle(claim.result), this.options.caller.id];
      const { integratedAccountId } = this.input;
      this.ports.recordRepetition?.(this.verb, { callerId, integratedAccountId, engagementId: this.idOf(result) });
      return result;
    }
    if (claim?.kind === 'other') return this.ended(otherRequest(key?.name ?? '') as End);
    let end: End | undefined;
    try {
      end = await work(claim);
      return end;
    } finally {
      // Without an end, this server failed, perhaps after the request was sent.
      this.ended(end);
      await claim?.settle(end);
    }
  }

  async #claim(callerKey: readonly [string, string], fingerprint: string): Promise<Claim<End> | undefined> {
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

  /** What a dry run shows: the request, and the findings against it and its account. */
  protected planned(request: WriteRequest, found: readonly Finding[], account: AccountLookup) {
    const headers = { ...request.headers, 'idempotency-key': `[new for each ${this.verb}]` };
    const findings = [...found, ...checkAccount(account, this.options.caller)];
    return { request: { ...request, headers }, findings, integration: this.support.integration ?? null };
  }

  protected keyAfter(answerCount: number): string {
    if (!this.#keyParts && answerCount === 0) return this.ownKey;
    return upstreamKey(...(this.#keyParts ?? [this.ownKey, '']), answerCount);
  }

  /** Sends the request, with a new key after each answer. */
  protected async send(request: WriteRequest, terms: Pick<SendOptions, 'deadlineAt' | 'isRepeatable' | 'streamsTo'>) {
    const answeredBefore = this.answered.count;
    const firstKey = this.keyAfter(answeredBefore);
    const sent = await this.ports.send(request, {
      ...terms,
      hasCallerLeft: this.hasCallerLeft,
      limitedBy: limitedBy(this.options.caller, this.input.integratedAccountId),
      integration: this.support.name ?? null,
      keyAfter: (answerCount) => (answerCount === 0 ? firstKey : this.keyAfter(answeredBefore + answerCount)),
    });
    this.answered.count += sent.answerCount;
    this.#attemptCount = sent.attemptCount;
    this.lastKey = sent.idempotencyKey ?? null;
    return sent;
  }

  /** What the end of the sent request is read with. */
  protected contextOf(findings: readonly Finding[]): OutcomeContext<Input> {
    const { caller, deadlineAt } = this.options;
    const { input, ports } = this;
    const { integration = null } = this.support;
    const account = { caller, integratedAccountId: input.integratedAccountId, deadlineAt };
    return {
      ...{ input, integration, warnings: findings.map(located), upstreamIdempotencyKey: this.lastKey ?? '' },
      callerBroughtToken: caller.bringsToken,
      settleNotFound: (refused) => settleNotFound(refused, account, ports.findAccountIntegration),
    };
  }

  /** The one audit event. @param end undefined for a fault of this server, whose error is logged elsewhere. */
  #auditEvent(end: End | undefined): AuditEvent {
    const id = this.idOf(end);
    return {
      callerId: bounded(this.options.caller.id),
      integratedAccountId: bounded(this.input.integratedAccountId),
      engagementId: id && bounded(id),
      result: end ? codeOfEnd(end) : 'INTERNAL_SERVER_ERROR',
      detail: end ? bounded(detailOf(end)) : '',
      integration: this.support.name ?? null,
      attempts: this.#attemptCount,
      upstreamIdempotencyKey: this.lastKey,
      durationMs: Math.round(performance.now() - this.#startMs),
    };
  }
}
