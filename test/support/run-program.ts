import { type ExecFileException, execFile } from 'node:child_process';

/** How a program ended, and what it printed. */
export interface Ended {
  readonly code: number;
  /** Standard output, followed by standard error. */
  readonly output: string;
}

/** Runs a program in a folder to its end, with only the given environment and the search path. It need not succeed. */
export function runProgram(
  [command = '', ...args]: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd, env: { PATH: process.env.PATH, ...env } };
    execFile(command, args, options, (error: ExecFileException | null, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : error ? 1 : 0;
      resolve({ code, output: stdout + stderr + (error && typeof error.code !== 'number' ? error.message : '') });
    });
  });
}
