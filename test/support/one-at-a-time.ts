import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const pollMs = 200;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** False if a running process holds the lock. A lock whose owner no longer runs is removed. */
function take(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const owner = Number(readIfThere(lock));
    // An empty file: its owner has not written its id yet.
    if (owner > 0 && !isAlive(owner)) rmSync(lock, { force: true });
    return false;
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Runs `work` while no other process of this machine runs any under the same name. Waits until they have ended. */
export function oneAtATime(name: string, work: () => void): void {
  const lock = join(tmpdir(), `${name.replaceAll(/[^\w.-]+/g, '-')}.lock`);
  while (!take(lock)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pollMs);
  try {
    work();
  } finally {
    rmSync(lock, { force: true });
  }
}
