import { parseConfig } from '../../src/config/config.ts';
import { readText } from './checks.ts';

/** A number that a module keeps to itself, such as `drainMarginMs`. @throws when it is no longer there. */
function constant(file: string, name: string): number {
  const text = new RegExp(`\\b${name} = ([\\d_]+);`).exec(readText(file))?.[1];
  if (text === undefined) throw new Error(`${file} has no ${name}`);
  return Number(text.replaceAll('_', ''));
}

/** The longest that a server takes to stop, for operations of this length: then it ends itself. */
export const longestStopMs = (requestTimeoutMs: number): number =>
  requestTimeoutMs + constant('src/serve.ts', 'drainMarginMs');

/** The longest that a server lets a connection be quiet. */
export const longestQuietMs = (requestTimeoutMs: number): number =>
  requestTimeoutMs + constant('src/http/server.ts', 'quietMarginMs');

/** How long a proxy may keep an idle connection to a server. Later, the server itself closes it: when it drains, or because it is idle. */
export const idleTimeoutMs: number = Math.min(constant('src/serve.ts', 'noticeMs'), parseConfig({}).keepAliveTimeoutMs);

/** Reads a length as nginx and Compose write it, in seconds. */
export function secondsToMs(text: string | undefined): number {
  const seconds = /^(\d+)s$/.exec(text ?? '')?.[1];
  if (seconds === undefined) throw new Error(`${text} is no number of seconds`);
  return Number(seconds) * 1_000;
}
