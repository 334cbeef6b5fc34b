import { enableCompileCache, flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

/**
 * Starts the server. Node caches compiled modules next to the installed packages, if it can write there: later starts take half the
 * time. `npm start` sets the same cache by NODE_COMPILE_CACHE. Then this file is cached too, and Node does not load its TypeScript
 * parser.
 */
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)));
await import('./serve.ts');
// Also now: a server that is killed writes nothing at its end, and the next start would be slow.
flushCompileCache();
// V8 would take the objects of reads that wait for each other for long-lived, and keep each with what it refers to (ADR 10). Last: the
// cache is only for code that was compiled with the same flags.
setFlagsFromString('--no-allocation-site-pretenuring');
