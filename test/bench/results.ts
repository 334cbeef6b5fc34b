import type { Machine } from './machine.ts';
import type { WorkResult } from './measure.ts';
import type { StartupResult } from './works/startup.ts';
import type { StreamResult } from './works/stream.ts';

/** All figures of one run. */
export interface Results {
  readonly date: string;
  readonly command: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly machine: Machine;
  /** Name and version of the load generator. */
  readonly generator: string;
  readonly isPinned: boolean;
  /** Packages and their versions. */
  readonly versions: readonly string[];
  /** Names of the works that were asked for, measured or failed. */
  readonly asked: readonly string[];
  readonly works: readonly WorkResult[];
  readonly startup: readonly StartupResult[] | undefined;
  readonly stream: StreamResult | undefined;
  /** Works that failed, and why. */
  readonly failures: readonly string[];
}
