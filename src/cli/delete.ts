import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { deleteEngagement } from '../engagement/delete/delete-engagement.ts';
import { itemKey } from '../engagement/delete/delete-many.ts';
import type { EngagementType } from '../engagement/input.ts';
import type { IntegrationSupport } from '../engagement/integrations.ts';
import { type EngagementRecord, nothing, plainRecord, wholeSelection } from '../engagement/record.ts';
import { refusedInput } from '../engagement/refusal.ts';
import { type Finding, hasRefusal, located } from '../engagement/result.ts';
import { checkIntegration, checkWellFormed } from '../engagement/rules.ts';
import { readIdempotencyKey } from '../http/requests/headers.ts';
import {
  type End,
  type ExitCode,
  exitCodeOf,
  exitCodes,
  isForPeople,
  plain,
  tokenRefused,
  UsageError,
} from './output.ts';
import { sendPatiently } from './patience.ts';
import { type Session, withSession } from './session.ts';

/** The options that `delete` and `bulk` have in common. */
export interface DeleteOptions {
  readonly account: string;
  readonly type?: EngagementType;
  readonly dryRun?: boolean;
  readonly snapshot?: boolean;
  readonly idempotencyKey?: string;
  readonly json?: boolean;
  /** How many seconds a delete is retried while a retry is safe. */
  readonly patience: number;
  readonly tokenFile?: string;
}

/**
 * `delete <id>`: asks for confirmation at a terminal, and prints one line with the end of the delete. Input that the integration's rules
 * refuse is reported without a question.
 */
export function deleteCommand(id: string, options: DeleteOptions & { readonly yes?: boolean }): Promise<ExitCode> {
  const isAsked = canAsk() && !options.yes;
  const work = async ({ deleteOne, report, session, stop }: Deletes) => {
    if (isAsked && !options.dryRun) {
      const { account, type } = options;
      const deadlineAt = performance.now() + session.config.requestTimeoutMs;
      const { support } = await session.ports.findAccountIntegration(session.caller, account, deadlineAt);
      const input = { id, engagementType: type, integratedAccountId: account, format: 'unified' } as const;
      const rules = support.kind === 'supported' ? checkIntegration(input, support) : [];
      const findings = [...checkWellFormed(input), ...rules];
      if (hasRefusal(findings)) return report(id, refusedInput(findings));
      if (!(await confirm(session.output.shown(questionAbout(id, account, support)), stop)))
        return report(id, { kind: 'NotSent', message: 'Nothing was deleted: you did not confirm it.' });
    }
    return report(id, await deleteOne(id, session.onRetry));
  };
  return withDeletes(options, work, isAsked);
}

/** The name of an account's integration, for a question. */
export function integrationNameIn(support: IntegrationSupport): string {
  const name = support.kind === 'supported' ? support.integration.name : undefined;
  return name ?? (support.kind === 'unsupported' ? support.name : 'unknown integration');
}

function questionAbout(id: string, account: string, support: IntegrationSupport): string {
  const integration = integrationNameIn(support);
  return `Delete engagement ${plain(id)} in integrated account ${plain(account)} (${integration})? It cannot be undone.`;
}

/** True when a person can be asked: standard input and standard output are terminals. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** Asks on standard output, which is a terminal. Only `y` and `yes` agree; Ctrl-D, and a signal that aborts `stop`, do not. Closes standard input. */
export async function confirm(question: string, stop: AbortSignal): Promise<boolean> {
  process.stdout.write(`${question} [y/N] `);
  try {
    // Without an output, the terminal itself edits the line, and Ctrl-C stays a signal.
    for await (const line of createInterface({ input: process.stdin, signal: stop }))
      return /^\s*y(es)?\s*$/i.test(line);
    process.stdout.write('\n');
    return false;
  } finally {
    // An open one would keep the process alive.
    process.stdin.destroy();
  }
}

/**
 * Runs `work` with the deletes of a session of its own.
 * @param isAsked true when a person confirms each delete.
 * @throws {ConfigError} or {@link UsageError} before anything is sent.
 */
export async function withDeletes(
  options: DeleteOptions,
  work: (deletes: Deletes) => Promise<ExitCode>,
  isAsked = false,
): Promise<ExitCode> {
  checkKey(options.idempotencyKey);
  return withStop(options.tokenFile, (session, stop) => {
    if (session.config.confirmation.isRequired && !options.dryRun && !isAsked)
      throw new UsageError(
        'REQUIRE_CONFIRMATION=1: nothing was sent. Run delete at a terminal, without --yes, and confirm it there; or use a server',
      );
    return work(createDeletes(session, options, stop));
  });
}

/**
 * Runs `work` with a session of its own. `stop` is aborted by Ctrl-C, and once standard output cannot be written.
 * @throws {ConfigError} or {@link UsageError} before anything is sent.
 */
export async function withStop(
  tokenFile: string | undefined,
  work: (session: Session, stop: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  const interruption = onInterruption();
  try {
    return await withSession(tokenFile, (session) =>
      work(session, AbortSignal.any([interruption.signal, session.output.unread])),
    );
  } finally {
    interruption.forget();
  }
}

function checkKey(key: string | undefined): void {
  try {
    readIdempotencyKey(key ?? null, undefined);
  } catch (error) {
    throw new UsageError(`--idempotency-key: ${error instanceof Error ? error.message : error}`);
  }
}

/** The signals of Ctrl-C, of a supervisor, and of a terminal that closes. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Aborted by the first of these signals: requests in flight are finished. A second one ends the process at once. */
export function onInterruption(): { readonly signal: AbortSignal; forget(): void } {
  const controller = new AbortController();
  function forget(): void {
    for (const name of signals) process.off(name, interrupt);
  }
  function interrupt(name: NodeJS.Signals): void {
    if (!controller.signal.aborted) return void controller.abort();
    forget();
    process.kill(process.pid, name);
  }
  for (const name of signals) process.on(name, interrupt);
  return { signal: controller.signal, forget };
}

/** The deletes of one command. */
export type Deletes = ReturnType<typeof createDeletes>;

/** `stop` is aborted once no further delete is to be sent. */
function createDeletes(session: Session, options: DeleteOptions, stop: AbortSignal) {
  const { account: integratedAccountId, type: engagementType, dryRun = false, snapshot = false } = options;
  const { caller, config, output, onLimit } = session;
  const key = options.idempotencyKey ?? randomUUID();
  const selection = snapshot ? wholeSelection : nothing;
  const hasCallerLeft = () => stop.aborted;
  // The printed line is the record of the delete.
  const ports = { ...session.ports, recordDelete() {}, recordRepetition() {} };

  /** A retry is a further attempt of the same delete: if it finds the record gone, the delete succeeded. */
  async function deleteOne(id: string, onRetry?: (kind: string) => void): Promise<End> {
    const input = { id, engagementType, integratedAccountId, format: 'unified' } as const;
    const callerKey = [key, itemKey(input)] as const;
    if (stop.aborted) return { kind: 'NotSent', message: 'Nothing was sent: the command was stopped.' };
    return sendPatiently(
      () => {
        const deadlineAt = performance.now() + config.requestTimeoutMs;
        const terms = { caller, selection, dryRun, snapshot, callerKey, deadlineAt, hasCallerLeft };
        return deleteEngagement(input, terms, ports);
      },
      { seconds: options.patience, stop, onLimit, onRetry },
    );
  }

  /** Prints the line of one delete, and returns its exit code. */
  function report(id: string, end: End): ExitCode {
    const details = detailsOf(end, session.upstreamUrl);
    // With a snapshot, the printed line is all that is left of the engagement.
    if (isForPeople(options) && !snapshot) {
      for (const line of linesFor(id, end, session.upstreamUrl)) output.print(line);
    } else {
      const line = {
        id,
        integratedAccountId,
        ...(session.isSandbox && { sandbox: true }),
        result: end.kind,
        ...details,
      };
      output.print(JSON.stringify(line));
    }
    return end.kind === 'DeleteEngagementPlan' ? exitCodeOfFindings(end.findings) : exitCodeOf(end.kind);
  }

  return { deleteOne, report, session, output, stop };
}

/** The code that the request itself would have: that of the worst finding. */
export function exitCodeOfFindings(findings: readonly Finding[]): ExitCode {
  const codes = findings
    .filter(({ severity }) => severity === 'REFUSAL')
    .map(({ result = 'InvalidInputError' }) => exitCodeOf(result === 'UNAUTHENTICATED' ? 'Unauthenticated' : result));
  return codes.sort((left, right) => right - left)[0] ?? exitCodes.done;
}

function detailsOf(end: End, upstreamUrl: string): object {
  switch (end.kind) {
    case 'DeleteEngagementSuccess': {
      const { outcome, integration, engagement, warnings } = end;
      return { outcome, integration: integration?.name ?? null, ...showRecord(engagement), warnings };
    }
    case 'DeleteEngagementPlan': {
      // Without the headers: the token is one of them.
      const { method, path } = end.request;
      const { findings, integration } = end;
      return { request: { method, url: upstreamUrl + path }, integration: integration?.name ?? null, findings };
    }
    case 'OutcomeUnknownError': {
      const { kind: _kind, engagement, ...rest } = end;
      return { ...rest, ...showRecord(engagement) };
    }
    case 'Unauthenticated':
      return { message: `Nothing was deleted. ${tokenRefused}` };
    default: {
      const { kind: _kind, ...rest } = end;
      return rest;
    }
  }
}

function showRecord(engagement: EngagementRecord | null | undefined): object {
  return engagement ? { engagement: plainRecord(engagement) } : {};
}

/** What a person reads of an end: what happened to the engagement, and, indented, what to know or do about it. */
function linesFor(id: string, end: End, upstreamUrl: string): readonly string[] {
  const [headline, notes]: [string, readonly string[]] = (() => {
    switch (end.kind) {
      case 'DeleteEngagementSuccess':
        return [outcomeTexts[end.outcome], end.warnings];
      case 'DeleteEngagementPlan':
        return [
          `would be ${hasRefusal(end.findings) ? 'refused' : 'sent'}: ${end.request.method} ${upstreamUrl}${end.request.path}`,
          end.findings.map(({ severity, path, message }) => `${severity.toLowerCase()}: ${path.join('.')}: ${message}`),
        ];
      case 'InvalidInputError':
        return [`${end.kind}: ${end.message}`, end.issues.map(located).filter((issue) => !end.message.includes(issue))];
      case 'Unauthenticated':
        return [`Nothing was deleted. ${tokenRefused}`, []];
      default:
        return [`${end.kind}: ${end.message}`, []];
    }
  })();
  return [`${plain(id)}  ${plain(headline)}`, ...notes.map((note) => `  ${plain(note)}`)];
}

const outcomeTexts = {
  DELETED: 'deleted',
  ALREADY_ABSENT: 'deleted by an earlier attempt',
  ACCEPTED: 'accepted: the provider deletes it later',
} as const;
