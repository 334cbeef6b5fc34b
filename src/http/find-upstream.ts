import type { Config } from '../config/config.ts';
import type { Sandbox } from '../sandbox/server.ts';

/** Where requests go. */
export interface FoundUpstream {
  readonly url: URL;
  /** The embedded sandbox's token; empty for a real upstream. */
  readonly openToken: string;
  /** The embedded sandbox, where one was started: whoever asked for it has to close it. */
  readonly sandbox?: Sandbox;
}

/** Starts the embedded sandbox when there is no other upstream; it is not even loaded otherwise. */
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
