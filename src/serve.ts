import { randomUUID } from 'node:crypto';
import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { ConfigError, parseConfig } from './config/config.ts';
import { withoutFinalSlash } from './config/settings.ts';
import { openFacade } from './http/server.ts';
import { createLog, secretsOf } from './log/log.ts';

/**
 * How long a stopped server answers 503 while clients are connected, in milliseconds. A client that uses or closes each of its
 * connections within this time loses no request. A drain cannot wait for `KEEP_ALIVE_TIMEOUT_MS`, which is longer.
 */
const noticeMs = 5_000;
/** How much longer than an operation a shutdown may take, the notice included, in milliseconds. */
const drainMarginMs = 10_000;
/** npm repeats a signal at once. The same signal later than this after the first is a second one, in milliseconds. */
const npmRepeatMs = 1_000;

/** Why the server cannot listen, and what to do about it. */
function describeListenError({ message, code, port }: NodeJS.ErrnoException & { readonly port?: number }): string {
  const prefix = message.includes('METRICS_PORT') ? 'METRICS_' : '';
  const otherPort = prefix
    ? 'set METRICS_PORT to another port.'
    : `take another port: PORT=${(port ?? 0) + 1} npm start`;
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE: `Another program uses the port. End that program, or ${otherPort}`,
    EACCES: `This user may not listen on the port. Set ${prefix}PORT to 1024 or higher.`,
    EADDRNOTAVAIL: `This machine does not have the address. Correct ${prefix}HOST.`,
    ENOTFOUND: `The name has no address. Correct ${prefix}HOST.`,
  };
  return [`Cannot listen: ${message}.`, advice[code ?? '']].join(' ').trim();
}

const config = await (async () => parseConfig(process.env))().catch(endAtStart);
// At a terminal the log is written for people. The formatter slows the start, so it is loaded only there.
const terminal = process.stdout.isTTY ? (await import('./log/terminal-log.ts')).createTerminalDestination() : undefined;
const log = createLog({ secrets: secretsOf(config), ...(terminal && { destination: terminal }) });

function endAtStart(error: NodeJS.ErrnoException): never {
  // Of a fault of the program, the stack is needed.
  const why = error instanceof ConfigError ? error.message : error.code ? describeListenError(error) : error.stack;
  process.stderr.write(`${why}\n`);
  return process.exit(1);
}

const facade = await openFacade({ config, log }).catch(endAtStart);
const { upstreamUrl } = facade;
// With its path: a wrong one is a usual cause of refusals.
const upstream = withoutFinalSlash(upstreamUrl);
const url = await facade.listen().catch(async (error) => {
  // It may work on bulk deletes already: those in flight are finished first.
  await facade.close();
  return endAtStart(error);
});
// Elsewhere, each line of standard output is a line of the log.
if (process.stdout.isTTY) {
  const { describeStart } = await import('./http/banner.ts');
  process.stdout.write(await describeStart(url, upstreamUrl, config));
}
const metricsUrl = facade.metricsUrl && `${facade.metricsUrl}/metrics`;
log.info({ url: `${url}/graphql`, metricsUrl, upstream, authMode: config.auth.mode }, 'listening');

let isStopping = false;

/** Answers requests in flight and ends the process, at the latest when the shutdown's time is over. */
async function stop(forMs: number): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  setTimeout(() => process.exit(1), config.requestTimeoutMs + drainMarginMs).unref();
  await facade.close(forMs);
  log.info('stopped');
  // Hanging connections to upstream would keep the process alive.
  process.exit();
}

let first: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;

async function stopOnSignal(signal: NodeJS.Signals): Promise<void> {
  if (first) {
    // npm repeats a signal although its whole process group got it, such as Ctrl-C. That is not a second one.
    const isBelowNpm = process.env.npm_lifecycle_event === 'start';
    if (isBelowNpm && signal === first.signal && performance.now() - first.atMs < npmRepeatMs) return;
    // A second signal ends the process at once.
    process.exit(1);
  }
  first = { signal, atMs: performance.now() };
  log.info({ signal }, 'draining');
  // At a terminal, a connected browser must not delay the end.
  await stop(signal === 'SIGINT' ? 0 : noticeMs);
}

/** After an uncaught error, the state of the process may be wrong: the error is logged, and the server drains and ends. */
async function stopOnFailure(error: unknown): Promise<void> {
  process.exitCode = 1;
  log.fatal({ err: error, errorId: randomUUID() }, 'uncaught error, draining');
  await stop(noticeMs);
}

process.on('SIGTERM', stopOnSignal);
process.on('SIGINT', stopOnSignal);
process.on('uncaughtException', stopOnFailure);
process.on('unhandledRejection', stopOnFailure);

// Also now: a server that is killed writes nothing at its end, and the next start would be slow.
flushCompileCache();
// V8 would take the objects of reads that wait for each other for long-lived, and keep each with what it refers to (ADR 10). It is not
// set earlier, since then a start takes longer.
setFlagsFromString('--no-allocation-site-pretenuring');
