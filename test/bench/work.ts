import type { Dialect, Question } from './question.ts';

/** The requests of a case: questions, each equally likely, or deletes sent directly to upstream. */
export type Asked =
  | { readonly kind: 'questions'; readonly of: (dialect: Dialect) => readonly Question[] }
  | { readonly kind: 'upstream'; readonly engagementId: string };

/** One row of a table. */
export interface Case {
  readonly name: string;
  /** The name of the target. Undefined: upstream itself. */
  readonly target: string | undefined;
  readonly asked: Asked;
  readonly connections: number;
  /** How many connections warm it up, where its own would take too long. */
  readonly warmUpConnections?: number;
}

/** Requests a second divided by the base's, median latency less the base's, or median latency divided by the base's. */
export type Comparison = 'rate' | 'added p50' | 'p50';

/** Cases that are measured side by side, in rounds of random order. */
export interface Work {
  /** Its name for `--only`. */
  readonly name: string;
  readonly title: string;
  /** What every target does alike. */
  readonly equal: string;
  /** What only some do, as a limit to what the figures prove. */
  readonly differs: string;
  readonly cases: readonly Case[];
  /** The case that the others are compared with, round by round. */
  readonly base: string;
  /** What is compared; `rate` when absent. */
  readonly comparison?: Comparison;
  /** Only these few cases are asked by the smoke run, of the targets that need no install. */
  readonly smokeCases?: readonly string[];
}

/** How many connections the load has by default: enough to keep one core busy. */
export const defaultConnections = 32;
