import { createSchema } from '../../src/graphql/schema.ts';

/** The schema of a server that is no subgraph. */
export const schema = createSchema({ dialect: 'none', typePrefix: '', provesCallers: false });
