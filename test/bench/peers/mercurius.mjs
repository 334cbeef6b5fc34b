import fastify from 'fastify';
import mercurius from 'mercurius';
import { askByPool } from './ask-by-pool.mjs';
import { createContext, resolvers, typeDefs } from './engagements.mjs';

/** Mercurius with its compiler on from the first request, over undici's Pool. */
const { DeleteEngagementResult, ...others } = resolvers;
const app = fastify();
app.register(mercurius, {
  schema: typeDefs,
  resolvers: { ...others, DeleteEngagementResult: { resolveType: DeleteEngagementResult.__resolveType } },
  context: (request) => createContext(askByPool(request.headers.authorization)),
  jit: 1,
});
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
