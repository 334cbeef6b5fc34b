import { serveSubgraph } from './serve-subgraph.mjs';

/*
 * A sales team's existing subgraph: the stage of each contact and the territory of each account, by the ids of the CRM.
 */

const integratedAccountId = '00000000-0000-4000-8000-000000000012';

const teams = [
  {
    id: 'north',
    name: 'Team North',
    contacts: ['6a4ae56c524efcf3426bffee', '6f63d2ab4d2839b434bcab6c'],
    accounts: ['acme'],
  },
];

const stages = { '6a4ae56c524efcf3426bffee': 'PROPOSAL', '6f63d2ab4d2839b434bcab6c': 'WON' };

const named = (__typename) => (id) => ({ __typename, id, integratedAccountId });

await serveSubgraph(
  `
  type Query { team(id: ID!): Team }
  type Team { id: ID! name: String! contacts: [Contact!]! accounts: [Account!]! }
  type Contact @key(fields: "id integratedAccountId") { id: ID! integratedAccountId: ID! salesStage: String! }
  type Account @key(fields: "id integratedAccountId") { id: ID! integratedAccountId: ID! territory: String! }
  `,
  {
    Query: { team: (_root, { id }) => teams.find((team) => team.id === id) ?? null },
    Team: {
      contacts: ({ contacts }) => contacts.map(named('Contact')),
      accounts: ({ accounts }) => accounts.map(named('Account')),
    },
    Contact: { __resolveReference: (key) => key, salesStage: ({ id }) => stages[id] ?? 'UNKNOWN' },
    Account: { __resolveReference: (key) => key, territory: ({ id }) => `territory of ${id}` },
  },
);
