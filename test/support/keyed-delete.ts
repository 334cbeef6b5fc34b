import type { TestFacade } from './facade.ts';
import type { Answer } from './upstream.ts';

const selection = `{
  __typename
  ... on Error { message }
  ... on InvalidInputError { issues { path } }
  ... on DeleteEngagementSuccess { outcome engagement { subject } warnings stream { chunks } }
  ... on OutcomeUnknownError { idempotencyKey retrySafe }
}`;

/** The field of a delete with all that tells what became of it. */
export const removal = (id: string, rest = '', account = 'a') =>
  `deleteEngagement(id: "${id}", integratedAccountId: "${account}"${rest}) ${selection}`;

/** The header that a key goes in. */
export const withKey = (key: string) => ({ 'idempotency-key': key });

/** Sends one delete with a key, and tells its result. */
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

/** Answers each delete with the next of the answers, the last one for ever. */
export function inTurn(...answers: readonly Answer[]): Answer {
  let count = 0;
  return (request, response) => {
    answers[Math.min(count, answers.length - 1)]?.(request, response);
    count += 1;
  };
}
