import { enableCompileCache, flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Starts the server. Compiled modules are cached among the installed packages, so that every start but the first takes half
 * the time. Where nothing can be written, nothing is cached. `npm start` sets the same cache by NODE_COMPILE_CACHE: then this
 * file is in it too, and Node need not load its TypeScript parser.
 */
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)));
await import('./serve.ts');
// Now, too: a server that is killed writes nothing at its end, and the next start would be slow again.
flushCompileCache();
