import { createServer, type RequestListener } from 'node:http';
import type { OperationTypeNode } from 'graphql';
import { exportJWK, generateKeyPair } from 'jose';
import { describe, expect, it } from 'vitest';
import { createSchema } from '../src/graphql/schema.ts';
import { createAuthenticator } from '../src/http/callers/authenticate.ts';
import { createLog } from '../src/log/log.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { readInTime } from './support/in-time.ts';
import { listen } from './support/listen.ts';
import { truto } from './support/outcome.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from './support/service.ts';
import { shared } from './support/shared.ts';
import { json, startUpstream } from './support/upstream.ts';

const openFields = {
  none: ['integrations'],
  federation: ['_service', 'integrations'],
  stitching: ['_sdl', 'integrations'],
};

const remove = (account: string) =>
  `mutation { deleteEngagement(id: "1", integratedAccountId: "${account}") { __typename ... on Error { message } } }`;

async function refusedTokens({ metricsUrl }: TestFacade): Promise<Record<string, number>> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text();
  const found = text.matchAll(/^engagements_tokens_refused_total\{reason="(\w+)"\} (\d+)$/gm);
  const counts = [...found].map(([, reason = '', times]) => [reason, Number(times)] as const);
  return Object.fromEntries(counts.filter(([, times]) => times > 0));
}

/** More than are kept, and fewer than their characters alone would allow. */
const strangers = 25_000;

describe('AUTH_MODE=passthrough', async () => {
  it('keeps a bounded number of callers at hand, however short their tokens are', async () => {
    const authenticate = createAuthenticator(
      { mode: 'passthrough' },
      {
        log: createLog({ destination: { write: () => {} } }),
        metrics: { countRefusedToken: () => {} },
        requestTimeoutMs: 1_000,
      },
    );
    const first = await authenticate('Bearer first');
    expect(await authenticate('Bearer first')).toBe(first);
    for (let index = 0; index < strangers; index += 1) await authenticate(`Bearer ${index}`);
    expect(await authenticate('Bearer first')).not.toBe(first);
  });

  const upstream = await shared(startUpstream(json(204, undefined), 'capsule'));
  const facade = await shared(startTestFacade(upstream.url, { AUTH_MODE: 'passthrough', EXPOSE_SCHEMA: '1' }));

  it("sends the caller's own Authorization upstream, unchanged", async () => {
    await facade.post(remove('a'), {}, { authorization: 'bearer  Some.Token~1' });
    expect(upstream.seen.map(({ headers }) => headers.authorization)).toEqual([
      'bearer  Some.Token~1',
      'bearer  Some.Token~1',
    ]);
  });

  it('knows a caller by the token, however "bearer" is written', async () => {
    const before = upstream.deletes().length;
    for (const scheme of ['Bearer', 'bearer', 'BEARER ']) {
      const headers = { authorization: `${scheme} canary-one-token`, 'idempotency-key': 'spelling' };
      expect((await facade.post(remove('a'), {}, headers)).body.data.deleteEngagement.__typename).toBe(
        'DeleteEngagementSuccess',
      );
    }
    expect(upstream.deletes()).toHaveLength(before + 1);
  });

  it.each([[undefined], ['Basic dXNlcjpwYXNz'], ['Bearer'], ['Bearer two tokens'], ['token']])(
    'S03 answers 401 UNAUTHENTICATED to Authorization: %s, and upstream sees nothing',
    async (authorization) => {
      const before = upstream.seen.length;
      const { status, headers, body } = await facade.post(
        remove('a'),
        {},
        authorization === undefined ? {} : { authorization },
      );
      expect(status).toBe(401);
      expect(headers.get('www-authenticate')).toBe('Bearer');
      expect(body.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
      expect(upstream.seen).toHaveLength(before);
    },
  );

  it.each([
    ['a read', '{ engagement(id: 1, integratedAccountId: "a") { id } }'],
    ['a list', '{ engagements(integratedAccountId: "a") { nodes { id } } }'],
    ['a dry run', 'mutation { deleteEngagement(id: 1, integratedAccountId: "a", dryRun: true) { __typename } }'],
  ])('S03 answers 401 to %s without a bearer, and upstream sees nothing', async (_what, query) => {
    const before = upstream.seen.length;
    for (const headers of [{}, { authorization: 'Basic dXNlcjpwYXNz' }]) {
      const { status, body } = await facade.post(query, {}, headers);
      expect(status).toBe(401);
      expect(body.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    }
    expect(upstream.seen).toHaveLength(before);
  });

  it('shows the code alone of an error in a deferred part', async () => {
    await using refusing = await startUpstream(truto(401));
    await using facade = await startTestFacade(refusing.url, { AUTH_MODE: 'passthrough' });
    const query = '{ __typename ... @defer { engagement(id: 1, integratedAccountId: "a") { id } } }';
    const headers = { 'content-type': 'application/json', accept: 'multipart/mixed', ...bearer('canary-of-a-caller') };
    const body = JSON.stringify({ query });
    const text = await (await fetch(`${facade.url}/graphql`, { method: 'POST', headers, body })).text();
    expect(text).toContain('"extensions":{"code":"UNAUTHENTICATED"}');
  });

  const refusedAlone = [{ extensions: { code: 'UNAUTHENTICATED' } }];
  const read = 'engagement(id: 1, integratedAccountId: "a") { id }';
  it.each([
    ['a field that needs a caller, in a document that is not valid', `{ ${read} nothing(a: $b) @c ...D }`],
    ['such a field next to open ones', `{ integrations { name } ${read} }`],
    ['such a field by another name', `{ integrations: ${read} }`],
    [
      'such a field in a fragment',
      `{ ...F } fragment F on Query { ... { ...G ...F } } fragment G on Query { ${read} }`,
    ],
    ['such a field that is skipped', `{ ${read.replace('{', '@skip(if: true) {')} }`],
    ['such a field in an operation that is not named', `query A { __typename } query B { ${read} }`],
    ['such a field beyond a limit', `{ ${read} ${Array.from({ length: 11 }, (_, index) => `a${index}: __typename`)} }`],
    ['a field that is not there', '{ nothing }'],
    ['a root type that is not there', 'subscription { nothing }'],
  ])('S23 refuses a request without a token for %s, before it validates the document', async (_what, query) => {
    const { status, body } = await facade.post(query);
    expect(status).toBe(401);
    expect(body.data).toBeUndefined();
    expect(body.errors).toMatchObject(refusedAlone);
  });

  it.each(['{ nothing }', '{', `{ ${'a'.repeat(100_000)} }`])(
    'S23 refuses a bad token before it parses the document: %.20s',
    async (query) => {
      const { status, body } = await facade.post(query, {}, { authorization: 'Basic dXNlcjpwYXNz' });
      expect(status).toBe(401);
      expect(body.errors).toMatchObject(refusedAlone);
    },
  );

  it.each(['none', 'federation', 'stitching'] as const)(
    'S23 requires a caller for every root field of the dialect %s, except those declared as open',
    async (dialect) => {
      await using own = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough', SUBGRAPH: dialect });
      const schema = createSchema({ dialect, typePrefix: '', provesCallers: false });
      const open: string[] = [];
      for (const operation of ['query', 'mutation', 'subscription'] as const) {
        for (const name of Object.keys(schema.getRootType(operation as OperationTypeNode)?.getFields() ?? {})) {
          const { body } = await own.post(`${operation} { ${name} }`);
          if (body.errors?.[0].extensions.code !== 'UNAUTHENTICATED') open.push(name);
        }
      }
      expect(open.toSorted()).toEqual(openFields[dialect]);
    },
  );

  it('S23 returns validation errors to a caller with a token', async () => {
    const { body } = await facade.post(`{ ${read} nothing }`, {}, bearer('canary-of-a-caller'));
    expect(body.errors).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
  });

  it('lets any client read fields that send nothing upstream', async () => {
    const { status, body } = await facade.post('{ integrations { name } __schema { queryType { name } } }');
    expect(status).toBe(200);
    expect(body.data.integrations).toHaveLength(14);
  });

  it('S32 counts a header without a token, and says so in the log', async () => {
    await using own = await startTestFacade(upstream.url, { AUTH_MODE: 'passthrough', METRICS_PORT: '0' });
    await own.post(remove('a'), {}, { authorization: 'Basic canary-credential' });
    expect(await refusedTokens(own)).toEqual({ malformed: 1 });
    expect(own.logged()).toContain('"reason":"malformed"');
    expect(own.logged()).not.toContain('canary');
  });

  it("reports upstream's refusal of the caller's token as UNAUTHENTICATED, without hiding what another alias did", async () => {
    await using choosy = await startUpstream((request, response) =>
      (request.path.endsWith('2') ? truto(401) : json(204, undefined))(request, response),
    );
    await using own = await startTestFacade(choosy.url, { AUTH_MODE: 'passthrough' });
    const one = (alias: string, id: number) =>
      `${alias}: deleteEngagement(id: ${id}, integratedAccountId: "a") { __typename }`;
    const { status, body } = await own.post(
      `mutation { ${one('a', 1)} ${one('b', 2)} }`,
      {},
      bearer('canary-of-a-caller'),
    );
    expect(status).toBe(200);
    expect(body.data).toEqual({ a: { __typename: 'DeleteEngagementSuccess' }, b: null });
    expect(body.errors).toMatchObject([
      {
        path: ['b'],
        message: expect.stringMatching(/^Nothing was deleted\./),
        extensions: { code: 'UNAUTHENTICATED' },
      },
    ]);
    expect(own.logged().match(/"result":"\w+"/g)).toEqual([
      '"result":"DeleteEngagementSuccess"',
      '"result":"UNAUTHENTICATED"',
    ]);
  });

  it('S19 keeps what one caller learned of an account from another', async () => {
    await using shy = await startUpstream(json(204, undefined), ({ headers }, response) => {
      const isOwner = headers.authorization === 'Bearer canary-of-the-owner';
      json(isOwner ? 200 : 404, isOwner ? { integration: { name: 'affinity' } } : {})({} as never, response);
    });
    await using own = await startTestFacade(shy.url, { AUTH_MODE: 'passthrough' });
    const [owner, stranger] = await Promise.all(
      ['canary-of-the-owner', 'canary-of-a-stranger'].map((token) => own.post(remove('a'), {}, bearer(token))),
    );
    expect(owner?.body.data.deleteEngagement.__typename).toBe('InvalidInputError');
    expect(JSON.stringify(stranger?.body)).not.toContain('Affinity');
    expect(shy.seen.filter(({ method }) => method === 'GET')).toHaveLength(2);
  });
});

describe('AUTH_MODE=service', async () => {
  const upstream = await shared(startUpstream(json(204, undefined)));
  const facade = await shared(startTestFacade(upstream.url, { ...serviceEnv, JWT_SECRET: jwtSecret }));

  it("sends the server's token upstream, never the caller's", async () => {
    const token = await signToken({ integrated_accounts: ['a'] });
    const { body } = await facade.post(remove('a'), {}, bearer(token));
    expect(body.data.deleteEngagement.__typename).toBe('DeleteEngagementSuccess');
    expect(new Set(upstream.seen.map(({ headers }) => headers.authorization))).toEqual(
      new Set(['Bearer canary-server-token']),
    );
  });

  it.each([
    ['names other accounts', ['b', 'c'], false],
    ['names the account', ['b', 'a'], true],
    ['names all', ['*'], true],
    ['names all and one', ['z', '*'], false],
    ['names none', [], false],
    ['is missing', undefined, false],
    ['is not a list', 'a', false],
    ['holds no texts', [['a']], false],
    ['is a pattern', ['a*', '%'], false],
  ])('S02 when the grant %s', async (_how, integrated_accounts, granted) => {
    const before = upstream.seen.length;
    const { body } = await facade.post(remove('a'), {}, bearer(await signToken({ integrated_accounts })));
    expect(body.data.deleteEngagement.__typename).toBe(granted ? 'DeleteEngagementSuccess' : 'ForbiddenError');
    expect(upstream.seen.length > before).toBe(granted);
  });

  it.each([
    ['all and one', ['z', '*']],
    ['all twice', ['*', '*']],
  ])('S02 when the grant names %s, it is none for an account that is called so', async (_how, integrated_accounts) => {
    const before = upstream.seen.length;
    const { body } = await facade.post(remove('*'), {}, bearer(await signToken({ integrated_accounts })));
    expect(body.data.deleteEngagement.__typename).toBe('ForbiddenError');
    expect(upstream.seen).toHaveLength(before);
  });

  it('S02 answers alike for an account that is not granted and one that cannot exist', async () => {
    const headers = bearer(await signToken({ integrated_accounts: ['a'] }));
    const answers = await Promise.all(['b', '..', ''].map((account) => facade.post(remove(account), {}, headers)));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

  it.each([
    ['that expired', () => ({ exp: inSeconds(-5) })],
    ['that is not valid yet', () => ({ nbf: inSeconds(5) })],
    ['that is issued later', () => ({ iat: inSeconds(5) })],
  ])('S31 takes a token %s by a clock that is some seconds off', async (_what, claims) => {
    const { status } = await facade.post('{ __typename }', {}, bearer(await signToken(claims())));
    expect(status).toBe(200);
  });

  it('answers 401 without a token, and upstream sees nothing', async () => {
    const before = upstream.seen.length;
    const { status, body } = await facade.post(remove('a'));
    expect(status).toBe(401);
    expect(body.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    expect(upstream.seen).toHaveLength(before);
  });

  it.each([
    ['no JWT', 'malformed', async () => 'canary-opaque'],
    ['a JWT of no JSON', 'malformed', async () => 'canary.opaque.token'],
    ['a JWT without a header', 'malformed', async () => `.${btoa('{"sub":"canary-x"}')}.`],
    [
      'another secret',
      'bad_signature',
      () => signToken({}, new TextEncoder().encode('another secret of 32 characters')),
    ],
    ['another issuer', 'wrong_issuer', () => signToken({ iss: 'canary-somebody' })],
    ['another audience', 'wrong_audience', () => signToken({ aud: 'canary-somebody' })],
    ['an expired one', 'expired', () => signToken({ exp: inSeconds(-60) })],
    ['one that is not valid yet', 'not_yet_valid', () => signToken({ nbf: inSeconds(60) })],
    ['one that is issued in the future', 'not_yet_valid', () => signToken({ iat: inSeconds(60) })],
    ['one that never expires', 'claim', () => signToken({ exp: undefined } as never)],
    ['one whose end is no number', 'claim', () => signToken({ exp: 'canary' } as never)],
    ['one without a subject', 'no_subject', () => signToken({ sub: undefined } as never)],
    ['one with an empty subject', 'no_subject', () => signToken({ sub: '' })],
    ['one whose subject is no text', 'no_subject', () => signToken({ sub: 5 } as never)],
    ['an unsigned one', 'algorithm', async () => `${btoa('{"alg":"none"}')}.${btoa('{"sub":"canary-x"}')}.`],
  ])(
    'S32 answers 401 to %s, sends nothing upstream, and says %s in the log and a metric, once for a request',
    async (_what, reason, makeToken) => {
      await using own = await startTestFacade(upstream.url, {
        ...serviceEnv,
        JWT_SECRET: jwtSecret,
        METRICS_PORT: '0',
      });
      // Now the document is prepared, so its callers are checked before Yoga.
      await own.post(remove('a'), {}, bearer(await signToken({ integrated_accounts: ['a'] })));
      const token = await makeToken();
      const before = upstream.seen.length;
      const { status, body } = await own.post(remove('a'), {}, bearer(token));
      expect(status).toBe(401);
      expect(body.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
      expect(upstream.seen).toHaveLength(before);
      expect(await refusedTokens(own)).toEqual({ [reason]: 1 });
      expect(own.logged()).toContain(`"reason":"${reason}"`);
      for (const part of [token, 'canary', ...token.split('.').filter((text) => text.length > 8)])
        expect(own.logged()).not.toContain(part);
    },
  );

  it('S32 counts every token of a flood, and logs few', async () => {
    await using own = await startTestFacade(upstream.url, { ...serviceEnv, JWT_SECRET: jwtSecret, METRICS_PORT: '0' });
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => own.post(remove('a'), {}, bearer(`canary-token-${index}`))),
    );
    expect(await refusedTokens(own)).toEqual({ malformed: 50 });
    expect(own.logged().match(/token refused/g)?.length).toBeLessThan(10);
  });

  it('S01 shows the token nowhere', async () => {
    const dryRun = `mutation { deleteEngagement(id: "1", integratedAccountId: "a", dryRun: true) {
      ... on DeleteEngagementPlan { url headers { name value } } } }`;
    const { body } = await facade.post(dryRun, {}, bearer(await signToken({ integrated_accounts: ['*'] })));
    expect(body.data.deleteEngagement.headers).toContainEqual({ name: 'authorization', value: '[redacted]' });
    await facade.post(remove('a'), {}, bearer(await signToken({ integrated_accounts: ['*'] })));
    expect(facade.logged()).toContain('"result":"DeleteEngagementSuccess"');
    expect(JSON.stringify(body) + facade.logged()).not.toContain('canary');
  });
});

describe('AUTH_MODE=service with a key set', () => {
  it('takes tokens signed by a key of the set, and none that misuse its public key as a secret', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
    await using keys = await startUpstream(json(200, { keys: [jwk] }));
    const JWT_JWKS_URL = `${keys.url}/jwks`;
    await using facade = await startFacadeOver(json(204, undefined), { ...serviceEnv, JWT_JWKS_URL });

    const good = await facade.post(
      remove('a'),
      {},
      bearer(await signToken({ integrated_accounts: ['a'] }, privateKey, 'ES256')),
    );
    expect(good.body.data.deleteEngagement.__typename).toBe('DeleteEngagementSuccess');
    const forged = await signToken({ integrated_accounts: ['*'] }, new TextEncoder().encode(JSON.stringify(jwk)));
    expect((await facade.post(remove('a'), {}, bearer(forged))).status).toBe(401);
  });

  it.each<[string, RequestListener | undefined]>([
    ['cannot be reached', undefined],
    ['is never answered', () => {}],
    ['is answered too late', (_request, response) => void response.writeHead(200).write('{"keys":[')],
  ])('S31 says in time that tokens cannot be verified when the key set %s, and sends nothing', async (_how, answer) => {
    const { privateKey } = await generateKeyPair('ES256');
    await using keys = await listen(createServer(answer));
    const port = answer ? keys.port : 1;
    await using upstream = await startUpstream(json(204, undefined));
    await using facade = await startTestFacade(upstream.url, {
      ...serviceEnv,
      REQUEST_TIMEOUT_MS: '1000',
      JWT_JWKS_URL: `http://127.0.0.1:${port}/jwks`,
    });
    const token = await signToken({ integrated_accounts: ['a'] }, privateKey, 'ES256');
    const { status, body } = await readInTime(facade, 1_000, () => facade.post(remove('a'), {}, bearer(token)));
    expect(status).toBe(503);
    expect(body.errors).toMatchObject([{ extensions: { code: 'AUTHENTICATION_UNAVAILABLE' } }]);
    expect(upstream.seen).toHaveLength(0);
  });
});
