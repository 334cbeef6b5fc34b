import { readFileSync } from 'node:fs';

/** The version of this package. `package.json` is the only place that has it, as far from `src/` as from `dist/`. */
export const version: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
