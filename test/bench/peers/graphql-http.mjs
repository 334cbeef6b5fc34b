import { createServer } from 'node:http';
import { makeExecutableSchema } from '@graphql-tools/schema';
import { parse, validate } from 'graphql';
import { createHandler } from 'graphql-http/lib/use/http';
import { askByPool } from './ask-by-pool.mjs';
import { createContext, resolvers, typeDefs } from './engagements.mjs';

/** The reference implementation of GraphQL over HTTP, over undici's Pool. It has no cache, so documents are cached here. */
const documents = new Map();
const errorsOf = new WeakMap();
const handle = createHandler({
  parse(source, options) {
    const document = documents.get(source) ?? parse(source, options);
    documents.set(source, document);
    return document;
  },
  validate(schema, document, ...options) {
    const errors = errorsOf.get(document) ?? validate(schema, document, ...options);
    errorsOf.set(document, errors);
    return errors;
  },
  schema: makeExecutableSchema({ typeDefs, resolvers }),
  context: (request) => createContext(askByPool(request.raw.headers.authorization)),
});
createServer(handle).listen(Number(process.env.PORT), '127.0.0.1');
