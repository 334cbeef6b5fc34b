import { type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import type { Config } from '../config/config.ts';
import { parseRedisAddress } from '../config/redis-address.ts';
import { Secret } from '../config/secret.ts';
import { censor, secretPattern, shortened, withEscapes } from './foreign-text.ts';

/**
 * The server's log: JSON lines on standard output, which `terminal-log.ts` rewrites at a terminal. These are `[redacted]`: `Secret`
 * objects, values under a credential's name, the text after `Bearer` or `Basic`, JWTs, and the log's own secrets anywhere in a line.
 * An error has its type, message, stack, code and causes, all cut; messages that may quote a request are left out. No line is longer
 * than 16 Ki characters, and none has a character that changes how others look.
 */
export type Log = Logger;

/** The options of a log. */
export interface LogOptions {
  /** The destination of the lines. @default standard output */
  readonly destination?: DestinationStream;
  /** Redacted in every spelling: plain, escaped, percent-encoded, base64. Secrets of fewer than 8 characters are not searched for. */
  readonly secrets?: readonly Secret[];
}

/** Lines are written in batches: writing a single line costs as much as formatting it. */
const batchCharacters = 32 * 1_024;
const batchMs = 50;

/** The most unread bytes. If the reader of standard output is slower, more lines are dropped. */
const maxUnreadBytes = 16 * 1_024 * 1_024;

/** Standard output. At the exit, and after a fatal error, lines are written at once. A later line has the number of dropped ones. */
class StandardOutput implements DestinationStream {
  readonly #output = pino.destination({ dest: 1, sync: false, maxLength: maxUnreadBytes });
  readonly #outputNow = pino.destination({ dest: 1, sync: true });
  #batch = '';
  #timer: NodeJS.Timeout | undefined;
  #lostLines = 0;

  constructor() {
    process.once('exit', () => this.flushSync());
    this.#output.on('drop', (batch: string) => {
      this.#lostLines += batch.split('\n').length - 1;
    });
    this.#output.on('drain', () => {
      const lines = this.#lostLines;
      this.#lostLines = 0;
      const msg = 'standard output was not read in time: lines of the log are lost';
      if (lines > 0) this.write(`${JSON.stringify({ level: 50, time: Date.now(), lines, msg })}\n`);
    });
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

/** All logs of a process share one. */
function findStandardOutput(): StandardOutput {
  standardOutput ??= new StandardOutput();
  return standardOutput;
}

/** The ends of names of credentials, in logged objects such as the headers of a request. */
const credentialNames = /(authorization|cookie|token|secret|password|api-?key)$/i;

/** A caller's credential is not known in advance, but its scheme is. It may contain any visible character. */
const credential = /(bearer|basic)(?:\s|\+|%20)+\S+/gi;

const jwtCharacters = /[\w.-]+/g;

/** True for the form of a JWT: its first two parts are JSON objects in base64url (RFC 7515 section 3.1). */
function hasJwt(run: string): boolean {
  // One pattern for the whole form would not be linear: it would restart at each "eyJ".
  if (!run.includes('.eyJ')) return false;
  const parts = run.split('.');
  return parts.some(
    (part, index) => part.includes('eyJ') && parts[index + 1]?.startsWith('eyJ') && index + 2 < parts.length,
  );
}

/** The longest line. In a longer one, the texts are cut, to so many characters, items of a list or an object, and levels. */
const maxLineCharacters = 16 * 1_024;
const maxTextCharacters = 1_000;
const maxItems = 20;
const maxLevels = 6;

/** The longest stack of an error, without its causes, and the most causes. Its message may be as long as any text of a cut line. */
const maxStackCharacters = 4_000;
const maxCauses = 3;

/** How much of a text is searched for secrets. The rest is never shown. */
const maxSearchedCharacters = 64 * 1_024;

/** A line that matches may have a credential or a character to escape. Most lines do not match and are unchanged. One pattern takes longer. */
const suspects = [/[%\\+\u007f-\uffff]/, /eyj|bearer|basic|authorization|cookie|token|secret|password|api-?key/i];

/** The secrets of the configuration. */
export function secretsOf({ secrets, proxy, shared }: Config): readonly Secret[] {
  const redis = shared && parseRedisAddress(shared.redisUrl.reveal());
  // Errors of libraries may contain the password of an address alone. A user without a password is probably one without its colon.
  const passwords = [
    proxy && decodeURIComponent(new URL(proxy.url.reveal()).password),
    redis?.password ?? redis?.username,
  ];
  return [...secrets, ...passwords.flatMap((password) => (password ? new Secret(password) : []))];
}

/** Undoes one layer of JSON's and of percent encoding. */
function decode(text: string): string {
  return text
    .replace(/\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/g, (escaped) => JSON.parse(`"${escaped}"`))
    .replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString());
}

/** True when the pattern matches the text after up to that many layers of encoding are undone. */
const isHidden = (pattern: RegExp, text: string, layers = 3): boolean =>
  text.search(pattern) >= 0 || (layers > 0 && isHidden(pattern, decode(text), layers - 1));

type Redact = (value: unknown) => unknown;

/** Makes the function that removes credentials from any value read from JSON. */
function redaction(pattern: RegExp | undefined): Redact {
  function redactText(text: string): string {
    const redacted = text
      .slice(0, maxSearchedCharacters)
      .replace(credential, `$1 ${censor}`)
      .replace(jwtCharacters, (run) => (hasJwt(run) ? censor : run));
    if (!pattern) return redacted;
    const plain = redacted.replace(pattern, censor);
    const readings = /[%\\+]/.test(plain) ? [plain, plain.replaceAll('+', ' ')] : [];
    return readings.some((reading) => isHidden(pattern, reading)) ? censor : plain;
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

/** Cuts long texts, lists and objects in the value. */
function cut(value: unknown, levels = maxLevels): unknown {
  if (typeof value === 'string') return shortened(value, maxTextCharacters);
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return '…';
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => cut(item, levels - 1));
  const entries = Object.entries(value).slice(0, maxItems);
  return Object.fromEntries(entries.map(([name, item]) => [shortened(name, maxTextCharacters), cut(item, levels - 1)]));
}

/** Errors whose messages quote the request: a document, its values, a body, a header. Only the caller gets such a message. */
const quotingNames = new Set(['GraphQLError', 'SyntaxError', 'ZodError', '$ZodError']);
const quotingCodes = /^ERR_(?:HTTP_)?(?:INVALID|UNESCAPED)/;

/** The fields of an error in the log. Others (nodes, source, input, command) may contain a request. */
function describeError(error: unknown, redact: Redact, causes = maxCauses): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, stack = '', cause, originalError } = error as Error & { readonly originalError?: unknown };
  // GraphQL's executor wraps errors.
  if (originalError instanceof Error) return describeError(originalError, redact, causes);
  const { code, extensions } = error as { code?: unknown; extensions?: { readonly code?: unknown } };
  const isQuoting = quotingNames.has(name) || quotingCodes.test(String(code));
  // After the message, which may look like a frame.
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

const flatTypes: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'undefined']);

/**
 * True for a plain object of texts, numbers and the like, and without an error: pino writes it as `JSON.stringify` does. No field has
 * one of pino's own names, such as `time`.
 */
function isFlat(fields: unknown): fields is object {
  if (typeof fields !== 'object' || fields === null || 'err' in fields) return false;
  if (Object.getPrototypeOf(fields) !== Object.prototype) return false;
  return Object.values(fields).every((value) => value === null || flatTypes.has(typeof value));
}

/** The destination, without its errors: a delete must not lose its outcome to a line that cannot be written. */
function sparing(destination: DestinationStream): DestinationStream {
  let hasWarned = false;
  return {
    write(line) {
      try {
        destination.write(line);
      } catch (error) {
        if (hasWarned) return;
        hasWarned = true;
        const code = 'ENGAGEMENTS_LOG_LOST';
        process.emitWarning(`lines of the log are lost: their destination throws ${(error as Error)?.name}`, { code });
      }
    },
  };
}

/** Creates a log. No value breaks a line, or stops it from being written. */
export function createLog({ destination, secrets = [] }: LogOptions = {}): Log {
  const output = destination ? sparing(destination) : findStandardOutput();
  const pattern = secretPattern(secrets);
  const redact = redaction(pattern);
  const print = (value: unknown) => withEscapes(`${JSON.stringify(value)}\n`);
  function streamWrite(given: string): string {
    const isPlain = !suspects.some((suspect) => suspect.test(given)) && !(pattern && given.search(pattern) >= 0);
    if (isPlain && given.length <= maxLineCharacters) return given;
    const line = withEscapes(given);
    try {
      const shown = redact(JSON.parse(line));
      const whole = print(shown);
      if (whole.length <= maxLineCharacters) return whole;
      const short = print(cut(shown));
      if (short.length <= maxLineCharacters) return short;
    } catch {
      // For example, too deep for the stack. A line that cannot be searched must not be written.
    }
    return print({ level: 50, time: Date.now(), msg: 'left out a line that cannot be redacted or cut' });
  }
  const options = {
    base: null,
    serializers: { err: (error: unknown) => describeError(error, redact) },
    hooks: {
      streamWrite,
      // Without a text, pino uses the error's message, which may quote the request.
      logMethod(this: Log, args: Parameters<LogFn>, method: LogFn, level: number) {
        const [first, ...rest] = args;
        if (isFlat(first) && rest.length === 1 && typeof rest[0] === 'string') {
          // The line of each delete: pino takes four times as long for the same text.
          const line = JSON.stringify({ level, time: Date.now(), ...first, msg: rest[0] });
          return void output.write(streamWrite(`${line}\n`));
        }
        const isError = first instanceof Error || (first as { err?: unknown } | undefined)?.err instanceof Error;
        method.apply(this, isError && rest.length === 0 ? [first, 'an error'] : args);
      },
    },
  };
  return pino(options, output);
}
