import { startTestFacade, type TestFacade } from './facade.ts';
import { type Answer, json, type SeenRequest } from './upstream.ts';

const selection = `{
  __typename
  ... on Error { message }
  ... on InvalidInputError { issues { path } }
  ... on DeleteEngagementSuccess { outcome engagement { subject } warnings stream { chunks } }
  ... on OutcomeUnknownError { upstreamIdempotencyKey retrySafe lastStatusCode }
}`;

/** The field of a delete, with all fields about its outcome. */
export const removal = (id: string, rest = '', account = 'a') =>
  `deleteEngagement(id: "${id}", integratedAccountId: "${account}"${rest}) ${selection}`;

/** The header with a key. */
export const withKey = (key: string) => ({ 'idempotency-key': key });

/** Sends one delete with a key, and returns its result. */
export async function sendKeyed(
  facade: TestFacade,
  key: string,
  id = '1',
  rest = '',
  account = 'a',
  headers: Record<string, string> = {},
) {
  const { body } = await facade.post(`mutation { ${removal(id, rest, account)} }`, {}, { ...headers, ...withKey(key) });
  return body.data.deleteEngagement;
}

/** Two replicas with one upstream and one Redis. */
export async function startTwo(upstreamUrl: string, redisUrl: string, env: Record<string, string> = {}) {
  const stack = new AsyncDisposableStack();
  const one = stack.use(await startTestFacade(upstreamUrl, { REDIS_URL: redisUrl, ...env }));
  const other = stack.use(await startTestFacade(upstreamUrl, { REDIS_URL: redisUrl, ...env }));
  return { one, other, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Answers each delete with the next of the answers, and repeats the last one. */
export function inTurn(...answers: readonly Answer[]): Answer {
  let count = 0;
  return (request, response) => {
    answers[Math.min(count, answers.length - 1)]?.(request, response);
    count += 1;
  };
}

/** Breaks the connection instead of answering. */
export const lostAnswer: Answer = (_request, response) => void response.destroy();

/** The `Idempotency-Key` of a request upstream. */
export const keyOf = ({ headers }: SeenRequest): unknown => headers['idempotency-key'];

/**
 * Answers each new `Idempotency-Key` with the next of the answers, repeating the last one, and a known key with its first answer,
 * also if that was an error. A delete with a lost answer was executed.
 */
export function replaying(...answers: readonly Answer[]): Answer {
  const stored = new Map<unknown, Answer>();
  return (request, response) => {
    const known = stored.get(keyOf(request));
    const answer = known ?? answers[Math.min(stored.size, answers.length - 1)];
    if (!known && answer) stored.set(keyOf(request), answer === lostAnswer ? json(204, undefined) : answer);
    answer?.(request, response);
  };
}
