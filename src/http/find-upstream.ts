import type { Config } from '../config/config.ts';
import type { Sandbox } from '../sandbox/server.ts';

/** The upstream that receives the requests. */
export interface FoundUpstream {
  readonly url: URL;
  /** The embedded sandbox's token; empty for a real upstream. */
  readonly openToken: string;
  /** The embedded sandbox, if one was started. The caller closes it. */
  readonly sandbox?: Sandbox;
}

/** Finds the configured upstream. Without one, loads and starts the embedded sandbox. */
export async function findUpstream({
  upstream,
  sandbox: options,
}: Pick<Config, 'upstream' | 'sandbox'>): Promise<FoundUpstream> {
  if (upstream !== 'sandbox') return { url: upstream, openToken: '' };
  const [{ startSandbox }, { sandboxToken }] = await Promise.all([
    import('../sandbox/server.ts'),
    import('../sandbox/accounts.ts'),
  ]);
  const sandbox = await startSandbox(options);
  return { url: new URL(sandbox.url), openToken: sandboxToken, sandbox };
}
