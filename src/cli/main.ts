#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { runCommand } from './run.ts';

/** The program of the terminal. As for the server, what Node makes of its modules is kept where that can be written. */
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)));

const exitCode = await runCommand(process.argv.slice(2), {
  serve: async () => void (await import('../serve.ts')),
  sandbox: async () => void (await import('../sandbox/main.ts')),
});
if (exitCode !== undefined) process.exitCode = exitCode;
