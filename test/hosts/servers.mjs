import { once } from 'node:events';
import { ApolloServer } from '@apollo/server';
import { expressMiddleware } from '@as-integrations/express5';
import { serve } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { GraphQLID } from 'graphql';
import { Hono } from 'hono';
import mercurius from 'mercurius';

/* Host servers. Each mounts a server of the library as docs/library.md shows. */

function listening(server) {
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async close() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

/** Express, with its parser of JSON after the endpoint. */
export async function startExpress(engagements) {
  const app = express();
  app.use('/crm/graphql', engagements.handle);
  app.use(express.json());
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return listening(server);
}

/** Express, with its parser of JSON before the endpoint. */
export async function startExpressWithParser(engagements) {
  const app = express();
  app.use(express.json());
  app.use('/crm/graphql', engagements.handle);
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return listening(server);
}

/** Fastify, which parses JSON before any handler. */
export async function startFastify(engagements) {
  const app = Fastify();
  app.all('/crm/graphql', (request, reply) => {
    reply.hijack();
    return engagements.handle(Object.assign(request.raw, { body: request.body }), reply.raw);
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return listening(app.server);
}

/** Hono, on Node. */
export async function startHono(engagements) {
  const app = new Hono();
  app.all('/crm/graphql', ({ req }) => engagements.fetch(req.raw));
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await once(server, 'listening');
  return listening(server);
}

// For Apollo Server and Mercurius.
const { parseValue } = GraphQLID;
GraphQLID.parseValue = (value) => {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new TypeError('Send this id as a string.');
  return parseValue(value);
};

/** Apollo Server, which executes the schema itself. */
export async function startApollo(engagements, schema) {
  const apollo = new ApolloServer({ schema });
  await apollo.start();
  const app = express();
  const context = async ({ req }) => ({ ...(await engagements.createContext(req)) });
  app.use('/crm/graphql', express.json(), expressMiddleware(apollo, { context }));
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return listening(server);
}

/** Mercurius, which executes the schema itself. */
export async function startMercurius(engagements, schema) {
  const app = Fastify();
  const context = async ({ raw }) => ({ ...(await engagements.createContext(raw)) });
  await app.register(mercurius, { schema, path: '/crm/graphql', context });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return listening(app.server);
}
