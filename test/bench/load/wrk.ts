import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pinned } from '../pinning.ts';
import type { Load, LoadFigures, LoadGenerator } from './load.ts';

const script = fileURLToPath(new URL('wrk.lua', import.meta.url));

async function generate({ url, method, headers, bodies, connections, seconds }: Load): Promise<LoadFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-load-'));
  try {
    // JSON on one line has no line break: each body is one line.
    const headerLines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    await writeFile(join(folder, 'headers'), headerLines.join('\n'));
    await writeFile(join(folder, 'bodies'), bodies.join('\n'));
    const sizes = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s'];
    const [file, args] = pinned('load', 'wrk', [...sizes, '-s', script, url, '--', method, folder]);
    const { stdout } = await promisify(execFile)(file, args);
    const figures = /^figures (.*)$/m.exec(stdout)?.[1];
    if (figures === undefined) throw new Error(`wrk reported no figures:\n${stdout}`);
    return JSON.parse(figures);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** wrk, one thread; undefined where it is not installed. */
export function findWrk(): LoadGenerator | undefined {
  const { stdout, error } = spawnSync('wrk', ['--version'], { encoding: 'utf8' });
  return error ? undefined : { name: /^wrk \S+/.exec(stdout)?.[0] ?? 'wrk', generate };
}
