import { enableCompileCache, flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Starts the server. What Node makes of more than a thousand modules is kept among the installed packages, so that every
 * start but the first takes half the time. Where nothing can be written, nothing is kept.
 */
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)));
await import('./serve.ts');
// Not at the end alone: a server that is killed has none, and the next would start slowly again.
flushCompileCache();
