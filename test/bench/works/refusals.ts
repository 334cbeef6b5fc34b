import { deleteQuestion, documentQuestion, type Question } from '../question.ts';
import { ids } from '../upstream/answers.ts';
import type { Case, Work } from '../work.ts';

/** More short documents than the facade caches refusals of. Many long ones would fill the bench's memory. */
const counts = { short: 2_000, long: 20 } as const;

const repeat = (count: number, make: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => make(index)).join(' ');
const deletes = (count: number) =>
  repeat(count, (index) => `a${index}: deleteEngagement(id: 1, integratedAccountId: "a") { __typename }`);
const page = '{ engagements(integratedAccountId: "a", first: 99999) { nodes { id } } }';

function refused(name: string, count: number, document: string, code: string, message: string): Case {
  const answer = { errors: [{ message, extensions: { code } }] };
  const questions = (): readonly Question[] =>
    // The comment makes each another document.
    Array.from({ length: count }, (_, index) => documentQuestion(`${document} # ${index}`, answer));
  return { name, target: 'facade', asked: { kind: 'questions', of: questions }, connections: 1 };
}

const tooLong = ['TOO_LONG', 'A document may have at most 65536 characters. Send long texts as variables.'] as const;
const tooManyTokens = ['TOO_MANY_TOKENS', 'A document may have at most 1000 tokens.'] as const;
const tooCostly = [
  'TOO_COSTLY',
  'A document may cost at most 50000: select less, or write a smaller number for `first`.',
] as const;

/** Documents beyond a limit (S09). A refusal must be cheap, because any client can send many. */
export const refusals: Work = {
  name: 'refusals',
  title: 'A document beyond a limit, against a delete',
  equal: 'The facade alone, one request at a time.',
  differs: `No request is sent for a refused document. Every document is different, so no cache answers. Only the
longest are ${counts.long} in turn: reading the request is their whole cost. Promise S09 allows 50 ms.`,
  base: 'deleted',
  cases: [
    {
      name: 'deleted',
      target: 'facade',
      asked: {
        kind: 'questions',
        of: (dialect) => [deleteQuestion(dialect, { fields: 'all', id: ids.whole })],
      },
      connections: 1,
    },
    refused('3,000 deletes, 215 KB', counts.long, `mutation { ${deletes(3_000)} }`, ...tooLong),
    refused('1,001 tokens', counts.short, `{ ${repeat(999, () => '__typename')} }`, ...tooManyTokens),
    refused(
      '11 mutations',
      counts.short,
      `mutation { ${deletes(10)} __typename }`,
      'TOO_MANY_MUTATIONS',
      'An operation may have at most 10 mutations, this one has 11.',
    ),
    refused('too costly by the size of its page', counts.short, page, ...tooCostly),
  ],
};
