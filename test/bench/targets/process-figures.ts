import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What a server has used so far, with the processes that it started. */
export interface ProcessFigures {
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** The most that it ever held: the sum of each process's own peak. */
  readonly peakRssBytes: number;
}

/** How long one tick of `/proc/<pid>/stat` is: a hundredth of a second on nearly every Linux. */
const tickMs =
  1000 / Number(process.platform === 'linux' ? execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }) : 1);

/** A file under `/proc`; empty when its process has just ended. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function withDescendants(pid: number): number[] {
  const children = threadsOf(pid).flatMap((thread) =>
    readProc(`${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(withDescendants)];
}

function cpuMsOf(pid: number): number {
  // The name, in parentheses, may hold spaces: user and system time are the 12th and 13th after it.
  const fields = readProc(`${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * tickMs;
}

function kilobytesOf(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readProc(`${pid}/status`))?.[1] ?? 0);
}

/** Reads the figures of that process and its descendants; undefined where there is no `/proc`, and when it has ended. */
export function readProcessFigures(pid: number): ProcessFigures | undefined {
  if (threadsOf(pid).length === 0) return undefined;
  const pids = withDescendants(pid);
  const sum = (figure: (pid: number) => number) => pids.map(figure).reduce((total, value) => total + value, 0);
  return {
    cpuMs: sum(cpuMsOf),
    rssBytes: sum((each) => kilobytesOf(each, 'VmRSS')) * 1024,
    peakRssBytes: sum((each) => kilobytesOf(each, 'VmHWM')) * 1024,
  };
}
