import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { deleteEngagement } from '../engagement/delete/delete-engagement.ts';
import { itemKey } from '../engagement/delete/delete-many.ts';
import type { EngagementType } from '../engagement/input.ts';
import type { Selection } from '../engagement/record.ts';
import { type EngagementRecord, wireFieldsOf } from '../engagement/record.ts';
import type { DeleteEnd, DeleteEngagementPlan } from '../engagement/result.ts';
import { readIdempotencyKey } from '../http/requests/headers.ts';
import { type End, type ExitCode, exitCodeOf, exitCodes, UsageError } from './output.ts';
import { type Session, withSession } from './session.ts';

/** The options that `delete` and `bulk` have in common. */
export interface DeleteOptions {
  readonly account: string;
  readonly type?: EngagementType;
  readonly dryRun?: boolean;
  readonly snapshot?: boolean;
  readonly idempotencyKey?: string;
  /** How many seconds a delete is retried while a retry is safe. */
  readonly patience: number;
  readonly tokenFile?: string;
}

/** `delete <id>`: prints one line with the end of the delete. */
export function deleteCommand(id: string, options: DeleteOptions): Promise<ExitCode> {
  return withDeletes(options, async ({ deleteOne, report }) => {
    return report(id, await deleteOne(id));
  });
}

/**
 * Opens what deletes need for the time of `work`.
 * @throws {ConfigError} or {@link UsageError} before anything is sent.
 */
export async function withDeletes(
  options: DeleteOptions,
  work: (deletes: Deletes) => Promise<ExitCode>,
): Promise<ExitCode> {
  checkKey(options.idempotencyKey);
  const interruption = onInterruption();
  try {
    return await withSession(options.tokenFile, (session) => {
      const { output, isSandbox } = session;
      // A success over the sandbox must not pass for a real one.
      if (isSandbox)
        output.say('Over an embedded sandbox of invented data: nothing real is touched (see --help for the token).');
      return work(createDeletes(session, options, AbortSignal.any([interruption.signal, output.unread])));
    });
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
function onInterruption(): { readonly signal: AbortSignal; forget(): void } {
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

const nothing: Selection = { fields: new Set(), noteFields: new Set(), chunks: false };

/** With a snapshot, the printed line is all that is left of the engagement. */
const everything: Selection = {
  fields: new Set(wireFieldsOf('engagements')),
  noteFields: new Set(wireFieldsOf('notes').filter((field) => field !== 'id')),
  chunks: false,
};

/** The wait before a retry where upstream names none. */
const defaultDelayMs = 1_000;

/** How long to wait before the same delete is sent again; undefined when its end is final. */
function delayBeforeRetry(end: DeleteEnd): number | undefined {
  if (end.kind === 'RateLimitedError') return Math.max(end.retryAfterMs ?? defaultDelayMs, 1);
  const isSafe = end.kind === 'UpstreamUnavailableError' || (end.kind === 'OutcomeUnknownError' && end.retrySafe);
  return isSafe ? defaultDelayMs : undefined;
}

/** The deletes of one command. */
export type Deletes = ReturnType<typeof createDeletes>;

/** `stop` is aborted once no further delete is to be sent. */
function createDeletes(session: Session, options: DeleteOptions, stop: AbortSignal) {
  const { account: integratedAccountId, type: engagementType, dryRun = false, snapshot = false } = options;
  const { caller, config, output } = session;
  const key = options.idempotencyKey ?? randomUUID();
  const selection = snapshot ? everything : nothing;
  const hasCallerLeft = () => stop.aborted;
  // The printed line is the record.
  const ports = { ...session.ports, recordDelete() {}, recordRepetition() {} };

  /** A retry is a further attempt of the same delete: if it finds the record gone, the delete succeeded. */
  async function deleteOne(id: string): Promise<End> {
    const input = { id, engagementType, integratedAccountId, format: 'unified' } as const;
    const callerKey = [key, itemKey(input)] as const;
    const giveUpAt = performance.now() + options.patience * 1_000;
    if (stop.aborted) return { kind: 'NotSent', message: 'Nothing was sent: the command was stopped.' };
    for (;;) {
      const deadlineAt = performance.now() + config.requestTimeoutMs;
      const terms = { caller, selection, dryRun, snapshot, callerKey, deadlineAt, hasCallerLeft };
      const end = await deleteEngagement(input, terms, ports);
      const delayMs = delayBeforeRetry(end);
      if (delayMs === undefined || stop.aborted || performance.now() + delayMs > giveUpAt) return end;
      const isStopped = await sleep(delayMs, false, { signal: stop }).catch(() => true);
      if (isStopped) return end;
    }
  }

  /** Prints the line of one delete, and returns its exit code. */
  function report(id: string, end: End): ExitCode {
    const sandbox = session.isSandbox ? { sandbox: true } : {};
    const line = { id, integratedAccountId, ...sandbox, result: end.kind, ...detailsOf(end, session.upstreamUrl) };
    output.print(JSON.stringify(line));
    return end.kind === 'DeleteEngagementPlan' ? exitCodeOfPlan(end) : exitCodeOf(end.kind);
  }

  return { deleteOne, report, output, stop };
}

/** As the delete itself would end: the worst of the findings. */
function exitCodeOfPlan({ findings }: DeleteEngagementPlan): ExitCode {
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
      return { message: 'Nothing was deleted. Upstream does not accept the token: give another.' };
    default: {
      const { kind: _kind, ...rest } = end;
      return rest;
    }
  }
}

/** As an undo file shows it: with the record of each note that was read before. */
function showRecord(engagement: EngagementRecord | null | undefined): object {
  if (!engagement) return {};
  const { integratedAccountId: _given, notes, ...record } = engagement;
  const whole = notes?.map((note) => {
    const { kept } = note as { readonly kept?: { readonly kind: string; readonly record?: object } };
    return kept?.kind === 'Found' ? { ...kept.record, integratedAccountId: undefined } : { id: note.id };
  });
  return { engagement: { ...record, ...(whole && { notes: whole }) } };
}
