import { deleteQuestion, type Question } from '../question.ts';
import { ids } from '../upstream/answers.ts';
import { type Case, usualConnections, type Work } from '../work.ts';

const measured = [
  ['raw', 'raw POST proxy'],
  ['facade', 'this facade'],
] as const;

const counts = [10, 1_000, 10_000] as const;
const connectionCounts = [1, 32, 256, 1_000] as const;

/** As many as it takes for 1,000 connections: 32 requests of one account run and 468 wait, and more are refused. */
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
      connections: usualConnections,
    })),
  );
}

const differs = 'The raw proxy looks at neither documents nor accounts: its figures show what the load itself costs.';

/** Many different documents. */
export const documents: Work = {
  name: 'documents',
  title: 'A delete, all fields, by so many different documents',
  equal:
    'Documents that differ in the name of their operation, drawn by chance; all were asked once before. 32 connections.',
  differs,
  cases: casesOf('document', counts, (size) => manyOf(size, (suffix) => ({ suffix }))),
  base: 'raw POST proxy, 10 documents',
  smokeCases: ['raw POST proxy, 10 documents', 'this facade, 10 documents'],
};

/** Many different integrated accounts. */
export const accounts: Work = {
  name: 'accounts',
  title: 'A delete, all fields, in so many different accounts',
  equal: 'One document and one caller; integrated accounts drawn by chance, all looked up before. 32 connections.',
  differs,
  cases: casesOf('account', counts, (size) => manyOf(size, (index) => ({ account: accountOf(index) }))),
  base: 'raw POST proxy, 10 accounts',
  smokeCases: ['raw POST proxy, 10 accounts', 'this facade, 10 accounts'],
};

const spread = () => manyOf(accountsOfConnections, (index) => ({ account: accountOf(index) }));

/** Many connections at once. */
export const connections: Work = {
  name: 'connections',
  title: 'A delete, all fields, over so many connections',
  equal: `One document, ${accountsOfConnections} integrated accounts drawn by chance, each connection with one request at a time.`,
  differs: `The facade takes 1,000 requests at once and answers 503 beyond that, or when its event loop is held up; it has 128
connections to upstream, as has the raw proxy. Failures are such answers.`,
  cases: connectionCounts.flatMap((size) =>
    casesOf('connection', [size], spread).map((each) => ({ ...each, connections: size })),
  ),
  base: 'raw POST proxy, 32 connections',
  smokeCases: ['raw POST proxy, 32 connections', 'this facade, 32 connections'],
};
