import { type DestinationStream, type Logger, pino } from 'pino';

/** The server's log: JSON lines on standard output. Secrets are `Secret` objects, which print as `[redacted]`. */
export type Log = Logger;

/** Keys that hold credentials in anything that might be logged whole, such as an error's request headers. */
const credentialKeys = ['authorization', 'Authorization', 'cookie', 'token', 'apiToken', 'secret'];

/** @param destination where the lines go; standard output unless said otherwise. */
export function createLog(destination?: DestinationStream): Log {
  const paths = credentialKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);
  const options = { base: null, redact: { paths, censor: '[redacted]' } };
  return destination ? pino(options, destination) : pino(options);
}
