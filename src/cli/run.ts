import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { runCommand } from './program.ts';

/** The program of the terminal. As for the server, Node caches its compiled modules where it can write. */
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)));

const exitCode = await runCommand(process.argv.slice(2), {
  serve: async () => void (await import('../serve.ts')),
  sandbox: async () => void (await import('../sandbox/main.ts')),
});
if (exitCode !== undefined) process.exitCode = exitCode;
