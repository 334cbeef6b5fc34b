import { type DestinationStream, type Logger, pino } from 'pino';
import type { AuthConfig, Config } from './config.ts';
import { Secret } from './secret.ts';
import { secretPattern } from './secret-pattern.ts';
import type { SharedConfig } from './shared-config.ts';

/**
 * The server's log: JSON lines on standard output, which `terminal-log.ts` rewrites at a terminal. These show as `[redacted]`:
 * `Secret` objects, whatever stands under a credential's name, what follows `Bearer` or `Basic`, JWTs, and the secrets that
 * the log was made with, wherever they turn up.
 */
export type Log = Logger;

/** How a log is made. */
export interface LogOptions {
  /** Where the lines go. @default standard output */
  readonly destination?: DestinationStream;
  /** What must never show: plain, escaped, percent-encoded or in base64. One of fewer than 8 characters is not looked for. */
  readonly secrets?: readonly Secret[];
}

/**
 * Lines go to the system when there are so many bytes of them, or so many milliseconds have passed, while the loop goes
 * on: to write each by itself costs as much as all else that a delete's line takes. At the exit pino writes the last.
 */
const batches = { minLength: 4_096, periodicFlush: 50 };

const censor = '[redacted]';

/** How the names end under which credentials stand in what is logged whole, such as an error's request headers. */
const credentialNames = /(authorization|cookie|token|secret|password|api-?key)$/i;

/** A caller's own credential is not known beforehand, but for what precedes it; any visible character may be part of it. */
const credential = /(bearer|basic)(?:\s|\+|%20)+\S+/gi;

/** Or for its form: a JWT's first two parts are JSON objects in base64url (RFC 7515 section 3.1). */
const jwt = /\beyJ[\w-]*\.eyJ[\w-]*\.[\w-]*/g;

/** What no line has that is free of all of the above and of escapes: most are, and stay as they are. */
const suspect = /[%\\+]|eyj|bearer|basic|authorization|cookie|token|secret|password|api-?key/i;

function secretsOfAuth(auth: AuthConfig): readonly Secret[] {
  if (auth.mode !== 'service') return [];
  const { key } = auth.jwt;
  return [auth.apiToken, ...('secret' in key ? [key.secret] : [])];
}

/** An address and its password, which is a secret by itself: errors of others may name it without the address. */
function secretsOfAddress(address: Secret): readonly Secret[] {
  const password = decodeURIComponent(new URL(address.reveal()).password);
  return [address, ...(password === '' ? [] : [new Secret(password)])];
}

function secretsOfShared({ redisUrl, tokenSecret, undoStore }: SharedConfig): readonly Secret[] {
  return [
    ...secretsOfAddress(redisUrl),
    ...(tokenSecret ? [tokenSecret] : []),
    ...(undoStore?.kind === 'bucket' ? [undoStore.secretAccessKey] : []),
  ];
}

/** The secrets of the configuration. */
export function secretsOf({ auth, proxy, shared }: Pick<Config, 'auth' | 'proxy' | 'shared'>): readonly Secret[] {
  return [
    ...secretsOfAuth(auth),
    ...(proxy ? secretsOfAddress(proxy.url) : []),
    ...(shared ? secretsOfShared(shared) : []),
  ];
}

/** The text with one layer of encoding undone, JSON's and that of addresses. */
function decode(text: string): string {
  return text
    .replace(/\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/g, (escaped) => JSON.parse(`"${escaped}"`))
    .replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString());
}

/** True when a reader who undoes other spellings, or several layers of them, would find what the pattern matches. */
function isHidden(pattern: RegExp, text: string): boolean {
  const layers = [text, text.replaceAll('+', ' ')];
  return layers.some((layer) => {
    let reading = layer;
    for (let depth = 0; depth < 4; depth += 1) {
      if (reading.search(pattern) >= 0) return true;
      reading = decode(reading);
    }
    return false;
  });
}

/** Makes the function that takes credentials out of any value read from JSON. */
function redaction(pattern: RegExp | undefined): (value: unknown) => unknown {
  function redactText(text: string): string {
    const redacted = text.replace(credential, `$1 ${censor}`).replace(jwt, censor);
    if (!pattern) return redacted;
    const plain = redacted.replace(pattern, censor);
    return /[%\\+]/.test(plain) && isHidden(pattern, plain) ? censor : plain;
  }
  return function redact(value: unknown): unknown {
    if (typeof value === 'string') return redactText(value);
    if (typeof value === 'number') return redactText(String(value)).includes(censor) ? censor : value;
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(redact);
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([name, item]) => [redactText(name), credentialNames.test(name) ? censor : redact(item)]),
    );
  };
}

/** Makes a log. Nothing that it is given can break its lines or keep it from writing one. */
export function createLog({ destination, secrets = [] }: LogOptions = {}): Log {
  const pattern = secretPattern(secrets);
  const redact = redaction(pattern);
  function streamWrite(line: string): string {
    if (!suspect.test(line) && !(pattern && line.search(pattern) >= 0)) return line;
    try {
      return `${JSON.stringify(redact(JSON.parse(line)))}\n`;
    } catch {
      // Nested beyond the stack, say. What cannot be searched must not be shown.
      return `${JSON.stringify({ level: 50, time: Date.now(), msg: 'a line that cannot be redacted was left out' })}\n`;
    }
  }
  const options = { base: null, hooks: { streamWrite } };
  return pino(options, destination ?? pino.destination({ dest: 1, sync: false, ...batches }));
}
