import { serveSubgraph } from './serve-subgraph.mjs';

/* A billing team's existing subgraph: invoices, and the balance of each account. */

const integratedAccountId = '00000000-0000-4000-8000-000000000012';

await serveSubgraph(
  `
  type Query { invoice(number: ID!): Invoice }
  type Invoice { number: ID! amountCents: Int! account: Account! }
  type Account @key(fields: "id integratedAccountId") { id: ID! integratedAccountId: ID! balanceCents: Int! }
  `,
  {
    Query: {
      invoice: (_root, { number }) => ({
        number,
        amountCents: 4200,
        account: { __typename: 'Account', id: 'acme', integratedAccountId },
      }),
    },
    Account: { __resolveReference: (key) => key, balanceCents: ({ id }) => id.length * 100 },
  },
);
