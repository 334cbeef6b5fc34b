import type { Config } from '../config/config.ts';
import type { Sandbox } from '../sandbox/server.ts';

/**
 * Finds the configured upstream. Without one, loads and starts the embedded sandbox, which the caller closes.
 * @returns `openToken` too: the embedded sandbox's; empty for a real upstream.
 */
export async function findUpstream({
  upstream,
  sandbox: options,
}: Pick<Config, 'upstream' | 'sandbox'>): Promise<{ url: URL; openToken: string; sandbox?: Sandbox }> {
  if (upstream !== 'sandbox') return { url: upstream, openToken: '' };
  const [{ startSandbox }, { sandboxToken }] = await Promise.all([
    import('../sandbox/server.ts'),
    import('../sandbox/accounts.ts'),
  ]);
  const sandbox = await startSandbox(options);
  return { url: new URL(sandbox.url), openToken: sandboxToken, sandbox };
}
