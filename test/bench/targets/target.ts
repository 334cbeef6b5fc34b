import type { Dialect } from '../question.ts';

/** How a program is started. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The surroundings that a target is started in. */
export interface Surroundings {
  readonly upstreamUrl: string;
  readonly port: number;
  /** A folder for its files. It is removed afterwards. */
  readonly folder: string;
}

/** A server that is measured. */
export interface Target {
  /** Its name for `--targets`. */
  readonly name: string;
  readonly title: string;
  readonly dialect: Dialect;
  /** The packages whose versions its figures depend on. */
  readonly packages: readonly string[];
  /** True when those are in the bench's own `node_modules`. */
  readonly isPeer: boolean;
  /** The path of its GraphQL endpoint, with a query string if it needs one. */
  readonly path: string;
  /** Prepares what it needs once, and says how to start it. */
  readonly prepare: (surroundings: Surroundings) => Promise<Command>;
  /** Why it cannot run on this machine; undefined when it can. */
  readonly whyNot?: () => string | undefined;
}
