#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import * as modules from 'node:module';
import { fileURLToPath } from 'node:url';

/** The program of the terminal. Old versions of Node can read this file, but not what it loads: they say which version is needed. */
const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const needed: string = engines.node.replace('>=', '');
if (process.versions.node.localeCompare(needed, 'en', { numeric: true }) >= 0) {
  // As for the server, Node caches its compiled modules where it can write.
  modules.enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)));
  const { runCommand } = await import('./program.ts');
  const exitCode = await runCommand(process.argv.slice(2));
  if (exitCode !== undefined) process.exitCode = exitCode;
} else {
  process.stderr.write(`truto-engagements needs Node ${needed} or later, and this is Node ${process.versions.node}.\n`);
  process.exitCode = 1;
}
