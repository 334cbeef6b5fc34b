import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';

const issuedBy = { JWT_ISSUER: 'https://issuer.example', JWT_AUDIENCE: 'engagements' };

const fetchPage = async ({ url }: TestFacade) => fetch(`${url}/graphql`, { headers: { accept: 'text/html' } });

describe('GraphiQL', () => {
  let facade: TestFacade;
  beforeAll(async () => {
    facade = await startTestFacade('http://127.0.0.1:1');
  });
  afterAll(() => facade[Symbol.asyncDispose]());

  it('is served at the endpoint, and loads nothing from another host', async () => {
    const page = await (await fetchPage(facade)).text();
    expect(page).toContain('<title>Engagements</title>');
    expect(page).not.toMatch(/(src|href)=["'](https?:)?\/\//);
  });

  it.each([
    'mutation DeleteEngagement(',
    'mutation DeleteEngagementRaw(',
    'mutation BreakARule(',
    'mutation DryRun(',
    'query Integrations',
  ])('has a tab with %s', async (operation) => {
    expect(await (await fetchPage(facade)).text()).toContain(operation);
  });

  it('prefills the Authorization header where callers need one', async () => {
    await using closed = await startTestFacade('http://127.0.0.1:1', { AUTH_MODE: 'passthrough', EXPOSE_SCHEMA: '1' });
    expect(await (await fetchPage(closed)).text()).toContain('Bearer <your token>');
    expect(await (await fetchPage(facade)).text()).not.toContain('Bearer <your token>');
  });

  it.each([
    ['passthrough', { AUTH_MODE: 'passthrough' }],
    [
      'service',
      { AUTH_MODE: 'service', TRUTO_API_TOKEN: 'the-token-of-the-server', JWT_SECRET: 's'.repeat(32), ...issuedBy },
    ],
  ])(
    'learns the schema in %s mode before a token is put over the placeholder, and nothing else',
    async (_mode, env) => {
      await using closed = await startTestFacade('http://127.0.0.1:1', { ...env, EXPOSE_SCHEMA: '1' });
      const headers = { authorization: 'Bearer <your token>' };
      const { body: schema } = await closed.post('{ __schema { queryType { name } } }', {}, headers);
      expect(schema).toEqual({ data: { __schema: { queryType: { name: 'Query' } } } });
      const remove = 'mutation { deleteEngagement(id: "1", integratedAccountId: "a") { __typename } }';
      const { body: refused } = await closed.post(remove, {}, headers);
      expect(refused).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    },
  );
});

describe('S11 with EXPOSE_SCHEMA off, as by default outside the sandbox', () => {
  let facade: TestFacade;
  beforeAll(async () => {
    facade = await startTestFacade('http://127.0.0.1:1', { AUTH_MODE: 'passthrough' });
  });
  afterAll(() => facade[Symbol.asyncDispose]());

  it('there is no GraphiQL', async () => {
    expect(await (await fetchPage(facade)).text()).not.toContain('<html');
  });

  it('there is no introspection', async () => {
    const { body } = await facade.post('{ __schema { types { name } } }');
    expect(body.data).toBeUndefined();
    expect(JSON.stringify(body)).not.toContain('DeleteEngagement');
  });

  it('errors suggest no names', async () => {
    const misspelt = 'mutation { deleteEngagemen(id: 1, integratedAccountId: 2) { __typename } }';
    const somebody = { authorization: 'Bearer canary-of-a-caller' };
    const { body } = await facade.post(misspelt, {}, somebody);
    expect(body.errors).toHaveLength(1);
    const [{ message }] = body.errors;
    expect(message).toContain('deleteEngagemen');
    expect(message).not.toMatch(/did you mean/i);
    expect(message).not.toMatch(/deleteEngagement\b/);
    // Where the schema is exposed, there is something to hide.
    await using exposed = await startTestFacade('http://127.0.0.1:1', { AUTH_MODE: 'passthrough', EXPOSE_SCHEMA: '1' });
    expect((await exposed.post(misspelt, {}, somebody)).body.errors[0].message).toMatch(
      /did you mean.*deleteEngagement\b/i,
    );
  });
});
