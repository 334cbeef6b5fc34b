import type { Config } from '../config/config.ts';
import type { Sandbox } from '../sandbox/server.ts';

/** Where requests are sent. */
export interface FoundUpstream {
  readonly url: URL;
  /** The embedded sandbox's token, for the mode in which callers need none; empty for a real upstream. */
  readonly openToken: string;
  /** The embedded sandbox, if it was started for this: the caller closes it. */
  readonly sandbox?: Sandbox;
}

/** Finds the configured upstream. Without one, loads and starts the embedded sandbox. */
export async function findUpstream({ upstream, sandbox: options }: Config): Promise<FoundUpstream> {
  if (upstream !== 'sandbox') return { url: upstream, openToken: '' };
  const [{ startSandbox }, { sandboxToken }] = await Promise.all([
    import('../sandbox/server.ts'),
    import('../sandbox/accounts.ts'),
  ]);
  const sandbox = await startSandbox(options);
  return { url: new URL(sandbox.url), openToken: sandboxToken, sandbox };
}
