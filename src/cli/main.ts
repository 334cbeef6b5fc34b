#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { ConfigError } from '../config.ts';
import { exitCodes, UsageError } from './exit-code.ts';
import { createProgram } from './program.ts';

/** The program of the terminal. As for the server, what Node makes of its modules is kept where that can be written. */
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)));

const program = createProgram(
  {
    serve: async () => void (await import('../serve.ts')),
    sandbox: async () => void (await import('../sandbox/main.ts')),
  },
  (code) => {
    process.exitCode = code;
  },
);
// Commander would end the process by itself, and with 1 for what was used wrongly.
for (const command of [program, ...program.commands]) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  } else if (error instanceof ConfigError || error instanceof UsageError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = exitCodes.usage;
  } else {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = exitCodes.failed;
  }
}
