import { ApolloServer } from '@apollo/server';
import { expressMiddleware } from '@as-integrations/express5';
import cors from 'cors';
import express from 'express';
import { resolvers, typeDefs } from './engagements.mjs';
import { EngagementsApi } from './engagements-api.mjs';

/** Apollo Server in Express, as its documentation recommends for production, over RESTDataSource. */
const server = new ApolloServer({ typeDefs, resolvers });
await server.start();
const context = async ({ req }) => new EngagementsApi(server, req.headers.authorization);
express()
  .use('/graphql', cors(), express.json(), expressMiddleware(server, { context }))
  .listen(Number(process.env.PORT), '127.0.0.1');
