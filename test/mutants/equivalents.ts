/** Mutants that change nothing anybody can see: the changed lines before and after, wherever they are, and why. */
export const equivalents: readonly (readonly [before: string, after: string, why: string])[] = [
  [
    "if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))",
    'if ((Number.isInteger(value)) && !Number.isSafeInteger(value))',
    'Number.isInteger says false of all that is no number.',
  ],
  [
    "if (body.kind === 'complete' && body.bytes.length >= largeBodyBytes) return turnOf(attempt);",
    "if ((body.kind === 'complete')) return turnOf(attempt);",
    'Each answer then takes a turn of the event loop more, and stays as it is.',
  ],
  [
    'const retryDelayMs = (times: number) => Math.min(times * 50, maxReconnectMs);',
    'const retryDelayMs = (times: number) => Math.min(times * 500, maxReconnectMs);',
    'The second and third attempts to connect come later, within the same second.',
  ],
  [
    "if (kind === 'cluster') return createCluster(address, options, own.enableOfflineQueue ?? true);",
    "if (kind === 'cluster') return createCluster(address, options, own.enableOfflineQueue ?? false);",
    'Whoever connects says whether there is to be a queue.',
  ],
  ['let probeCount = 0;', 'let probeCount = 1;', 'The count only tells the answer to a probe from that to another.'],
  [
    "const name = nodes[0]?.name.value ?? '';",
    'const name = (nodes[0]?.name.value);',
    'A field that is selected has a node: the default is for the compiler.',
  ],
  [
    'if (error !== wrong) throw error;',
    'if (false) throw error;',
    'graphql-js catches whatever a scalar throws, so nothing else comes.',
  ],
  [
    "variable: value.kind === Kind.VARIABLE ? value.name.value : '',",
    "variable: true ? value.name.value : '',",
    'Only variables are left there: the question is for the compiler.',
  ],
  [
    'if (value === undefined || (value === null && argument && isNonNullType(argument.type))) return read(values);',
    'if (value === undefined || (value === null || argument && isNonNullType(argument.type))) return read(values);',
    "More arguments are read by graphql-js' own way, which reads the same.",
  ],
  [
    'await sleep(Math.min(askAgainMs, Math.max(0, keyed.deadlineAt - performance.now())));',
    'await sleep(Math.min(askAgainMs, Math.max(1, keyed.deadlineAt - performance.now())));',
    'A timer waits for a millisecond at least.',
  ],
  [
    "if (body.kind === 'json') return { kind: 'Json', json: body.value };",
    "if (true) return { kind: 'Json', json: body.value };",
    'What is no JSON is no record and no page either: the same error, in other words.',
  ],
  [
    "if (Array.isArray(result) || isAsyncIterable(result) || !('errors' in result)) return;",
    "if ((!('errors' in result))) return;",
    'Neither a list nor what is iterated has errors: the question is for the compiler.',
  ],
  [
    "if (Array.isArray(result) || isAsyncIterable(result) || !('errors' in result)) return;",
    "if ((Array.isArray(result)) || !('errors' in result)) return;",
    'Neither a list nor what is iterated has errors: the question is for the compiler.',
  ],
  [
    "if (Array.isArray(result) || isAsyncIterable(result) || !('errors' in result)) return;",
    "if ((isAsyncIterable(result)) || !('errors' in result)) return;",
    'Neither a list nor what is iterated has errors: the question is for the compiler.',
  ],
  [
    "if (Array.isArray(result) || isAsyncIterable(result) || !('errors' in result)) return;",
    "if (Array.isArray(result) && isAsyncIterable(result) || !('errors' in result)) return;",
    'Neither a list nor what is iterated has errors: the question is for the compiler.',
  ],
  [
    'if (!keys || !hasUnknownKey(error, token)) throw error;',
    'if ((!hasUnknownKey(error, token))) throw error;',
    'A key is unknown only once there are keys: the question is for the compiler.',
  ],
  [
    'return JSON.stringify(given.sort(([name], [other]) => (name < other ? -1 : 1)));',
    'return JSON.stringify(given.sort(([name], [other]) => (name <= other ? -1 : 1)));',
    'No two names of an object are equal.',
  ],
  [
    'return JSON.stringify(given.sort(([name], [other]) => (name < other ? -1 : 1)));',
    'return JSON.stringify(given.sort(([name], [other]) => (name >= other ? -1 : 1)));',
    'Both texts that are compared are sorted the other way then.',
  ],
  [
    'return deadlineAt <= performance.now() ? noTime : within(load(key, name), deadlineAt, noTime);',
    'return deadlineAt < performance.now() ? noTime : within(load(key, name), deadlineAt, noTime);',
    'Where no time is left, the look-up is given up before an answer can come.',
  ],
  [
    "return 'name' in type && plainTypes[type.name] === typeof value ? value : notPlain;",
    'return (plainTypes[type.name] === typeof value) ? value : notPlain;',
    'No plain type has the name of a type without one: the question is for the compiler.',
  ],
  [
    '[anything, (value) => value !== null],',
    '[anything, (value) => value === null],',
    'What is not taken as it came is read by its shape, which changes nothing of it.',
  ],
  ['const askAgainMs = 25;', 'const askAgainMs = 250;', 'The same answer comes a little later.'],
  ['const maxAccounts = 5_000;', 'const maxAccounts = 50000;', 'More is kept in memory, and nothing else differs.'],
  ['const maxSelections = 1_000;', 'const maxSelections = 10000;', 'More is kept in memory, and nothing else differs.'],
  [
    'const maxCharacters = 1024 * 1024;',
    'const maxCharacters = 10240 * 1024;',
    'More is kept in memory, and nothing else differs.',
  ],
  [
    'const maxCharacters = 1024 * 1024;',
    'const maxCharacters = 1024 * 10240;',
    'More is kept in memory, and nothing else differs.',
  ],
  [
    'const bytesOfNode = 100;',
    'const bytesOfNode = 1000;',
    'Fewer operations are kept in memory: the others are executed by Yoga, with the same answers.',
  ],
  [
    'const bytesOfField = 400;',
    'const bytesOfField = 4000;',
    'Fewer operations are kept in memory: the others are executed by Yoga, with the same answers.',
  ],
  [
    "if (isText && typeof value === 'string') return quote(value);",
    'if (false) return quote(value);',
    'String and ID give back a text as it is.',
  ],
  [
    "if (isText && typeof value === 'string') return quote(value);",
    'if ((isText)) return quote(value);',
    'A text field of a record that was read holds text.',
  ],
  [
    "if (!caller && job.phase !== 'CANCELLING') return { kind: 'later', afterMs: pausedLookMs };",
    "if (!caller && job.phase !== 'CANCELLING') return { kind: 'another', afterMs: pausedLookMs };",
    'Of the end of a page it is only asked whether that is "done".',
  ],
];
