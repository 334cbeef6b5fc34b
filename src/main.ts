import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Starts the server. Node caches compiled modules next to the installed packages, if it can write there: later starts take half the
 * time. `npm start` sets the same cache by NODE_COMPILE_CACHE. Then this file is cached too, and Node does not load its TypeScript
 * parser.
 */
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)));
await import('./serve.ts');
