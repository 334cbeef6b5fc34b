import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { shared } from './support/shared.ts';

const issuedBy = { JWT_ISSUER: 'https://issuer.example', JWT_AUDIENCE: 'engagements' };

const fetchPage = async ({ url }: TestFacade, headers = {}) =>
  fetch(`${url}/graphql`, { headers: { accept: 'text/html', ...headers } });

/** Where the page says that a file of its own is. */
async function addressOf(facade: TestFacade, name: string): Promise<string> {
  const page = await (await fetchPage(facade)).text();
  const [, address = ''] = new RegExp(`"(\\?asset=${name}&amp;v=[\\w-]+)"`).exec(page) ?? [];
  return `${facade.url}/graphql${address.replace('&amp;', '&')}`;
}

describe('GraphiQL', async () => {
  const facade = await shared(startTestFacade('http://127.0.0.1:1'));
  const script = await fetch(await addressOf(facade, 'graphiql.js'));
  const scriptText = await script.text();

  it('is served at the endpoint, and loads nothing from another host or path', async () => {
    const page = await (await fetchPage(facade)).text();
    expect(page).toContain('<title>Engagements</title>');
    const addresses = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address);
    expect(addresses).toHaveLength(3);
    for (const address of addresses) expect(address).toMatch(/^\?asset=/);
  });

  it.each(['mutation Delete(', 'mutation Raw(', 'mutation Rule(', 'mutation DryRun(', 'query Integrations'])(
    'has a tab with %s over the sandbox',
    (operation) => {
      expect(scriptText).toContain(operation);
    },
  );

  it('has tabs of bulk deletes, and a link to their page, only where there is Redis', async () => {
    expect(await (await fetchPage(facade)).text()).not.toContain('<a ');
    expect(scriptText).not.toContain('mutation Bulk(');
    expect(scriptText).not.toContain('subscription Progress(');
  });

  it('S33 runs only its own files, and cannot be framed', async () => {
    const page = await fetchPage(facade);
    expect(await page.text()).not.toMatch(/<script(?! src="\?asset=graphiql\.js)|<style|\son\w+=|javascript:/i);
    for (const answer of [page, script]) {
      const policy = answer.headers.get('content-security-policy') ?? '';
      const directives = new Map(
        policy.split('; ').map((directive) => directive.split(/ (.*)/, 2) as [string, string]),
      );
      for (const name of ['default-src', 'object-src', 'base-uri', 'form-action', 'frame-ancestors'])
        expect([name, directives.get(name)]).toEqual([name, "'none'"]);
      for (const name of ['script-src', 'worker-src', 'connect-src'])
        expect([name, directives.get(name)]).toEqual([name, "'self'"]);
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    }
  });

  it('does not repeat its address in the page', async () => {
    const plain = await (await fetchPage(facade)).text();
    const link = `${facade.url}/graphql?query=mutation{deleteEngagement}&variables={}&headers={}`;
    expect(await (await fetch(link, { headers: { accept: 'text/html' } })).text()).toBe(plain);
  });

  it('is compressed for clients that accept it', async () => {
    const address = await addressOf(facade, 'graphiql.js');
    const sizes = await Promise.all(
      ['gzip, br', 'identity', 'br, gzip;q=0', 'GZIP; q=0.5, gzip;q=0.05'].map(async (encoding) => {
        const { headers } = await fetch(address, { headers: { 'accept-encoding': encoding } });
        return [headers.get('content-encoding'), Number(headers.get('content-length'))] as const;
      }),
    );
    expect(sizes.map(([encoding]) => encoding)).toEqual(['gzip', null, null, 'gzip']);
    expect(sizes[0]?.[1]).toBeLessThan(2_000_000);
    expect(sizes[1]?.[1]).toBe(Buffer.byteLength(scriptText));
  });

  it('is loaded once: browsers cache files by the hash of their content, and revalidate the page', async () => {
    expect(script.headers.get('cache-control')).toMatch(/immutable/);
    const page = await fetchPage(facade);
    expect(page.headers.get('cache-control')).toBe('no-cache');
    const again = await fetchPage(facade, { 'if-none-match': page.headers.get('etag') });
    expect([again.status, await again.text()]).toEqual([304, '']);
    // The page of an older replica gets the file, which is not kept under the older name.
    const stale = await fetch((await addressOf(facade, 'graphiql.css')).replace(/&v=.*/, '&v=older'));
    expect([stale.status, stale.headers.get('cache-control')]).toEqual([200, 'no-cache']);
    const unknown = await fetch(`${facade.url}/graphql?asset=../../package.json`);
    expect([unknown.status, await unknown.text()]).toEqual([404, '']);
  });

  it('has a field for the token only where callers bring one', async () => {
    await using closed = await startTestFacade('http://127.0.0.1:1', { AUTH_MODE: 'passthrough', EXPOSE_SCHEMA: '1' });
    expect(await (await fetchPage(closed)).text()).toContain('type="password"');
    expect(await (await fetchPage(facade)).text()).not.toContain('<input');
  });

  it('S33 needs the same memory for any number of slow readers', async () => {
    const address = new URL(await addressOf(facade, 'graphiql.js'));
    const before = process.memoryUsage().arrayBuffers;
    const sockets = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const socket = connect(Number(address.port), '127.0.0.1');
        socket.write(`GET ${address.pathname}${address.search} HTTP/1.1\r\nHost: a\r\n\r\n`);
        await once(socket, 'readable');
        return socket.pause();
      }),
    );
    const growth = process.memoryUsage().arrayBuffers - before;
    for (const socket of sockets) socket.destroy();
    // Each was to have five megabytes; what the sockets themselves hold of it is some, too.
    expect(growth).toBeLessThan((50 * 5_000_000) / 2);
  });

  it.each([
    ['passthrough', { AUTH_MODE: 'passthrough' }],
    [
      'service',
      { AUTH_MODE: 'service', TRUTO_API_TOKEN: 'the-token-of-the-server', JWT_SECRET: 's'.repeat(32), ...issuedBy },
    ],
  ])('learns the schema in %s mode before a token is put in, and nothing else', async (_mode, env) => {
    await using closed = await startTestFacade('http://127.0.0.1:1', { ...env, EXPOSE_SCHEMA: '1' });
    const { body: schema } = await closed.post('{ __schema { queryType { name } } }');
    expect(schema).toEqual({ data: { __schema: { queryType: { name: 'Query' } } } });
    const remove = 'mutation { deleteEngagement(id: "1", integratedAccountId: "a") { __typename } }';
    const { body: refused } = await closed.post(remove);
    expect(refused).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  });
});

describe('S11 with EXPOSE_SCHEMA off, as by default outside the sandbox', async () => {
  const facade = await shared(startTestFacade('http://127.0.0.1:1', { AUTH_MODE: 'passthrough' }));

  it('there is no GraphiQL', async () => {
    expect(await (await fetchPage(facade)).text()).not.toContain('asset=');
    const script = await fetch(`${facade.url}/graphql?asset=graphiql.js`);
    expect(script.status).toBe(405);
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
