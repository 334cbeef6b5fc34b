import { readFileSync } from 'node:fs';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { stitchSchemas } from '@graphql-tools/stitch';
import { stitchingDirectives } from '@graphql-tools/stitching-directives';
import { buildClientSchema, buildSchema, getIntrospectionQuery, parse, print } from 'graphql';

/*
 * A stitching gateway. It merges this project's subgraph by its directives, and the others, which support only federation, by
 * their `_entities`. SUBGRAPHS is a file with a JSON list of `{name, url, sdl}`.
 */

const { stitchingDirectivesTransformer } = stitchingDirectives();
const forwarded = ['authorization', 'idempotency-key'];

/** @param forwards whether it gets the caller's headers. The token can delete engagements, so other teams must not get it. */
function executorOf(url, forwards) {
  return async ({ document, variables, context }) => {
    const given = (forwards && context?.headers) || {};
    const headers = Object.fromEntries(forwarded.flatMap((name) => (given[name] ? [[name, given[name]]] : [])));
    const body = JSON.stringify({ query: print(document), variables });
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    return response.json();
  };
}

const mergedByEntities = {
  selectionSet: '{ id integratedAccountId }',
  fieldName: '_entities',
  key: ({ __typename, id, integratedAccountId }) => ({ __typename, id, integratedAccountId }),
  argsFromKeys: (representations) => ({ representations }),
};

/** A subgraph without directives for stitching. Its entities have the same keys as this project's. */
async function foreignSubschema({ url }) {
  const executor = executorOf(url, false);
  const { data } = await executor({ document: parse(getIntrospectionQuery()) });
  const schema = buildClientSchema(data);
  const entities = schema.getType('_Entity').getTypes();
  return { schema, executor, merge: Object.fromEntries(entities.map(({ name }) => [name, mergedByEntities])) };
}

const subschemas = await Promise.all(
  JSON.parse(readFileSync(process.env.SUBGRAPHS, 'utf8')).map((subgraph) =>
    subgraph.sdl.includes('@merge')
      ? {
          schema: buildSchema(subgraph.sdl, { assumeValidSDL: true }),
          executor: executorOf(subgraph.url, true),
          batch: true,
        }
      : foreignSubschema(subgraph),
  ),
);
const schema = stitchSchemas({ subschemas, subschemaConfigTransforms: [stitchingDirectivesTransformer] });
const { url } = await startStandaloneServer(new ApolloServer({ schema }), {
  listen: { host: '127.0.0.1', port: Number(process.env.PORT) },
  context: async ({ req }) => ({ headers: req.headers }),
});
process.stdout.write(`listening on ${url}\n`);
