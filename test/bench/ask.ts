import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Question } from './question.ts';

/** The headers of every request. The facade and every proxy in front of it need a token. */
export const requestHeaders: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  accept: 'application/json',
  authorization: 'Bearer a-token-for-the-bench',
};

/** Longer than any target takes on purpose. */
const answerTimeoutMs = 20_000;

/** How often a request is sent to a server that sheds it. Each retry waits for `Retry-After`. */
const maxAttempts = 10;

const agent = new Agent({ keepAlive: true });

interface Answer {
  /** The parsed body. */
  readonly json: unknown;
  /** The `Retry-After` of a 503. */
  readonly retryAfterMs: number | undefined;
}

/** Rejects when the connection fails, or the answer is not JSON. */
function post(url: string, { body }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { ...requestHeaders, 'content-length': String(Buffer.byteLength(body)) };
    const outgoing = request(url, { method: 'POST', agent, timeout: answerTimeoutMs, headers }, async (response) => {
      try {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        const { 'retry-after': retryAfter = '1' } = response.headers;
        const retryAfterMs = response.statusCode === 503 ? Number(retryAfter) * 1000 : undefined;
        resolve({ json: JSON.parse(text), retryAfterMs });
      } catch (error) {
        reject(error);
      }
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/**
 * Posts one question, and reads the answer's JSON.
 * @throws when the connection fails, or the answer is not JSON.
 */
export async function ask(url: string, question: Question): Promise<unknown> {
  for (let attempt = 1; ; attempt += 1) {
    const { json, retryAfterMs } = await post(url, question);
    if (retryAfterMs === undefined || attempt === maxAttempts) return json;
    await sleep(retryAfterMs);
  }
}

/** True if the answer deeply equals one of the expected answers. */
export function isRight(answer: unknown, { answers }: Question): boolean {
  return answers.some((right) => isDeepStrictEqual(answer, right));
}

/** How many questions are in flight at once. */
const maxAtOnce = 32;

/**
 * Asks each question once, 32 at a time, so that all caches of the target are filled.
 * @returns the first wrong answer, or its error. Undefined if all are right.
 */
export async function askAll(url: string, questions: readonly Question[]): Promise<string | undefined> {
  const rest = questions.values();
  let complaint: string | undefined;
  const askOn = async () => {
    for (const question of rest) {
      const answer = await ask(url, question).catch((error: Error) => error.message);
      if (!isRight(answer, question)) complaint ??= JSON.stringify(answer)?.slice(0, 300) ?? 'nothing';
    }
  };
  await Promise.all(Array.from({ length: maxAtOnce }, askOn));
  return complaint;
}
