import fastify from 'fastify';
import mercurius from 'mercurius';
import pino from 'pino';
import { askByPool } from './ask-by-pool.mjs';
import { createContext, resolvers, typeDefs } from './engagements.mjs';

/** Mercurius with JIT from the first request, over undici's Pool. Logs one line a request, as the facade does, in batches. */
const { DeleteEngagementResult, ...others } = resolvers;
const stream = pino.destination({ minLength: 4_096, sync: false });
const app = fastify({ logger: { stream }, disableRequestLogging: true });
app.addHook('onResponse', async (request, reply) => {
  request.log.info({ method: request.method, url: request.url, statusCode: reply.statusCode, ms: reply.elapsedTime });
});
app.register(mercurius, {
  schema: typeDefs,
  resolvers: { ...others, DeleteEngagementResult: { resolveType: DeleteEngagementResult.__resolveType } },
  context: (request) => createContext(askByPool(request.headers.authorization)),
  jit: 1,
});
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
