import type { EngagementType } from '../engagement/input.ts';
import { readIdempotencyKey } from '../http/requests/headers.ts';
import { findCredential } from './credential.ts';
import { type DeleteLine, lineOf, lineOfError } from './delete-line.ts';
import { type ExitCode, UsageError } from './exit-code.ts';
import { createOutput, type Output, sayIfSandbox } from './output.ts';
import { createPatientDelete, type DeleteSettings } from './patient-delete.ts';
import { type Session, withSession } from './session.ts';

/** What asks a command to stop: Ctrl-C, whoever runs it, and the terminal when it goes. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Aborted by the first of those signals: what was sent is finished. A second one, whichever, ends the process at once. */
function onInterruption(): { readonly signal: AbortSignal; forget(): void } {
  const controller = new AbortController();
  function forget(): void {
    for (const name of signals) process.off(name, abort);
  }
  function abort(name: NodeJS.Signals): void {
    const isSecond = controller.signal.aborted;
    controller.abort();
    if (!isSecond) return;
    forget();
    process.kill(process.pid, name);
  }
  for (const name of signals) process.on(name, abort);
  return { signal: controller.signal, forget };
}

/** The options that `delete` and `bulk` have in common. */
export interface DeleteOptions {
  readonly account: string;
  readonly type?: EngagementType;
  readonly dryRun?: boolean;
  readonly snapshot?: boolean;
  readonly idempotencyKey?: string;
  /** In seconds. */
  readonly patience: number;
  readonly tokenFile?: string;
}

/** Throws what is wrong with a key before anything is sent. */
function checkKey(key: string | undefined): void {
  try {
    readIdempotencyKey(key ?? null, undefined);
  } catch (error) {
    throw new UsageError(`--idempotency-key: ${error instanceof Error ? error.message : error}`);
  }
}

/** What a command that deletes works with. */
export interface DeleteWork {
  readonly session: Session;
  readonly output: Output;
  readonly settings: DeleteSettings;
}

/**
 * Opens what deletes need, has them done, and closes it.
 * @throws {ConfigError} or {@link UsageError} before anything is sent.
 */
export async function withDeletes(
  { patience, tokenFile, ...options }: DeleteOptions,
  work: (tools: DeleteWork) => Promise<ExitCode>,
): Promise<ExitCode> {
  checkKey(options.idempotencyKey);
  const credential = await findCredential(process.env, tokenFile);
  const output = createOutput(credential.token);
  for (const warning of credential.config.warnings) output.say(warning);
  const interruption = onInterruption();
  try {
    const code = await withSession(credential, (session) => {
      sayIfSandbox(session.isSandbox, output);
      const stop = AbortSignal.any([interruption.signal, output.unread]);
      return work({ session, output, settings: { ...options, patienceMs: patience * 1_000, stop } });
    });
    return await output.end(code);
  } finally {
    interruption.forget();
  }
}

/** `delete <id>`: one line for what became of it. */
export function deleteEngagementCommand(id: string, options: DeleteOptions): Promise<ExitCode> {
  return withDeletes(options, async ({ session, output, settings }) => {
    const deleteOne = createPatientDelete(session, settings);
    let line: DeleteLine;
    try {
      line = lineOf(id, settings.account, await deleteOne({ id }), session);
    } catch (error) {
      line = lineOfError(id, settings.account, error, session);
    }
    output.print(line.json);
    return line.code;
  });
}
