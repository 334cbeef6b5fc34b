import { randomUUID } from 'node:crypto';
import { type Config, ConfigError, parseConfig } from './config/config.ts';
import { readExample } from './graphql/documents.ts';
import { findUpstream } from './http/find-upstream.ts';
import { type Facade, startFacade } from './http/server.ts';
import { createLog, type LogOptions, secretsOf } from './log/log.ts';
import type { Sandbox } from './sandbox/server.ts';

/**
 * How long a server that is stopped goes on to answer 503 while anybody is connected. A client that uses or closes each of
 * its connections within this time loses no request; it is shorter than `KEEP_ALIVE_TIMEOUT_MS`, which a drain cannot wait for.
 */
const noticeMs = 5_000;

/** How much longer than an operation may take a shutdown takes at most, the notice included, in milliseconds. */
const drainMarginMs = 10_000;

/** npm passes a signal on at once; this long after the first one, the same again is meant as a second, in milliseconds. */
const npmRepeatMs = 1_000;

function readConfig(): Config {
  try {
    return parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(1);
  }
}

/** At a terminal the log is for people. What makes it so is loaded only there: everywhere else it would only slow the start. */
async function terminal(): Promise<Pick<LogOptions, 'destination'>> {
  if (!process.stdout.isTTY) return {};
  return { destination: (await import('./log/terminal-log.ts')).createTerminalDestination() };
}

/** For a person at a terminal: what runs, and something to paste. */
function banner(facade: Facade, sandbox: Sandbox): string {
  const { query, variables } = readExample('delete-engagement', config.typePrefix);
  const line = query.replace(/^#.*\n/, '').replace(/\s+/g, ' ');
  const body = JSON.stringify({ query: line.trim(), variables: JSON.parse(variables) });
  return `
  GraphQL and GraphiQL  ${facade.url}/graphql
  connected to          the embedded sandbox at ${sandbox.url} (invented data; nothing real is deleted)

  Delete an engagement:

  curl ${facade.url}/graphql -H 'content-type: application/json' -d '${body}'

`;
}

const config = readConfig();
const log = createLog({ secrets: secretsOf(config), ...(await terminal()) });
const { url: upstream, openToken, sandbox } = await findUpstream(config);
const facade = await startFacade({ config, log, upstream, openToken }).catch((error: Error) => {
  const isMistake = error instanceof ConfigError;
  process.stderr.write(`${isMistake ? '' : 'Cannot listen: '}${error.message}\n`);
  return process.exit(1);
});
if (sandbox) process.stdout.write(banner(facade, sandbox));
const { metricsUrl } = facade;
log.info(
  { url: `${facade.url}/graphql`, metricsUrl, upstream: upstream.origin, authMode: config.auth.mode },
  'listening',
);

let isStopping = false;
/** Answers what is in flight and lets the process end; one that does not end in time is ended. */
async function stop(forMs: number): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  setTimeout(() => process.exit(1), config.requestTimeoutMs + drainMarginMs).unref();
  await facade.close(forMs);
  await sandbox?.close();
  // What upstream left hanging would keep the process alive.
  process.exit();
}

let first: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;

/** True for what npm passes on of a signal that all of its process group got, such as Ctrl-C: it is no second one. */
function isRepeatedByNpm(signal: NodeJS.Signals): boolean {
  const isBelowNpm = process.env.npm_lifecycle_event === 'start';
  return isBelowNpm && signal === first?.signal && performance.now() - first.atMs < npmRepeatMs;
}

async function stopOnSignal(signal: NodeJS.Signals): Promise<void> {
  if (isRepeatedByNpm(signal)) return;
  // A second signal means: now.
  if (first) process.exit(1);
  first = { signal, atMs: performance.now() };
  log.info({ signal }, 'draining');
  // At a terminal, nobody wants to wait for a browser that is still connected.
  await stop(signal === 'SIGINT' ? 0 : noticeMs);
}

/** After an error that nobody caught, what the process remembers may be wrong: it says so, and ends once all are answered. */
async function stopOnFailure(error: unknown): Promise<void> {
  process.exitCode = 1;
  log.fatal({ err: error, errorId: randomUUID() }, 'uncaught error, draining');
  await stop(noticeMs);
}

process.on('SIGTERM', stopOnSignal);
process.on('SIGINT', stopOnSignal);
process.on('uncaughtException', stopOnFailure);
process.on('unhandledRejection', stopOnFailure);
