import type { Dialect } from '../config/config.ts';
import { checkedSchemaOptions, printedSchema } from '../graphql/schema.ts';
import { type ExitCode, exitCodes } from './exit-code.ts';
import { createOutput } from './output.ts';

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
export async function printSchemaCommand({
  dialect,
  typePrefix = '',
  service = false,
}: PrintSchemaOptions): Promise<ExitCode> {
  const output = createOutput(undefined);
  const options = checkedSchemaOptions({ dialect, typePrefix, provesCallers: service });
  output.print(printedSchema(options).trimEnd());
  return output.end(exitCodes.done);
}
