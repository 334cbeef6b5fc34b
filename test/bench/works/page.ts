import { pageQuestion } from '../question.ts';
import type { Work } from '../work.ts';
import { casesOfAllTargets } from './all-targets.ts';

/** Fewer than for a delete: what is in flight when a round ends is not counted, and these take long. */
const connections = 8;

/** A page of 50 engagements and the people they belong to. */
export const page: Work = {
  name: 'page',
  title: 'A page of 50 engagements, with their ten owners',
  equal: `One GraphQL POST reads one page (46 KB) and the names of the ten people that its engagements belong to, each from
upstream's users. 8 connections, enough to keep the core busy; the answer has 7.5 KB.`,
  differs: `The facade reads at most 8 users at once in one integrated account, over all operations; the others read without
a bound. Who asks how often shows in the upstream requests: eleven are the page and each person once, as the facade, the raw
proxy, DataLoader (Mercurius, Yoga, graphql-http) and RESTDataSource do in each operation. tailcall merges equal reads that
are in flight at once, those of other operations and callers too, and so needs fewer; Hive Gateway reads the owner of each
engagement. Only the facade checks the form of what it reads.`,
  cases: casesOfAllTargets(pageQuestion, connections),
  base: 'raw POST proxy',
};
