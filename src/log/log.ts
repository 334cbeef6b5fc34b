import { type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import type { AuthConfig, Config } from '../config/config.ts';
import { parseRedisAddress } from '../config/redis-address.ts';
import { Secret } from '../config/secret.ts';
import type { SharedConfig } from '../config/shared-config.ts';
import { shortened, withEscapes } from './foreign-text.ts';
import { secretPattern } from './secret-pattern.ts';

/**
 * The server's log: JSON lines on standard output, which `terminal-log.ts` rewrites at a terminal. These show as `[redacted]`:
 * `Secret` objects, whatever stands under a credential's name, what follows `Bearer` or `Basic`, JWTs, and the secrets that
 * the log was made with, wherever they turn up. Of an error there is its type, message, stack, code and causes, all cut, and no
 * message of a kind that quotes what was read. No line is longer than 16 Ki characters, and none has a character that changes
 * how others look.
 */
export type Log = Logger;

/** How a log is made. */
export interface LogOptions {
  /** Where the lines go. @default standard output */
  readonly destination?: DestinationStream;
  /** What must never show: plain, escaped, percent-encoded or in base64. One of fewer than 8 characters is not looked for. */
  readonly secrets?: readonly Secret[];
}

/** Lines are written together: each by itself would cost as much as all else that a delete's line takes. */
const batchCharacters = 32 * 1_024;
const batchMs = 50;

/** Standard output. Lines wait up to 50 ms for others; at the exit, and after a fatal error, they are written at once. */
class StandardOutput implements DestinationStream {
  readonly #output = pino.destination({ dest: 1, sync: false });
  readonly #outputNow = pino.destination({ dest: 1, sync: true });
  #batch = '';
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    process.once('exit', () => this.flushSync());
  }

  write(line: string): void {
    this.#batch += line;
    if (this.#batch.length >= batchCharacters) this.#flush(this.#output);
    else this.#timer ??= setTimeout(() => this.#flush(this.#output), batchMs).unref();
  }

  /** pino calls it after a fatal error. */
  flushSync(): void {
    this.#output.flushSync();
    this.#flush(this.#outputNow);
  }

  #flush(output: DestinationStream): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch !== '') output.write(this.#batch);
    this.#batch = '';
  }
}

let standardOutput: StandardOutput | undefined;

const censor = '[redacted]';

/** How the names end under which credentials stand in what is logged whole, such as an error's request headers. */
const credentialNames = /(authorization|cookie|token|secret|password|api-?key)$/i;

/** A caller's own credential is not known beforehand, but for what precedes it; any visible character may be part of it. */
const credential = /(bearer|basic)(?:\s|\+|%20)+\S+/gi;

/** What a JWT is made of. */
const jwtCharacters = /[\w.-]+/g;

/** Or for its form: a JWT's first two parts are JSON objects in base64url (RFC 7515 section 3.1). */
function hasJwt(run: string): boolean {
  // One pattern for the whole form would read all that follows each "eyJ" again.
  if (!run.includes('.eyJ')) return false;
  const parts = run.split('.');
  return parts.some(
    (part, index) => part.includes('eyJ') && parts[index + 1]?.startsWith('eyJ') && index + 2 < parts.length,
  );
}

/** The longest line. What is longer is written again with its texts cut. */
const maxLineCharacters = 16 * 1_024;

/** The longest text of a line that had to be cut, and of the message of an error. */
const maxTextCharacters = 1_000;

/** The longest stack of an error, without its causes. */
const maxStackCharacters = 4_000;

/** How much of a text is searched for secrets, and so may be shown at all. */
const maxSearchedCharacters = 64 * 1_024;

/** How many items of a list or an object a line shows that had to be cut, and how many levels of them. */
const maxItems = 20;
const maxLevels = 6;

/** How many causes of an error are shown. */
const maxCauses = 3;

/** What no line has, in lower case, that is free of all of the above and of escapes: most are, and stay as they are. */
const suspect = /[%\\+\u007f-\uffff]|eyj|bearer|basic|authorization|cookie|token|secret|password|api-?key/;

function secretsOfAuth(auth: AuthConfig): readonly Secret[] {
  if (auth.mode !== 'service') return [];
  const { key } = auth.jwt;
  return [auth.apiToken, ...('secret' in key ? [key.secret] : [])];
}

/** An address and its password, which is a secret by itself: errors of others may name it without the address. */
function secretsOfAddress(address: Secret): readonly Secret[] {
  return [address, ...secretsOfPassword(decodeURIComponent(new URL(address.reveal()).password))];
}

const secretsOfPassword = (password = ''): readonly Secret[] => (password === '' ? [] : [new Secret(password)]);

function secretsOfShared({ redisUrl, tokenSecret, undoStore }: SharedConfig): readonly Secret[] {
  const { username, password } = parseRedisAddress(redisUrl.reveal()) ?? {};
  return [
    redisUrl,
    // A user without a password is most likely a password without its colon.
    ...secretsOfPassword(password ?? username),
    ...(tokenSecret ? [tokenSecret] : []),
    ...(undoStore?.kind === 'bucket' ? [undoStore.secretAccessKey] : []),
    ...(undoStore?.kind === 'bucket' && undoStore.sessionToken ? [undoStore.sessionToken] : []),
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

/** Takes credentials out of any value read from JSON. */
type Redact = (value: unknown) => unknown;

/** Makes the function that takes credentials out. */
function redaction(pattern: RegExp | undefined): Redact {
  function redactText(text: string): string {
    const redacted = text
      .slice(0, maxSearchedCharacters)
      .replace(credential, `$1 ${censor}`)
      .replace(jwtCharacters, (run) => (hasJwt(run) ? censor : run));
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

/** The value with long texts, lists and objects cut. */
function cut(value: unknown, levels = maxLevels): unknown {
  if (typeof value === 'string') return shortened(value, maxTextCharacters);
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return '…';
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => cut(item, levels - 1));
  const entries = Object.entries(value).slice(0, maxItems);
  return Object.fromEntries(entries.map(([name, item]) => [shortened(name, maxTextCharacters), cut(item, levels - 1)]));
}

/**
 * The errors whose messages quote what they could not read: a document, its values, a body, a header. They say nothing that the
 * caller was not answered.
 */
const quotingNames = new Set(['GraphQLError', 'SyntaxError', 'ZodError', '$ZodError']);
const quotingCodes = /^ERR_(?:HTTP_)?(?:INVALID|UNESCAPED)/;

/** Of an error what the log shows of it. All else that it carries may be a request's: nodes, source, input, command. */
function describeError(error: unknown, redact: Redact, causes = maxCauses): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, stack = '', cause, originalError } = error as Error & { readonly originalError?: unknown };
  // What the executor of GraphQL wrapped.
  if (originalError instanceof Error) return describeError(originalError, redact, causes);
  const { code, extensions } = error as { code?: unknown; extensions?: { readonly code?: unknown } };
  const isQuoting = quotingNames.has(name) || quotingCodes.test(String(code));
  // Behind the message, which may have any form, also that of a frame.
  const afterMessage = stack.includes(message) ? stack.slice(stack.indexOf(message) + message.length) : '';
  const frames = afterMessage.split('\n').filter((line) => line.startsWith('    at '));
  const shownCode = code ?? extensions?.code;
  const show = (text: string, maxLength: number) => shortened(String(redact(text)), maxLength);
  return {
    type: error.constructor.name,
    message: isQuoting ? '' : show(message, maxTextCharacters),
    stack: show(isQuoting ? [name, ...frames].join('\n') : stack, maxStackCharacters),
    ...(shownCode !== undefined && { code: show(String(shownCode), maxTextCharacters) }),
    ...(cause !== undefined && causes > 0 && { cause: describeError(cause, redact, causes - 1) }),
  };
}

/** Makes a log. Nothing that it is given can break its lines or keep it from writing one. */
export function createLog({ destination, secrets = [] }: LogOptions = {}): Log {
  const pattern = secretPattern(secrets);
  const redact = redaction(pattern);
  const print = (value: unknown) => withEscapes(`${JSON.stringify(value)}\n`);
  function streamWrite(given: string): string {
    const isPlain = !suspect.test(given.toLowerCase()) && !(pattern && given.search(pattern) >= 0);
    if (isPlain && given.length <= maxLineCharacters) return given;
    const line = withEscapes(given);
    try {
      const shown = redact(JSON.parse(line));
      const whole = print(shown);
      if (whole.length <= maxLineCharacters) return whole;
      const short = print(cut(shown));
      if (short.length <= maxLineCharacters) return short;
    } catch {
      // Nested beyond the stack, say. What cannot be searched must not be shown.
    }
    return print({ level: 50, time: Date.now(), msg: 'a line that cannot be redacted or cut was left out' });
  }
  const options = {
    base: null,
    serializers: { err: (error: unknown) => describeError(error, redact) },
    hooks: {
      streamWrite,
      // Without a text, pino takes the message of the error for one.
      logMethod(this: Log, args: Parameters<LogFn>, method: LogFn) {
        const [first, ...rest] = args;
        const isError = first instanceof Error || (first as { err?: unknown } | undefined)?.err instanceof Error;
        method.apply(this, isError && rest.length === 0 ? [first, 'an error'] : args);
      },
    },
  };
  if (destination) return pino(options, destination);
  standardOutput ??= new StandardOutput();
  return pino(options, standardOutput);
}
