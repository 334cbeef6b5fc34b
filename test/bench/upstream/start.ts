import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { pinned } from '../pinning.ts';

/** The upstream of all targets. */
export interface Upstream extends AsyncDisposable {
  /** Where it listens, without a path. */
  readonly url: string;
  /** How many requests it has answered so far. */
  requestCount(): Promise<number>;
}

/** Starts upstream as a process of its own, on the load's core. */
export async function startUpstream(): Promise<Upstream> {
  const [file, args] = pinned('load', process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url))]);
  const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const [{ url }] = await once(child, 'message');
  return {
    url,
    async requestCount() {
      const reply = once(child, 'message');
      child.send('count');
      const [{ requestCount }] = await reply;
      return requestCount;
    },
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await exited;
    },
  };
}
