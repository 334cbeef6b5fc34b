import { randomUUID } from 'node:crypto';

const { ENDPOINT, TOKEN, ACCOUNT } = process.env;

/** Where the server is: the first argument, or ENDPOINT, or where `npm start` listens. */
export const endpoint = process.argv[2] ?? ENDPOINT ?? 'http://127.0.0.1:4000/graphql';

/** The engagement to delete: the second argument. Without one, the programs list some and take the first. */
export const givenId = process.argv[3];

/** The integrated account: ACCOUNT, or Planhat's in the sandbox. */
export const integratedAccountId = ACCOUNT ?? '00000000-0000-4000-8000-000000000012';

/** The headers of every request. The sandbox needs no token; other servers need one, from TOKEN. */
export const headers = TOKEN ? { authorization: `Bearer ${TOKEN}` } : {};

/**
 * The headers of one delete. Make one key for each intended delete, and send it with every retry: all requests with one key
 * are one delete.
 */
export const deleteHeaders = { ...headers, 'idempotency-key': randomUUID() };
