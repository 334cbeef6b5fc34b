import type { Dialect } from '../config.ts';
import { schemaText } from '../graphql/sdl.ts';
import { type ExitCode, exitCodes } from './exit-code.ts';

/** What `print-schema` is told. */
export interface PrintSchemaOptions {
  readonly dialect: Dialect;
  readonly typePrefix?: string;
  readonly service?: boolean;
}

/**
 * `print-schema`: writes the schema to standard output.
 * @throws {ConfigError} for a prefix that cannot be.
 */
export function printSchemaCommand({ dialect, typePrefix = '', service = false }: PrintSchemaOptions): ExitCode {
  process.stdout.write(schemaText({ dialect, typePrefix, provesCallers: service }));
  return exitCodes.done;
}
