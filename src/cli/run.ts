import { CommanderError } from 'commander';
import { ConfigError } from '../config/config.ts';
import { type ExitCode, exitCodes, UsageError } from './exit-code.ts';
import { createProgram, type LongRunning } from './program.ts';

/**
 * Runs one command, and says on standard error what keeps it from being run.
 * @returns how the process ends; undefined for a command that runs until it is told to stop.
 */
export async function runCommand(args: readonly string[], longRunning: LongRunning): Promise<ExitCode | undefined> {
  let exitCode: ExitCode | undefined;
  const program = createProgram(longRunning, (code) => {
    exitCode = code;
  });
  // Commander would end the process by itself, and with 1 for what was used wrongly.
  for (const command of [program, ...program.commands]) command.exitOverride();

  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const isUsage = error instanceof ConfigError || error instanceof UsageError;
    process.stderr.write(`${isUsage ? error.message : error instanceof Error ? error.stack : error}\n`);
    return isUsage ? exitCodes.usage : exitCodes.failed;
  }
}
