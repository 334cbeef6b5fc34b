import { pageQuestion } from '../question.ts';
import type { Work } from '../work.ts';
import { casesOfTargets } from './cases.ts';

/** Fewer than for a delete: what is in flight when a round ends is not counted, and these take long. */
const connections = 8;

/** A page of 50 engagements and the people they belong to. */
export const page: Work = {
  name: 'page',
  title: 'A page of 50 engagements, with their ten owners',
  equal: `One GraphQL POST reads one page (46 KB) and the names of the ten people that its engagements belong to, each from upstream's users. There are 8 connections, enough to keep the core busy. The answer has 7.5 KB.`,
  differs: `The facade reads at most 8 users at once in one integrated account, over all operations; the others read without
a limit. All read each person once in an operation: eleven requests with the page. Only the facade checks the form of the
records that it reads.`,
  cases: casesOfTargets(pageQuestion, {
    names: ['raw', 'bare', 'facade', 'mercurius', 'apollo-standalone'],
    connections,
  }),
  base: 'raw POST proxy',
};
