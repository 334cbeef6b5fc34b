import { readFile } from 'node:fs/promises';
import { parseConfig } from '../config/config.ts';
import { Secret } from '../config/secret.ts';
import { createAccountLookup } from '../engagement/account.ts';
import { createRequestMemory } from '../engagement/request-memory.ts';
import { callerWithToken } from '../http/callers/authenticate.ts';
import { findUpstream } from '../http/find-upstream.ts';
import { documentedLimits } from '../upstream/lanes.ts';
import { openUpstream } from '../upstream/send.ts';
import { about, createOutput, type ExitCode, UsageError } from './output.ts';

async function readTokenFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    // Without the path: it may be the token itself, by mistake.
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`--token-file cannot be read (${code}): give the path of a file that holds only the token`);
  }
}

/**
 * Reads the settings and finds the token. It is undefined for the embedded sandbox.
 * @throws {ConfigError} naming every mistake of the settings at once.
 * @throws {UsageError} when there is no token, or an invalid one.
 */
export async function findCredential(env: NodeJS.ProcessEnv, tokenFile: string | undefined) {
  const mode = env.AUTH_MODE?.trim();
  const isSandboxAsked = env.SANDBOX?.trim() === '1';
  if (tokenFile !== undefined && isSandboxAsked)
    throw new UsageError('--token-file and SANDBOX=1 exclude each other: the sandbox has a token of its own');
  // The command uses the token in every mode; a server without AUTH_MODE=service would warn that it ignores it.
  const { TRUTO_API_TOKEN: variable, ...rest } = env;
  const settings = mode === 'service' ? env : rest;
  const sandbox = { token: undefined, source: 'the sandbox' };
  if (isSandboxAsked && mode !== 'service') return { config: parseConfig(settings), ...sandbox };

  const value = tokenFile === undefined ? variable?.trim() : await readTokenFile(tokenFile);
  if (value === undefined) {
    const config = parseConfig(settings);
    if (config.upstream === 'sandbox') return { config, ...sandbox };
    throw new UsageError('There is no token: set TRUTO_API_TOKEN, or give --token-file <path>');
  }
  const source = tokenFile === undefined ? 'TRUTO_API_TOKEN' : '--token-file';
  // A blank one is refused too: its user means the real Truto, and must not take the sandbox for it.
  if (!/^[\x21-\x7e]+$/.test(value))
    throw new UsageError(`${source} must hold a token of visible ASCII characters without spaces`);
  const config = parseConfig(mode ? settings : { ...settings, AUTH_MODE: 'passthrough' });
  return { config, token: new Secret(value), source };
}

/** Waits shorter than this are not worth a line. */
const minToldMs = 1_000;

/** How long after one line about a wait the next may follow. */
const quietMs = 60_000;

/** Says that requests wait for a rate limit, and how long: once for all that wait at the same time. */
function createLimitNotice(say: (line: string) => void): (waitMs: number) => void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  return (waitMs) => {
    const now = performance.now();
    if (waitMs < minToldMs || now < quietUntil) return;
    quietUntil = now + Math.max(waitMs, quietMs);
    say(`Waiting for Truto's limit, ${about(waitMs)}.`);
  };
}

/** Says once that a request is retried: a command that is silent for a minute seems to hang. */
function createRetryNotice(say: (line: string) => void): (kind: string) => void {
  let isSaid = false;
  return (kind) => {
    if (!isSaid) say(`${kind}: the command retries while that is safe, up to the time of --patience.`);
    isSaid = true;
  };
}

/** Opens the configured upstream, with the rate limits of the server. */
async function openSession(tokenFile: string | undefined) {
  const { config, token, source } = await findCredential(process.env, tokenFile);
  const output = createOutput(token);
  for (const warning of config.warnings) output.say(warning);
  const { requestTimeoutMs, maxUpstreamBytes, proxy } = config;
  const { url, openToken, sandbox } = await findUpstream(config);
  const limits = config.keepsRateLimits ? documentedLimits : undefined;
  // A success over the sandbox must not pass for a real one.
  if (sandbox)
    output.say('Using an embedded sandbox with invented data: nothing real is touched (see --help for the token).');
  const limit = { onWait: createLimitNotice(output.say) };
  const onLimit = (waitMs: number) => limit.onWait(waitMs);
  const upstream = openUpstream({ baseUrl: url, proxy, maxUpstreamBytes, requestTimeoutMs, limits, onLimit });
  const { send } = upstream;
  return {
    config,
    output,
    tokenSource: source,
    upstreamUrl: url.href.replace(/\/$/, ''),
    isSandbox: sandbox !== undefined,
    /** The limits that the session keeps; undefined for none. */
    limits,
    /** Set `onWait` to show waits for a rate limit in another way than by a line. */
    limit,
    /** Tells of a wait for a rate limit. */
    onLimit,
    /** Tells once of a retry for another reason. */
    onRetry: createRetryNotice(output.say),
    caller: callerWithToken(token ? token.reveal() : openToken),
    /** The ports of a delete, without the records of deletes: each command prints its own. */
    ports: {
      send,
      findAccountIntegration: createAccountLookup(send, requestTimeoutMs),
      requestMemory: createRequestMemory(),
    },
    async close() {
      await upstream.close();
      await sandbox?.close();
    },
  };
}

/** An open upstream, its caller and the output of one command. */
export type Session = Awaited<ReturnType<typeof openSession>>;

/**
 * Runs `work` with a session of its own.
 * @throws {ConfigError} or {@link UsageError} before anything is sent.
 */
export async function withSession(
  tokenFile: string | undefined,
  work: (session: Session) => Promise<ExitCode>,
): Promise<ExitCode> {
  const session = await openSession(tokenFile);
  try {
    return await session.output.end(await work(session));
  } finally {
    await session.close();
  }
}
