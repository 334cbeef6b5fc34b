import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseConfig } from '../config/config.ts';
import { Secret } from '../config/secret.ts';
import { openToken, withoutFinalSlash } from '../config/settings.ts';
import { createAccountLookup } from '../engagement/account.ts';
import type { EngagementType } from '../engagement/input.ts';
import { createRequestMemory } from '../engagement/request-memory.ts';
import { callerWithToken } from '../http/callers/authenticate.ts';
import { documentedLimits } from '../upstream/lanes.ts';
import { openUpstream } from '../upstream/send.ts';
import { about, createOutput, type ExitCode, plain, UsageError } from './output.ts';

/** The options that commands have in common. */
export interface SessionOptions {
  readonly tokenFile?: string;
  readonly json?: boolean;
  /** How many seconds a request is retried while that is safe. @default 0 */
  readonly patience?: number;
  readonly dryRun?: boolean;
  /** True to ask no person. */
  readonly yes?: boolean;
}

/** The options of commands for one account. */
export interface AccountOptions extends SessionOptions {
  readonly account: string;
  readonly type?: EngagementType;
}

async function readTokenFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    // Without the path: it may be the token itself, by mistake.
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`--token-file cannot be read (${code}): give the path of a file that holds only the token`);
  }
}

/** Reads the settings and finds the token, which the embedded sandbox does not need. @throws {ConfigError} or {@link UsageError}. */
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

/** The shortest wait that is worth a line, and how long after such a line the next may follow, in milliseconds. */
const [minToldMs, quietMs] = [1_000, 60_000];

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

/** The parts of an end that decide whether its request is retried. */
export type Retried = { readonly kind: string; readonly retryAfterMs?: number | null; readonly retrySafe?: boolean };
/** The wait before a retry where upstream names none. */
const defaultDelayMs = 1_000;

/** How long to wait before the same request is sent again; undefined when its end is final. */
function delayBeforeRetry({ kind, retryAfterMs, retrySafe }: Retried): number | undefined {
  if (kind === 'RateLimitedError') return Math.max(retryAfterMs ?? defaultDelayMs, 1);
  const isSafe = kind === 'UpstreamUnavailableError' || (kind === 'OutcomeUnknownError' && retrySafe);
  return isSafe ? defaultDelayMs : undefined;
}

/** True when a person is to be asked, and can be: standard input and standard output are terminals. */
export function isAsked({ yes, dryRun }: SessionOptions): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && !yes && !dryRun;
}

/** Opens the configured upstream, with the rate limits of the server. */
async function openSession({ tokenFile, json, patience = 0 }: SessionOptions, interruption: AbortSignal | undefined) {
  const { config, token, source } = await findCredential(process.env, tokenFile);
  const output = createOutput(token, json);
  const stop = interruption ? AbortSignal.any([interruption, output.unread]) : output.unread;
  for (const warning of config.warnings) output.say(warning);
  const { requestTimeoutMs, maxUpstreamBytes, proxy } = config;
  const isEmbedded = config.upstream === 'sandbox';
  const sandbox = isEmbedded ? await (await import('../sandbox/server.ts')).startSandbox(config.sandbox) : undefined;
  const url = new URL(sandbox?.url ?? config.upstream);
  const limits = config.keepsRateLimits ? documentedLimits : undefined;
  // A success over the sandbox must not pass for a real one.
  if (sandbox)
    output.say('Using an embedded sandbox with invented data: nothing real is touched (see --help for the token).');
  let showWait = createLimitNotice(output.say);
  const onLimit = (waitMs: number) => showWait(waitMs);
  const upstream = openUpstream({ baseUrl: url, proxy, maxUpstreamBytes, requestTimeoutMs, limits, onLimit });
  const findAccountIntegration = createAccountLookup(upstream.send, requestTimeoutMs);
  const caller = callerWithToken(token ? token.reveal() : openToken);
  let isRetrySaid = false;

  const hasCallerLeft = () => stop.aborted;
  const terms = () => ({ caller, deadlineAt: performance.now() + requestTimeoutMs, hasCallerLeft });

  return {
    config,
    output,
    tokenSource: source,
    upstreamUrl: withoutFinalSlash(url),
    /** Undefined when the session keeps none. */
    limits,
    caller,
    /** Aborted once standard output cannot be written, and by a signal if the command finishes what is in flight. */
    stop,
    terms,
    /** The ports of a delete, without the records of deletes: each command prints its own. */
    ports: { send: upstream.send, findAccountIntegration, requestMemory: createRequestMemory() },
    /** Shows waits for a rate limit in another way than by a line. */
    showWaits(show: (waitMs: number) => void): void {
      showWait = show;
    },
    lineOf: (id: string, integratedAccountId: string) => ({
      id,
      integratedAccountId,
      ...(sandbox && { sandbox: true }),
    }),
    /** Sends a request, and retries it while that is safe, there is patience left, and nothing stops it. Announces retries and waits. */
    async patiently<SomeEnd extends Retried>(
      request: (now: ReturnType<typeof terms>) => Promise<SomeEnd>,
      { until = stop, isQuiet = false } = {},
    ): Promise<SomeEnd> {
      const giveUpAt = performance.now() + patience * 1_000;
      for (;;) {
        const end = await request(terms());
        const delayMs = delayBeforeRetry(end);
        if (delayMs === undefined || until.aborted || performance.now() + delayMs > giveUpAt) return end;
        if (end.kind === 'RateLimitedError') onLimit(delayMs);
        else if (!isQuiet && !isRetrySaid) {
          // A command that is silent for a minute seems to hang.
          isRetrySaid = true;
          output.say(`${end.kind}: the command retries while that is safe, up to the time of --patience.`);
        }
        const isStopped = await sleep(delayMs, false, { signal: until }).catch(() => true);
        if (isStopped) return end;
      }
    },
    /** What an account's integration supports, and the account as a question names it. */
    async describeAccount(account: string) {
      const { support } = await findAccountIntegration(caller, account, terms().deadlineAt);
      return { support, text: `${plain(account)} (${support.name ?? 'unknown integration'})` };
    },
    /** Asks at the terminal. Only `y` and `yes` agree; Ctrl-D and a signal do not. Closes standard input. */
    async confirm(question: string): Promise<boolean> {
      process.stdout.write(`${output.shown(question)} [y/N] `);
      try {
        // Without an output, the terminal itself edits the line, and Ctrl-C stays a signal.
        for await (const line of createInterface({ input: process.stdin, signal: stop }))
          return /^\s*y(es)?\s*$/i.test(line);
        process.stdout.write('\n');
        return false;
      } finally {
        // An open one would keep the process alive.
        process.stdin.destroy();
      }
    },
    async close() {
      await upstream.close();
      await sandbox?.close();
    },
  };
}

/** An open upstream, its caller and the output of one command. */
export type Session = Awaited<ReturnType<typeof openSession>>;

/** Runs a command. @param finishes a signal stops it only after its requests in flight. @throws {ConfigError} or {@link UsageError} before them. */
export async function withSession(
  options: SessionOptions,
  work: (session: Session) => Promise<ExitCode>,
  finishes = false,
): Promise<ExitCode> {
  const interruption = finishes ? onInterruption() : undefined;
  try {
    const session = await openSession(options, interruption?.signal);
    try {
      return await session.output.end(await work(session));
    } finally {
      await session.close();
    }
  } finally {
    interruption?.forget();
  }
}

/** The signals of Ctrl-C, of a supervisor, and of a terminal that closes. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Aborted by the first of these signals: requests in flight are finished. A second one ends the process at once. */
export function onInterruption() {
  const controller = new AbortController();
  function forget(): void {
    for (const name of signals) process.off(name, interrupt);
  }
  function interrupt(name: NodeJS.Signals): void {
    if (!controller.signal.aborted) return void controller.abort();
    forget();
    process.kill(process.pid, name);
  }
  for (const name of signals) process.on(name, interrupt);
  return { signal: controller.signal, forget };
}
