import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';

/**
 * Serves a subgraph as its team would: with Apollo's packages, and without this project.
 * @param {string} typeDefs
 * @param {object} resolvers
 */
export async function serveSubgraph(typeDefs, resolvers) {
  const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])`;
  const schema = buildSubgraphSchema({ typeDefs: parse(`${link}\n${typeDefs}`), resolvers });
  const server = new ApolloServer({ schema, csrfPrevention: false, introspection: true });
  const { url } = await startStandaloneServer(server, {
    listen: { host: '127.0.0.1', port: Number(process.env.PORT ?? 0) },
    context: async ({ req }) => {
      if (req.headers.authorization) process.stdout.write('was given a credential that is not for it\n');
      return {};
    },
  });
  process.stdout.write(`listening on ${url}\n`);
}
