import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Who gets a core of its own: the server that is measured, or the load together with upstream. */
export type Role = 'server' | 'load';

const cores: Readonly<Record<Role, string>> = { server: '0', load: '1' };

/** True where processes can be given cores: on Linux with `taskset`, and two cores. */
const canPin = availableParallelism() >= 2 && spawnSync('taskset', ['--version']).status === 0;

let isPinning = false;

/**
 * From now on, gives processes cores where that can be, and this one the load's.
 * @returns whether it can be.
 */
export function beginPinning(): boolean {
  isPinning = canPin;
  if (isPinning) spawnSync('taskset', ['-acp', cores.load, String(process.pid)]);
  return isPinning;
}

/** The command, begun on the core of that role when processes are pinned. */
export function pinned(role: Role, file: string, args: readonly string[]): [file: string, args: string[]] {
  return isPinning ? ['taskset', ['-c', cores[role], file, ...args]] : [file, [...args]];
}
