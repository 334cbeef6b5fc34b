import { canAccess } from '../engagement/account.ts';
import { notGranted, refusedInput } from '../engagement/refusal.ts';
import { type RestoreEnd, restoreEngagement } from '../engagement/restore/restore-engagement.ts';
import { readUndoLine } from '../engagement/restore/undo-line.ts';
import { refusal } from '../engagement/result.ts';
import { refusalIn } from './direct-delete.ts';
import { admit, type ContextOptions, createContext } from './requests/context.ts';

/** Which record to restore, and for whom. */
export interface DirectRestore {
  /** A line of an undo file, or of the terminal's `delete --snapshot`. */
  readonly line: string;
  /** The caller's `Authorization` header, as a request would have it. The embedded sandbox needs none. */
  readonly authorization?: string | undefined;
  /** Abort it when the result is no longer needed: a create that is not sent yet is not sent. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the function that restores one engagement, if it is gone. There is no ledger. Within 10 minutes, the same record is one create,
 * and an unknown outcome is not tried again. After that, the same line may create a second copy.
 */
export function createDirectRestore(options: ContextOptions): (asked: DirectRestore) => Promise<RestoreEnd> {
  return async ({ line, authorization, signal }) => {
    const kept = readUndoLine(Buffer.from(line));
    if (kept.kind !== 'Record')
      return refusedInput([
        refusal(['line'], kept.kind === 'NoRecord' ? 'It has no record.' : `It cannot be read: ${kept.why}.`),
      ]);
    const hasCallerLeft = () => signal?.aborted ?? false;
    try {
      const admission = await admit(authorization ?? null, options);
      const { caller } = admission;
      if (!caller) return { kind: 'Unauthenticated', message: 'Nothing was sent. Give the authorization of a caller.' };
      if (!canAccess(caller, kept.record.integratedAccountId)) return notGranted();
      const asked = { header: () => null, hasCallerLeft, extensions: undefined };
      const noLedger = { onBegin: async () => {}, isTaken: () => false, seenReferences: new Map() };
      const ports = { ...createContext(asked, options, admission), ...noLedger };
      const { requestTimeoutMs } = options.config;
      const terms = { caller, dryRun: false, refusalCount: 0, requestTimeoutMs, hasCallerLeft };
      return await restoreEngagement(kept, terms, ports);
    } catch (error) {
      const refused = refusalIn(error);
      if (!refused) throw error;
      return refused;
    }
  };
}
