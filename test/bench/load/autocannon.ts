import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pinned } from '../pinning.ts';
import type { Load, LoadFigures, LoadGenerator } from './load.ts';

const program = fileURLToPath(new URL('run-autocannon.mjs', import.meta.url));
const manifest = new URL('../node_modules/autocannon/package.json', import.meta.url);

async function generate(load: Load): Promise<LoadFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-load-'));
  try {
    const file = join(folder, 'load.json');
    await writeFile(file, JSON.stringify(load));
    const { stdout } = await promisify(execFile)(...pinned('load', process.execPath, [program, file]));
    return JSON.parse(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** autocannon, where wrk is not installed. It takes more of the core that it shares with upstream, and tells whole milliseconds. */
export function findAutocannon(): LoadGenerator | undefined {
  if (!existsSync(manifest)) return undefined;
  return { name: `autocannon ${JSON.parse(readFileSync(manifest, 'utf8')).version}`, generate };
}
