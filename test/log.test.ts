import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { GraphQLError, Source } from 'graphql';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config/config.ts';
import { Secret } from '../src/config/secret.ts';
import { withEscapes } from '../src/log/foreign-text.ts';
import { createLog, type Log, secretsOf } from '../src/log/log.ts';
import { expectNoSecrets, findSecrets } from './support/canary.ts';
import { jsonLines } from './support/json-lines.ts';
import { runProgram } from './support/run-program.ts';
import { runs } from './support/runs.ts';

/** The lines that `write` logs. Each must be JSON. */
function linesOf(secrets: readonly string[], write: (log: Log) => void): { text: string; lines: unknown[] } {
  let text = '';
  const destination = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  write(createLog({ destination, secrets: secrets.map((secret) => new Secret(secret)) }));
  expect(text).toMatch(/\n$/);
  return {
    text,
    lines: jsonLines(text),
  };
}

const lineOf = (secrets: readonly string[], write: (log: Log) => void) => linesOf(secrets, write).lines[0];

const token = 'tr/uto "token"\\ +é';
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('S01 the log', () => {
  it.each([
    'authorization',
    'Authorization',
    'proxy-authorization',
    'cookie',
    'set-cookie',
    'token',
    'access_token',
    'apiToken',
    'secret',
    'client_secret',
    'password',
    'x-api-key',
  ])('shows no value with the name %s, at any depth', (name) => {
    const headers = { [name]: 'canary', accept: '*/*' };
    const line = lineOf([], (log) => log.info({ ...headers, a: { b: { c: [{ headers }] } } }, 'text'));
    const shown = { [name]: '[redacted]', accept: '*/*' };
    expect(line).toMatchObject({ ...shown, a: { b: { c: [{ headers: shown }] } }, msg: 'text' });
  });

  it.each<[string, (log: Log) => void]>([
    ['a message', (log) => log.info(`it said ${token}`)],
    ['a message made of parts', (log) => log.info('it said %s and %j', token, { token: [token] })],
    ['a value', (log) => log.info({ value: token })],
    ['a value inside others', (log) => log.info({ a: [{ b: [`x${token}y`] }] })],
    ['a name', (log) => log.info({ [token]: { [`x${token}`]: 1 } })],
    ['a value that is bound to the log', (log) => log.child({ value: token }).warn('text')],
    ["an error's message and stack", (log) => log.error(new Error(`no ${token}`))],
    ["an error's cause", (log) => log.error(new Error('no', { cause: new Error('why', { cause: new Error(token) }) }))],
    ["an error's code", (log) => log.error({ err: Object.assign(new Error('no'), { code: token }) })],
    ["an address's query", (log) => log.info({ url: `https://x.example/?a=${encodeURIComponent(token)}&b=1` })],
    ["an address's form", (log) => log.info(`${new URLSearchParams({ token })}`)],
    ['lower-case percents', (log) => log.info(encodeURIComponent(token).toLowerCase())],
    ['percents of everything', (log) => log.info(Buffer.from(token).toString('hex').replace(/../g, '%$&'))],
    ['percents of percents', (log) => log.info(encodeURIComponent(encodeURIComponent(token)))],
    ['JSON in text', (log) => log.info(JSON.stringify({ token }))],
    ['JSON in JSON in text', (log) => log.info(JSON.stringify(JSON.stringify({ token })))],
    [
      'JSON with all characters escaped',
      (log) => log.info([...token].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')),
    ],
    ['base64', (log) => log.info(base64(token))],
    ['base64 of credentials', (log) => log.info(base64(`Bearer ${token}`))],
    ['base64 of a name and a password', (log) => log.info(base64(`me:${token}:`))],
    ['base64url', (log) => log.info(Buffer.from(`ab${token}?`).toString('base64url'))],
    ['base64 in an address', (log) => log.info(encodeURIComponent(base64(`?${token}`)))],
    ['base64 of JSON', (log) => log.info(base64(JSON.stringify({ token })))],
  ])('does not show a configured secret in %s', (_where, write) => {
    const { text } = linesOf([token], write);
    expectNoSecrets(text, [token]);
    expect(text).toContain('[redacted]');
    // Proves that the test can fail: a log without this secret shows it.
    const shown = linesOf([], write).text;
    expect(shown).not.toBe(text);
  });

  it.each([
    ['a number', '1234567890', { value: 1_234_567_890 }, { value: '[redacted]' }],
    ['part of another secret', 'abcdefgh', { value: 'abcdefghij' }, { value: '[redacted]' }],
    [
      'text with the special characters of patterns',
      '.*+?^$|()[]{}',
      { value: 'a.*+?^$|()[]{}b', other: '12345678910' },
      { value: 'a[redacted]b', other: '12345678910' },
    ],
  ])('finds a secret that is %s', (_what, secret, given, shown) => {
    expect(lineOf([secret, 'abcdefghij'], (log) => log.info(given))).toMatchObject(shown);
  });

  it.each([
    ['Authorization: Bearer abc.def~1', 'Authorization: Bearer [redacted]'],
    ['authorization=bearer%20abc&x=1 rest', 'authorization=bearer [redacted] rest'],
    ['Basic dXNlcjpwYXNz', 'Basic [redacted]'],
    ['got  BEARER  t, then more', 'got  BEARER [redacted] then more'],
    ['Bearer', 'Bearer'],
  ])("shows no caller's credential: %s", (given, shown) => {
    expect(lineOf([], (log) => log.info(given))).toMatchObject({ msg: shown });
  });

  it('shows Secret objects as such', () => {
    expect(lineOf([], (log) => log.info({ s: new Secret('canary') }, '%s', new Secret('canary')))).toMatchObject({
      s: '[redacted]',
      msg: '[redacted]',
    });
  });

  it('leaves all other text unchanged', () => {
    const entry = { a: 1.5, b: [true, null, { c: 'text' }], d: 'Überraschung "x" \\ \u2028', e: {}, f: -0.001 };
    const line = lineOf([token], (log) => log.info(entry, 'message'));
    expect(line).toEqual({ level: 30, time: expect.any(Number), ...entry, msg: 'message' });
  });

  it('does not search for a secret of fewer than 8 characters, which occurs by chance', () => {
    expect(lineOf(['delete'], (log) => log.info('delete'))).toMatchObject({ msg: 'delete' });
  });

  it('writes a line of plain values as pino does, to the byte', () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.boolean(), fc.constantFrom(null, undefined));
    // The names of a line's fields are this project's own.
    const fields = fc.dictionary(fc.stringMatching(/^[a-z]\w*$/), value);
    fc.assert(
      fc.property(fields, fc.string({ unit: 'binary' }), fc.boolean(), (given, message, hasError) => {
        const shown = hasError ? { ...given, err: 'not an error' } : given;
        const written: string[] = [];
        const destination = { write: (line: string) => written.push(line.replace(/"time":\d+/, '"time":0')) };
        const options = {
          base: null,
          hooks: { streamWrite: withEscapes },
          serializers: { err: () => ({ type: 'string' }) },
        };
        pino(options, destination).warn(shown, message);
        // A message that looks like a credential would be redacted.
        fc.pre(!/%|\+|\\|eyj|bearer|basic|authorization|cookie|token|secret|password|api-?key/i.test(written[0] ?? ''));
        createLog({ destination }).warn(shown, message);
        expect(written[1]).toBe(written[0]);
      }),
      { numRuns: runs(500) },
    );
  });
  it('changes no prototype, and writes a line with unusual names', () => {
    const odd = JSON.parse(`{"__proto__":{"polluted":"${'x'.repeat(9)}"},"constructor":1,"toString":2}`);
    const line = lineOf([token], (log) => log.info({ odd })) as { odd: object };
    expect(Object.keys(line.odd)).toEqual(['__proto__', 'constructor', 'toString']);
    expect({}).not.toHaveProperty('polluted');
  });

  it.each<[string, () => unknown]>([
    ['nested beyond the stack', () => JSON.parse('['.repeat(50_000) + ']'.repeat(50_000))],
    [
      'a circle',
      () => {
        const circle: Record<string, unknown> = { token };
        circle.self = circle;
        return circle;
      },
    ],
    [
      'a value that throws',
      () => ({
        toJSON: () => {
          throw new Error(token);
        },
      }),
    ],
  ])('writes a line without the secret for %s', (_what, make) => {
    const { text, lines } = linesOf([token], (log) => log.info({ value: make(), token }, 'message'));
    expect(lines).toHaveLength(1);
    expectNoSecrets(text, [token]);
  });
});

describe('S22 a line of the log', () => {
  const invisible =
    '\u202e\u202a\u2066\u2069\u200e\u200f\u061c\u2028\u2029\u0085\u009b\u007f\u200b\ufeff\u{e0041}\u{e007f}';

  it.each<[where: string, write: (log: Log) => void]>([
    ['a message', (log) => log.info(invisible)],
    ['a value', (log) => log.info({ a: [{ b: invisible }] })],
    ['a name', (log) => log.info({ [invisible]: 1 })],
    ['an error', (log) => log.error(new Error(invisible))],
    ['a line that is searched for secrets', (log) => log.info(`Bearer x ${invisible}`)],
    ['a line that is cut', (log) => log.info({ a: 'x'.repeat(20_000) }, invisible)],
  ])('has no character that changes how others look, in %s; its meaning is the same', (_where, write) => {
    const { text, lines } = linesOf([], write);
    expect(text).toMatch(/^[\n\x20-\x7e\u2026]+$/);
    expect(JSON.stringify(lines)).toContain(invisible);
  });

  const long = 'x'.repeat(2_000_000);
  it.each<[what: string, write: (log: Log) => void, kept: object]>([
    ['a long text', (log) => log.info({ a: long, b: 1 }, 'text'), { b: 1, msg: 'text' }],
    ['a long message', (log) => log.warn({ a: 'b' }, long), { level: 40, a: 'b' }],
    ['a long name', (log) => log.info({ b: 1, [long]: 1 }, 'text'), { b: 1, msg: 'text' }],
    ['many texts', (log) => log.info({ a: Array.from({ length: 50_000 }, () => 'abc') }, 'text'), { msg: 'text' }],
    ['long credentials', (log) => log.info(`Bearer ${long} and ${long}`), { level: 30 }],
    ['a long error', (log) => log.error(new RangeError(long)), { err: { type: 'RangeError' } }],
    [
      'an error with many long causes',
      (log) => {
        let error = new Error(long);
        for (let index = 0; index < 100; index += 1) error = new Error(long, { cause: error });
        log.error(error);
      },
      { err: { cause: { cause: { cause: { type: 'Error' } } } } },
    ],
    ['invisible characters', (log) => log.info({ a: '\u202e'.repeat(100_000) }, 'text'), { msg: 'text' }],
  ])('has at most 16,384 characters, with %s', (_what, write, kept) => {
    const { text, lines } = linesOf([], write);
    expect(text.length).toBeLessThanOrEqual(16_384);
    expect(lines).toMatchObject([kept]);
  });

  it('shows no part of a secret that is cut', () => {
    for (const length of [950, 996, 3_990, 65_530])
      expectNoSecrets(
        linesOf([token], (log) => {
          log.error(new Error('y'.repeat(length) + token));
          log.info({ a: 'y'.repeat(length) + token, b: long });
        }).text,
        [token, token.slice(0, 9)],
      );
  });

  it.each([
    ['a document', new GraphQLError('Syntax Error: "canary"', { source: new Source('canary') })],
    ['JSON', new SyntaxError('Unexpected token, "canary" is not valid JSON')],
    ['a header', Object.assign(new TypeError('Invalid value "canary"'), { code: 'ERR_HTTP_INVALID_HEADER_VALUE' })],
  ])('has no message of an error that quotes %s, and no other field of the error', (_what, error) => {
    const others = Object.assign(new Error('text'), { request: 'canary', command: { args: ['canary'] }, cause: error });
    for (const one of [error, others, new GraphQLError('canary', { originalError: error })]) {
      const { text } = linesOf([], (log) => log.error({ err: one }, 'text'));
      expect(text).not.toContain('canary');
      expect(text).toContain('log.test.ts');
    }
  });
});

describe('S01 with any secret in any position', () => {
  const secret = fc
    .oneof(
      fc.string({ unit: 'binary', minLength: 8, maxLength: 60 }),
      fc.string({ unit: fc.constantFrom(...'\\"/%+ =[]{}u0041n\n\t\u0000éab'), minLength: 8, maxLength: 20 }),
      fc.base64String({ minLength: 8, maxLength: 90 }),
      fc.stringMatching(/^[\x21-\x7e]{8,64}$/),
    )
    // The fields of every line are no secret.
    .filter(
      (text) =>
        findSecrets('{"level":30,"time":1790000000000,"a":{"b":["[redacted]"]},"msg":"[redacted]"}', [text]).length ===
        0,
    );
  const spell = fc.constantFrom<(text: string) => string>(
    (text) => text,
    (text) => JSON.stringify(text),
    (text) => JSON.stringify(JSON.stringify({ text })),
    (text) => encodeURIComponent(text),
    (text) => new URLSearchParams({ text }).toString(),
    (text) => Buffer.from(text).toString('hex').replace(/../g, '%$&'),
    base64,
    (text) => Buffer.from(text).toString('base64url'),
    (text) => base64(`Bearer ${text}`),
    (text) => encodeURIComponent(base64(`user:${text}`)),
  );
  const around = fc.string({ unit: fc.constantFrom(...'\\"/%2 +=\na'), maxLength: 6 });

  it('the line has no secret, and is JSON', () => {
    fc.assert(
      fc.property(secret, spell, around, around, (hidden, write, before, after) => {
        const text = before + write(hidden) + after;
        const { text: line } = linesOf([hidden], (log) =>
          log.info({ a: { b: [text], [text]: 1, err: new Error(text) } }, text),
        );
        expectNoSecrets(line, [hidden]);
      }),
      { numRuns: runs(2000) },
    );
  });
});

it('S01 the secrets of a configuration are its token and its shared secret', () => {
  const service = { AUTH_MODE: 'service', TRUTO_API_TOKEN: 'the-api-token', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' };
  const reveal = (env: Record<string, string>) => secretsOf(parseConfig(env)).map((secret) => secret.reveal());
  expect(reveal({ ...service, JWT_SECRET: 's'.repeat(32) })).toEqual(['s'.repeat(32), 'the-api-token']);
  expect(reveal({ ...service, JWT_JWKS_URL: 'https://keys.example' })).toEqual(['the-api-token']);
  expect(reveal({ AUTH_MODE: 'passthrough' })).toEqual([]);
  const proxy = 'http://user:pass%2Fword@proxy:3128/';
  expect(reveal({ HTTPS_PROXY: proxy })).toEqual([proxy, 'pass/word']);
  // A user without a password is probably a password.
  expect(reveal({ SANDBOX: '1', REDIS_URL: 'redis://pass@r' })).toEqual(['redis://pass@r', 'pass']);
  expect(reveal({})).toEqual([]);
});

it('the log has a fatal error, and all lines before it, also when the process is killed right after', async () => {
  const log = fileURLToPath(new URL('../src/log/log.ts', import.meta.url));
  const program = `import { createLog } from ${JSON.stringify(log)};
    const log = createLog();
    log.info('before');
    log.fatal('fatal');
    process.kill(process.pid, 'SIGKILL');`;
  const { output } = await runProgram([process.execPath, '--input-type=module', '--eval', program], '.');
  expect(output.match(/"msg":"\w+"/g)).toEqual(['"msg":"before"', '"msg":"fatal"']);
});

it('a log that is not read holds at most 16 MiB, and reports later how many lines are lost', async () => {
  const log = fileURLToPath(new URL('../src/log/log.ts', import.meta.url));
  const program = `import { createLog } from ${JSON.stringify(log)};
    const log = createLog();
    for (let lines = 0; lines < 40_000; lines += 1) {
      log.info('x'.repeat(1_000));
      if (lines % 100 === 0) await new Promise(setImmediate);
    }
    process.send('written');
    process.once('message', () => process.exit());`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  let text = '';
  for await (const chunk of child.stdout as Readable) {
    text += chunk;
    if (String(chunk).includes('"lines":')) child.send('end');
  }
  const lines = jsonLines(text);
  const loss = lines.find((line) => line.lines > 0);
  expect(loss).toMatchObject({ level: 50 });
  expect(lines.length - 1 + loss.lines).toBe(40_000);
  expect(text.length).toBeLessThan(17 * 1_024 * 1_024);
});
