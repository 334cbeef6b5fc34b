import { randomUUID } from 'node:crypto';

const { ENDPOINT, TOKEN, ACCOUNT } = process.env;

/** Where the server is: the first argument, or ENDPOINT, or where `npm start` listens. */
export const endpoint = process.argv[2] ?? ENDPOINT ?? 'http://127.0.0.1:4000/graphql';

/** The engagement to delete: the second argument. Without one, the programs list some and take the first. */
export const givenId = process.argv[3];

/** The integrated account: ACCOUNT, or Planhat's in the sandbox. */
export const integratedAccountId = ACCOUNT ?? '00000000-0000-4000-8000-000000000012';

/** What every request carries. The sandbox takes anybody; other servers want a token, from TOKEN. */
export const headers = TOKEN ? { authorization: `Bearer ${TOKEN}` } : {};

/**
 * The headers of one delete. The key names what you want to have done, so make it once, and send the same again whenever
 * you repeat that delete: the server then makes one delete of both.
 */
export const deleteHeaders = { ...headers, 'idempotency-key': randomUUID() };
