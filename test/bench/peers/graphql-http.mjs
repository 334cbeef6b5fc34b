import { createServer } from 'node:http';
import { makeExecutableSchema } from '@graphql-tools/schema';
import { createHandler } from 'graphql-http/lib/use/http';
import { askByPool } from './ask-by-pool.mjs';
import { createContext, resolvers, typeDefs } from './engagements.mjs';

/** The reference implementation of GraphQL over HTTP, over undici's Pool. */
const handle = createHandler({
  schema: makeExecutableSchema({ typeDefs, resolvers }),
  context: (request) => createContext(askByPool(request.raw.headers.authorization)),
});
createServer(handle).listen(Number(process.env.PORT), '127.0.0.1');
