import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { resolvers, typeDefs } from './engagements.mjs';
import { EngagementsApi } from './engagements-api.mjs';

/** Apollo Server as its "get started" shows it, over RESTDataSource. */
const server = new ApolloServer({ typeDefs, resolvers });
await startStandaloneServer(server, {
  listen: { host: '127.0.0.1', port: Number(process.env.PORT) },
  context: async ({ req }) => new EngagementsApi(server, req.headers.authorization),
});
