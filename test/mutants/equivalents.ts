const unlistedErrors = "if (Array.isArray(result) || isAsyncIterable(result) || !('errors' in result)) return;";

/** Mutants that change nothing that can be observed: the changed lines before and after, in any module, and the reason. */
export const equivalents: readonly (readonly [before: string, after: string, why: string])[] = [
  [
    "if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))",
    'if ((Number.isInteger(value)) && !Number.isSafeInteger(value))',
    'Number.isInteger is false for every value that is not a number.',
  ],
  [
    'const retryStrategy = (times: number) => Math.min(times * 50, maxReconnectMs);',
    'const retryStrategy = (times: number) => Math.min(times * 500, maxReconnectMs);',
    'The second and third attempts to connect come later, within the same second.',
  ],
  ['let probeCount = 0;', 'let probeCount = 1;', 'The count only distinguishes the answers to two probes.'],
  [
    'await sleep(Math.min(askAgainMs, Math.max(0, keyed.deadlineAt - performance.now())));',
    'await sleep(Math.min(askAgainMs, Math.max(1, keyed.deadlineAt - performance.now())));',
    'A timer waits for at least a millisecond.',
  ],
  [
    "if (body.kind === 'json') return { kind: 'Json', json: body.value, disconnect: attempt.disconnect };",
    "if (true) return { kind: 'Json', json: body.value, disconnect: attempt.disconnect };",
    'A body that is not JSON is not a record or a page either: the same error, with another message.',
  ],
  ...[
    "if ((!('errors' in result))) return;",
    "if ((Array.isArray(result)) || !('errors' in result)) return;",
    "if ((isAsyncIterable(result)) || !('errors' in result)) return;",
    "if (Array.isArray(result) && isAsyncIterable(result) || !('errors' in result)) return;",
  ].map(
    (after) =>
      [unlistedErrors, after, 'Lists and iterables have no errors: the check is only for the compiler.'] as const,
  ),
  [
    'return JSON.stringify(given.sort(([name], [other]) => (name < other ? -1 : 1)));',
    'return JSON.stringify(given.sort(([name], [other]) => (name <= other ? -1 : 1)));',
    'No two names of an object are equal.',
  ],
  [
    'return JSON.stringify(given.sort(([name], [other]) => (name < other ? -1 : 1)));',
    'return JSON.stringify(given.sort(([name], [other]) => (name >= other ? -1 : 1)));',
    'Then both of the compared texts are sorted in the other order.',
  ],
  ['const askAgainMs = 25;', 'const askAgainMs = 250;', 'The same answer comes a little later.'],
  [
    'const bytesOfField = 560;',
    'const bytesOfField = 5600;',
    'Fewer operations are kept in memory: the others are executed by Yoga, with the same answers.',
  ],
  [
    "if (body.kind === 'text') return unknown('its body is text, which Truto never sends');",
    "if (false) return unknown('its body is text, which Truto never sends');",
    'Text is no JSON object either: the same outcome, with another reason in its message.',
  ],
  [
    'return one === other || comparableId(String(one)) === comparableId(String(other));',
    'return (comparableId(String(one)) === comparableId(String(other)));',
    'Equal ids have equal spellings too: the comparison of those is only slower.',
  ],
  [
    "...(result.kind === 'OutcomeUnknownError' && { upstreamIdempotencyKey: result.upstreamIdempotencyKey }),",
    '...(({ upstreamIdempotencyKey: result.upstreamIdempotencyKey })),',
    'Other results have no such key, and JSON leaves out what is undefined.',
  ],
  [
    "while (one && amount === 'bytes' && one.bytes === 0) one = one.after;",
    "while ((amount === 'bytes') && one.bytes === 0) one = one.after;",
    'A queue is cut off for its bytes only when one of its waits has some.',
  ],
  [
    'for (let token = loc?.startToken ?? null; token; token = token.next)',
    'for (let token = (loc?.startToken); token; token = token.next)',
    'Both end the loop at once. The compiler needs the null.',
  ],
  [
    'for (const definition of getOperationAST(document, operationName)?.variableDefinitions ?? []) {',
    'for (const definition of (getOperationAST(document, operationName)?.variableDefinitions)) {',
    'A request for an operation that is not there is refused before. The check is only for the compiler.',
  ],
  [
    "const error = readUpstreamError(body.kind === 'json' ? body.value : undefined, paths);",
    'const error = readUpstreamError(true ? body.value : undefined, paths);',
    "A text is no error of Truto's either.",
  ],
];
