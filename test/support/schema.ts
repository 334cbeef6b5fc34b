import { createSchema } from '../../src/graphql/schema.ts';

/** The schema of a server that is no part of a supergraph. */
export const schema = createSchema({ dialect: 'none', typePrefix: '', provesCallers: false });
