import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { askByPool } from './ask-by-pool.mjs';
import { createContext, resolvers, typeDefs } from './engagements.mjs';

/** Yoga with everything off that a delete does not need, over undici's Pool. Its body limit halves its speed: a proxy in front can have one. */
const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  context: ({ request }) => createContext(askByPool(request.headers.get('authorization') ?? undefined)),
  cors: false,
  graphiql: false,
  landingPage: false,
  logging: false,
  multipart: false,
  maxRequestBodySize: false,
});
createServer(yoga).listen(Number(process.env.PORT), '127.0.0.1');
