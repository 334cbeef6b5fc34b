import { deleteQuestion, type Question } from '../question.ts';
import { ids } from '../upstream/answers.ts';
import { type Case, defaultConnections, type Work } from '../work.ts';

const measured = [
  ['raw', 'raw POST proxy'],
  ['facade', 'this facade'],
] as const;

const counts = [10, 1_000, 10_000] as const;
const connectionCounts = [1, 32, 256, 1_000] as const;

/** Enough for 1,000 connections: in one account 32 requests run, 468 wait, and more are refused. */
const accountsOfConnections = 100;

const accountOf = (index: number) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;

function manyOf(count: number, vary: (index: number) => { account?: string; suffix?: number }): readonly Question[] {
  return Array.from({ length: count }, (_, index) =>
    deleteQuestion('designed', { fields: 'all', id: ids.whole, ...vary(index) }),
  );
}

function casesOf(what: string, sizes: readonly number[], questionsOf: (size: number) => readonly Question[]): Case[] {
  return sizes.flatMap((size) =>
    measured.map(([target, title]) => ({
      name: `${title}, ${size.toLocaleString('en')} ${what}${size === 1 ? '' : 's'}`,
      target,
      asked: { kind: 'questions', of: () => questionsOf(size) },
      connections: defaultConnections,
    })),
  );
}

const differs = 'The raw proxy ignores documents and accounts: its figures show the cost of the load itself.';

/** Many different documents. */
export const documents: Work = {
  name: 'documents',
  title: 'A delete, all fields, by many different documents',
  equal:
    'Documents differ in the name of their operation and are drawn at random. Each was sent once before. 32 connections.',
  differs,
  cases: casesOf('document', counts, (size) => manyOf(size, (suffix) => ({ suffix }))),
  base: 'raw POST proxy, 10 documents',
  smokeCases: ['raw POST proxy, 10 documents', 'this facade, 10 documents'],
};

/** Many different integrated accounts. */
export const accounts: Work = {
  name: 'accounts',
  title: 'A delete, all fields, in many different accounts',
  equal:
    'One document and one caller. Integrated accounts are drawn at random; each was looked up before. 32 connections.',
  differs,
  cases: casesOf('account', counts, (size) => manyOf(size, (index) => ({ account: accountOf(index) }))),
  base: 'raw POST proxy, 10 accounts',
  smokeCases: ['raw POST proxy, 10 accounts', 'this facade, 10 accounts'],
};

const spread = () => manyOf(accountsOfConnections, (index) => ({ account: accountOf(index) }));

/** Many connections at once. */
export const connections: Work = {
  name: 'connections',
  title: 'A delete, all fields, over many connections',
  equal: `One document, ${accountsOfConnections} integrated accounts drawn at random, one request at a time on each connection.`,
  differs: `The facade accepts 1,000 requests in flight. It answers 503 beyond that, and when its event loop is blocked; these answers
are the failures. Both have 128 connections to upstream.`,
  cases: connectionCounts.flatMap((size) =>
    casesOf('connection', [size], spread).map((each) => ({ ...each, connections: size })),
  ),
  base: 'raw POST proxy, 32 connections',
  smokeCases: ['raw POST proxy, 32 connections', 'this facade, 32 connections'],
};
