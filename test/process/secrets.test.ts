import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { expect, it } from 'vitest';
import { expectNoSecrets } from '../support/canary.ts';
import { startServerProcess } from '../support/server-process.ts';
import { json, startUpstream } from '../support/upstream.ts';

const apiToken = 'tr/uto=canary-of-the-server+0123456789abcdef';
const jwtSecret = 'a "canary" of the shared secret, longer than 32';

const document = `mutation { deleteEngagement(id: "e1", integratedAccountId: "a") {
  __typename ... on DeleteEngagementSuccess { outcome warnings } ... on Error { message } } }`;

function signedToken(): Promise<string> {
  const claims = { iss: 'issuer', aud: 'audience', sub: 'caller-1', integrated_accounts: ['a'] };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(jwtSecret));
}

/** Starts the server in `service` mode, has it delete something, and gives it an end; tells all that it ever said. */
async function allThatIsSaid(error: (token: string) => string, how: 'throw' | 'reject') {
  await using upstream = await startUpstream(json(204, undefined), 'capsule');
  await using server = await startServerProcess({
    ...{ AUTH_MODE: 'service', TRUTO_BASE_URL: upstream.url, TRUTO_API_TOKEN: apiToken },
    METRICS_PORT: '0',
    ...{ JWT_SECRET: jwtSecret, JWT_ISSUER: 'issuer', JWT_AUDIENCE: 'audience' },
  });
  const token = await signedToken();
  const body = JSON.stringify({ query: document });
  const ask = async (path: string, bearer: string) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${bearer}` };
    for (;;) {
      const answer = await fetch(new URL(path, server.endpoint), { method: 'POST', headers, body });
      const text = `${JSON.stringify([...answer.headers])}\n${await answer.text()}`;
      if (answer.status !== 503) return text;
      // On a busy machine it takes itself for overloaded. Nothing was executed then.
      await sleep(100);
    }
  };
  const metricsUrl = /"metricsUrl":"([^"]+)"/.exec(server.output())?.[1];
  const answers = [
    await ask('/graphql', token),
    // The server knows the document by now.
    await ask('/graphql', token),
    await ask('/graphql', `${token}x`),
    await ask('/health', token),
    await ask('/metrics', token),
    await (await fetch(metricsUrl ?? '')).text(),
    await ask('/nowhere', token),
  ];
  expect(answers.slice(0, 2).join()).toMatch(/DELETED.*DELETED/s);
  expect(upstream.deletes().map(({ headers }) => headers.authorization)).toEqual(
    Array.from({ length: 2 }, () => `Bearer ${apiToken}`),
  );

  server.fail(how, error(token));
  expect(await server.exited).toBe(1);
  return { output: server.output(), answers: answers.join('\n'), secrets: [apiToken, jwtSecret, token] };
}

it.each<[string, (token: string) => string, 'throw' | 'reject']>([
  ["the server's token", () => apiToken, 'throw'],
  ["the server's token in a header", () => `headers: { authorization: 'Bearer ${apiToken}' }`, 'reject'],
  ['the shared secret', () => `no key ${jwtSecret}`, 'throw'],
  ["a caller's token by itself", (token) => token, 'throw'],
  ["a caller's header", (token) => `cannot read Bearer ${token}`, 'reject'],
])(
  'S01 a server process that ends by an error of %s has said none of it: in its dump, its log or an answer',
  async (_what, error, how) => {
    const { output, answers, secrets } = await allThatIsSaid(error, how);
    const fatal = output.split('\n').filter((line) => line.startsWith('{"level":60'));
    expect(fatal).toEqual([expect.stringContaining('[redacted]')]);
    expect(output.match(/"result":"DeleteEngagementSuccess"/g)).toHaveLength(2);
    expectNoSecrets(`${output}\n${answers}`, secrets);
  },
);
