import type { EngagementRecord } from '../engagement/record.ts';
import type { DeleteEnd, DeleteEngagementPlan } from '../engagement/result.ts';
import { type EndKind, type ExitCode, exitCodeOf, exitCodes } from './exit-code.ts';
import { NotSentError } from './patient-delete.ts';
import type { Session } from './session.ts';

/** What is printed of one delete, and what it means for the exit code. */
export interface DeleteLine {
  readonly kind: EndKind;
  readonly code: ExitCode;
  /** One line of JSON. */
  readonly json: string;
}

/** As an undo file has it: a note that was read before is its record. */
function shown({ integratedAccountId: _given, notes, ...record }: EngagementRecord): object {
  const whole = (notes ?? []).map((note) => {
    const { kept } = note as { readonly kept?: { readonly kind: string; readonly record?: object } };
    return kept?.kind === 'Found' ? { ...kept.record, integratedAccountId: undefined } : { id: note.id };
  });
  return { ...record, ...(notes && { notes: whole }) };
}

function describe(result: DeleteEnd, { upstreamUrl }: Session): object {
  switch (result.kind) {
    case 'DeleteEngagementSuccess': {
      const { outcome, integration, engagement, warnings } = result;
      return {
        outcome,
        integration: integration?.name ?? null,
        ...(engagement && { engagement: shown(engagement) }),
        warnings,
      };
    }
    case 'DeleteEngagementPlan': {
      // Not the headers: the token is one of them.
      const { method, path } = result.request;
      const { findings, integration } = result;
      return { request: { method, url: upstreamUrl + path }, integration: integration?.name ?? null, findings };
    }
    case 'OutcomeUnknownError': {
      const { kind: _kind, engagement, ...rest } = result;
      return { ...rest, ...(engagement && { engagement: shown(engagement) }) };
    }
    case 'Unauthenticated':
      return { message: 'Nothing was deleted. Upstream does not accept the token: give another.' };
    default: {
      const { kind: _kind, ...rest } = result;
      return rest;
    }
  }
}

/** What begins each line. */
function begin(id: string, integratedAccountId: string, { isSandbox }: Session): object {
  return { id, integratedAccountId, ...(isSandbox && { sandbox: true }) };
}

/** What the delete itself would end with: the worst of what was found. */
function exitCodeOfPlan({ findings }: DeleteEngagementPlan): ExitCode {
  const codes = findings
    .filter(({ severity }) => severity === 'REFUSAL')
    .map(({ result = 'InvalidInputError' }) => exitCodeOf(result === 'UNAUTHENTICATED' ? 'Unauthenticated' : result));
  return codes.sort((left, right) => right - left)[0] ?? exitCodes.done;
}

/** The line for a delete that came to a result. */
export function lineOf(id: string, integratedAccountId: string, result: DeleteEnd, session: Session): DeleteLine {
  const { kind } = result;
  return {
    kind,
    code: kind === 'DeleteEngagementPlan' ? exitCodeOfPlan(result) : exitCodeOf(kind),
    json: JSON.stringify({ ...begin(id, integratedAccountId, session), result: kind, ...describe(result, session) }),
  };
}

/**
 * The line for a delete that was kept from having a result.
 * @throws what is a fault of this program.
 */
export function lineOfError(id: string, integratedAccountId: string, error: unknown, session: Session): DeleteLine {
  if (!(error instanceof NotSentError)) throw error;
  const where = begin(id, integratedAccountId, session);
  const json = JSON.stringify({ ...where, result: 'NotSent', message: error.message });
  return { kind: 'NotSent', code: exitCodeOf('NotSent'), json };
}
