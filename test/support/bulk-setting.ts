import { expect, vi } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/server.ts';
import { type SeenBulkDelete, seen } from './bulk.ts';
import { startTestFacade, type TestFacade } from './facade.ts';
import { createFolder } from './folder.ts';
import { type RedisProcess, startRedis } from './redis-server.ts';

/** A facade with a Redis and a sandbox of its own. */
export interface Setting extends AsyncDisposable {
  readonly redis: RedisProcess;
  readonly sandbox: Sandbox;
  readonly facade: TestFacade;
}

/** Starts all three; the sandbox has no limits unless the options say so. */
export async function startSetting(options: SandboxOptions = {}, env: Record<string, string> = {}): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  const redis = stack.use(await startRedis());
  const sandbox = await startSandbox(options);
  stack.defer(() => sandbox.close());
  const facade = stack.use(await startTestFacade(sandbox.url, { REDIS_URL: redis.url, ...env }));
  return { redis, sandbox, facade, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** The same with a folder for undo files. */
export async function startKeeping(options: SandboxOptions = {}, env: Record<string, string> = {}) {
  const stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(createFolder());
  const setting = stack.use(await startSetting(options, { UNDO_STORE: folder, ...env }));
  return { ...setting, folder, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Waits for a bulk delete's end. Without `expect.poll`, which concurrent tests have only with their own `expect`. */
export function ended({ facade }: Setting, id: string, timeout = 20_000): Promise<SeenBulkDelete> {
  return vi.waitFor(
    async () => {
      const job = await seen(facade.post, id);
      expect(job.state).toMatch(/^(COMPLETED|CANCELLED|FAILED)$/);
      return job;
    },
    { timeout },
  );
}

/** The deletes that reached the sandbox. */
export const deletesOf = ({ sandbox }: Setting) => sandbox.requests.filter(({ method }) => method === 'DELETE');
