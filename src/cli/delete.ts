import { randomUUID } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { isatty } from 'node:tty';
import { deleteEngagement, itemKey } from '../engagement/delete/delete-engagement.ts';
import { type EngagementRecord, nothing, plainRecord, wholeSelection } from '../engagement/record.ts';
import { refusedInput } from '../engagement/refusal.ts';
import { hasRefusal, located } from '../engagement/result.ts';
import { checkIntegration, checkWellFormed } from '../engagement/rules.ts';
import { readIdempotencyKey } from '../http/requests/headers.ts';
import { type End, type ExitCode, exitCodeOf, exitCodeOfFindings, messageOf, plain, UsageError } from './output.ts';
import { type AccountOptions, isAsked, type Session, withSession } from './session.ts';

/** The options that `delete` and `bulk` have in common. */
export interface DeleteOptions extends AccountOptions {
  readonly snapshot?: boolean;
  readonly idempotencyKey?: string;
}

/** `delete <id>`: asks at a terminal, and prints one line. Input that the integration's rules refuse is reported without a question. */
export function deleteCommand(id: string, options: DeleteOptions): Promise<ExitCode> {
  const needsConfirmation = isAsked(options);
  return withDeletes(options, needsConfirmation, async ({ deleteOne, report, session }) => {
    if (needsConfirmation) {
      const { account: integratedAccountId, type: engagementType } = options;
      const { support, text } = await session.describeAccount(integratedAccountId);
      const input = { id, engagementType, integratedAccountId, format: 'unified' } as const;
      const rules = support.kind === 'supported' ? checkIntegration(input, support) : [];
      const findings = [...checkWellFormed(input), ...rules];
      if (hasRefusal(findings)) return report(id, refusedInput(findings));
      if (
        !(await session.confirm(`Delete engagement ${plain(id)} in integrated account ${text}? It cannot be undone.`))
      )
        return report(id, { kind: 'NotSent', message: 'Nothing was deleted: you did not confirm it.' });
    }
    return report(id, await deleteOne(id));
  });
}

/**
 * Runs `work` with the deletes of a session.
 * @param asksFirst true when `work` asks a person before each delete: with REQUIRE_CONFIRMATION=1, nothing else may delete.
 * @throws {ConfigError} or {@link UsageError} before anything is sent.
 */
export async function withDeletes(
  options: DeleteOptions,
  asksFirst: boolean,
  work: (deletes: Deletes) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { idempotencyKey = null, json = false, snapshot = false } = options;
  try {
    readIdempotencyKey(idempotencyKey, undefined);
  } catch (error) {
    throw new UsageError(`--idempotency-key: ${error instanceof Error ? error.message : error}`);
  }
  if (snapshot && !options.dryRun && isDiscarded(process.stdout))
    throw new UsageError(
      '--snapshot: standard output is closed or a device, so the only copy would be lost. Nothing was sent. Write it to a file.',
    );
  async function run(session: Session): Promise<ExitCode> {
    if (session.config.confirmation.isRequired && !options.dryRun && !asksFirst)
      throw new UsageError(
        'REQUIRE_CONFIRMATION=1: nothing was sent. Run delete at a terminal, without --yes, and confirm it there; or use a server',
      );
    return work(createDeletes(session, options));
  }
  // With a snapshot, the printed line is all that is left of the engagement.
  return withSession({ ...options, json: json || snapshot }, run, true);
}

/** True when the output goes to a device other than a terminal. Node opens `/dev/null` in place of a closed output. */
function isDiscarded({ fd }: { readonly fd?: number }): boolean {
  return fd !== undefined && !isatty(fd) && fstatSync(fd).isCharacterDevice();
}

/** A run does not know the answers of earlier ones, so it sends the same keys as they did (ADR 7). */
const otherKey =
  'If the same run gets this answer again, Truto repeats it for this --idempotency-key: then use another one, or none.';

type Deletes = ReturnType<typeof createDeletes>;

function createDeletes(session: Session, options: DeleteOptions) {
  const { account: integratedAccountId, type: engagementType, dryRun = false, snapshot = false } = options;
  const { output, stop, upstreamUrl } = session;
  const key = options.idempotencyKey ?? randomUUID();
  const selection = snapshot ? wholeSelection : nothing;

  /** A retry is a further attempt of the same delete: if it finds the record gone, the delete succeeded. */
  async function deleteOne(id: string, isQuiet = false): Promise<End> {
    const input = { id, engagementType, integratedAccountId, format: 'unified' } as const;
    const terms = { selection, dryRun, snapshot, callerKey: [key, itemKey(input)] as const };
    if (stop.aborted) return { kind: 'NotSent', message: 'Nothing was sent: the command was stopped.' };
    const send = (now: ReturnType<Session['terms']>) => deleteEngagement(input, { ...now, ...terms }, session.ports);
    const end = await session.patiently(send, { isQuiet });
    const isRepeated = options.idempotencyKey && end.kind === 'OutcomeUnknownError' && end.lastStatusCode !== null;
    return isRepeated ? { ...end, message: `${end.message} ${otherKey}` } : end;
  }

  function report(id: string, end: End): ExitCode {
    const { headline, notes = [], details } = describe(end, upstreamUrl);
    const lines = [`${plain(id)}  ${plain(headline)}`, ...notes.map((note) => `  ${plain(note)}`)];
    // As in an undo file: of several lines, a restore takes the newest.
    const readAt = snapshot && 'engagement' in details ? { readAt: new Date() } : {};
    output.report(lines, { ...session.lineOf(id, integratedAccountId), result: end.kind, ...readAt, ...details });
    return end.kind === 'DeleteEngagementPlan' ? exitCodeOfFindings(end.findings) : exitCodeOf(end.kind);
  }

  return { deleteOne, report, session };
}

const outcomeTexts = {
  DELETED: 'deleted',
  ALREADY_ABSENT: 'deleted by an earlier attempt',
  ACCEPTED: 'accepted: the provider deletes it later',
} as const;

/** An end for people, what happened and, in notes, what to know or do about it; and for programs. */
function describe(end: End, upstreamUrl: string): { headline: string; notes?: readonly string[]; details: object } {
  switch (end.kind) {
    case 'DeleteEngagementSuccess': {
      const { outcome, integration, engagement, warnings } = end;
      const details = { outcome, integration: integration?.name ?? null, ...showRecord(engagement), warnings };
      return { headline: outcomeTexts[outcome], notes: warnings, details };
    }
    case 'DeleteEngagementPlan': {
      // Without the headers: the token is one of them.
      const { method, path } = end.request;
      const { findings, integration } = end;
      const request = { method, url: upstreamUrl + path };
      return {
        headline: `would be ${hasRefusal(findings) ? 'refused' : 'sent'}: ${method} ${request.url}`,
        notes: findings.map(({ severity, ...at }) => `${severity.toLowerCase()}: ${at.path.join('.')}: ${at.message}`),
        details: { request, integration: integration?.name ?? null, findings },
      };
    }
    case 'OutcomeUnknownError': {
      const { kind, engagement, ...rest } = end;
      return { headline: `${kind}: ${end.message}`, details: { ...rest, ...showRecord(engagement) } };
    }
    default: {
      const { kind, ...details } = end;
      const message = messageOf(end, 'Nothing was deleted. ');
      const issues = kind === 'InvalidInputError' ? end.issues.map(located) : [];
      const notes = issues.filter((issue) => !message.includes(issue));
      return { headline: `${kind}: ${message}`, notes, details: { ...details, message } };
    }
  }
}

function showRecord(engagement: EngagementRecord | null | undefined): object {
  return engagement ? { engagement: plainRecord(engagement) } : {};
}
