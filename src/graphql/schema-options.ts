import { type Dialect, parseSettings } from '../config/config.ts';
import type { SchemaOptions } from './schema.ts';

/** Which of a server's schemas. */
export interface EngagementSchemaOptions {
  /** How it tells a supergraph of itself, as `SUBGRAPH`. @default 'none' */
  readonly dialect?: Dialect;
  /** Comes before the names of types that your graph may have of its own, as `TYPE_PREFIX`; not without a dialect. */
  readonly typePrefix?: string;
  /** As the server has it with `AUTH_MODE=service`: federation is then told which fields need a caller. @default false */
  readonly provesCallers?: boolean;
}

/**
 * The options with what they leave out. The same rules hold as for the settings, in the same words.
 * @throws {ConfigError} for a dialect or a prefix that cannot be.
 */
export function checkedSchemaOptions({
  dialect = 'none',
  typePrefix = '',
  provesCallers = false,
}: EngagementSchemaOptions): SchemaOptions {
  parseSettings({ SUBGRAPH: dialect, TYPE_PREFIX: typePrefix });
  return { dialect, typePrefix, provesCallers };
}
