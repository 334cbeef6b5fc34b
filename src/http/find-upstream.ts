import type { Config } from '../config/config.ts';
import type { Sandbox } from '../sandbox/server.ts';

/** Finds the configured upstream. Without one, loads and starts the embedded sandbox, which the caller closes. */
export async function findUpstream({ upstream, sandbox: options }: Config): Promise<{ url: URL; sandbox?: Sandbox }> {
  if (upstream !== 'sandbox') return { url: upstream };
  const sandbox = await (await import('../sandbox/server.ts')).startSandbox(options);
  return { url: new URL(sandbox.url), sandbox };
}
