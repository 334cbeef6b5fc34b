import type { DeleteEngagementError } from './result.ts';

/** Something a rule has to say about the input. */
export interface Finding {
  /** `REFUSAL`: the delete is not sent. `WARNING`: it is sent, and the success repeats this. */
  readonly severity: 'REFUSAL' | 'WARNING';
  /** Where in the arguments of the field, from the outside in. */
  readonly path: readonly string[];
  /** What is wrong and what is allowed; never the value itself. */
  readonly message: string;
  /** Every value that would be taken, when they can be counted. */
  readonly allowedValues: readonly string[];
  /**
   * What the delete would come to: the result's member, or the code of the top-level error in its place. Only in a dry run, for
   * what is not about the arguments.
   */
  readonly result?: DeleteEngagementError['kind'] | 'UNAUTHENTICATED';
}

/** A finding that keeps the delete from being sent. */
export function refusal(path: readonly string[], message: string, allowedValues: readonly string[] = []): Finding {
  return { severity: 'REFUSAL', path, message, allowedValues };
}

/** A finding that is only told. */
export function warning(path: readonly string[], message: string): Finding {
  return { severity: 'WARNING', path, message, allowedValues: [] };
}

/** True when one of the findings keeps the delete from being sent. */
export function hasRefusal(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'REFUSAL');
}

/**
 * A finding in one line: where, and what. It goes into the log too, so of a `remoteQuery`, whose names the caller made up, it has
 * the argument alone.
 */
export function located({ path, message }: Finding): string {
  return `${path[0] === 'remoteQuery' ? path[0] : path.join('.')}: ${message}`;
}
