import type { Caller } from '../engagement/access.ts';
import { createAccountLookup } from '../engagement/account.ts';
import type { DeletePorts } from '../engagement/delete/delete-engagement.ts';
import { createDeleteMemory } from '../engagement/delete/delete-memory.ts';
import { callerWithToken } from '../http/callers/authenticate.ts';
import { findUpstream } from '../http/find-upstream.ts';
import { documentedLimits } from '../upstream/lanes.ts';
import { openUpstream } from '../upstream/send.ts';
import type { Credential } from './credential.ts';

/** A way to upstream for as long as a command runs, and whoever uses it. */
export interface Session {
  readonly caller: Caller;
  /** What a delete needs, of which each writes its own record. */
  readonly ports: Omit<DeletePorts, 'recordDelete' | 'recordRepetition'>;
  readonly requestTimeoutMs: number;
  /** Where upstream is, without a slash at the end. */
  readonly upstreamUrl: string;
  readonly isSandbox: boolean;
}

/** A session that has to be closed. */
interface OpenSession extends Session {
  close(): Promise<void>;
}

async function openSession({ config, token }: Credential): Promise<OpenSession> {
  const { requestTimeoutMs, maxUpstreamBytes, keepsRateLimits } = config;
  const { url, openToken, sandbox } = await findUpstream(config);
  const limits = keepsRateLimits ? documentedLimits : undefined;
  const upstream = openUpstream({ baseUrl: url, proxy: config.proxy, maxUpstreamBytes, requestTimeoutMs, limits });
  const { send } = upstream;
  return {
    caller: callerWithToken(token ? token.reveal() : openToken),
    ports: {
      send,
      findAccountIntegration: createAccountLookup(send, requestTimeoutMs),
      deleteMemory: createDeleteMemory(),
    },
    requestTimeoutMs,
    upstreamUrl: url.href.replace(/\/$/, ''),
    isSandbox: sandbox !== undefined,
    async close() {
      await upstream.close();
      await sandbox?.close();
    },
  };
}

/**
 * Opens the way to upstream that the configuration says, within Truto's limits as the server keeps them, for as long as
 * the work takes.
 */
export async function withSession<Result>(
  credential: Credential,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const session = await openSession(credential);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
