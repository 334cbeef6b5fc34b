import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { createContext, resolvers, typeDefs } from './engagements.mjs';

/** Yoga as its documentation shows it, with everything at its default, over the built-in fetch. */
const base = process.env.UPSTREAM_URL ?? '';

/** @param {string} authorization @returns {(method: string, path: string) => Promise<any>} */
function askByFetch(authorization) {
  return async (method, path) => {
    const response = await fetch(base + path, { method, headers: { authorization, accept: 'application/json' } });
    return response.json();
  };
}

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  context: ({ request }) => createContext(askByFetch(request.headers.get('authorization') ?? '')),
});
createServer(yoga).listen(Number(process.env.PORT), '127.0.0.1');
