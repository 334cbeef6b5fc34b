import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { createFolder } from './support/folder.ts';
import { shared } from './support/shared.ts';

/** The headers of a browser when a person enters an address. */
const asBrowser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

const open = ({ url }: TestFacade, path: string, headers: Record<string, string> = asBrowser) =>
  fetch(new URL(path, url), { headers, redirect: 'manual' });

/** An address without a Redis: the pages are served without one. */
const unused = { REDIS_URL: 'redis://127.0.0.1:1', BULK_TOKEN_SECRET: 's'.repeat(40) };

const directivesOf = (answer: Response) =>
  new Map(
    (answer.headers.get('content-security-policy') ?? '')
      .split('; ')
      .map((directive) => directive.split(/ (.*)/, 2) as [string, string]),
  );

it('A browser at a server that exposes its schema is redirected from / to GraphiQL, also below a prefix', async () => {
  await using facade = await startTestFacade('http://127.0.0.1:1');
  const answer = await open(facade, '/');
  expect(answer.status).toBe(302);
  // Relative: a proxy may serve this server below a prefix.
  expect(answer.headers.get('location')).toBe('graphql');
  expect(answer.headers.get('cache-control')).toBe('no-cache');
  const page = await open(facade, answer.headers.get('location') ?? '');
  expect(await page.text()).toContain('?asset=graphiql.js');
});

describe('The page of bulk deletes', async () => {
  const env = { AUTH_MODE: 'passthrough', EXPOSE_SCHEMA: '1', SUBGRAPH: 'federation', TYPE_PREFIX: 'Crm', ...unused };
  const facade = await shared(startTestFacade('http://127.0.0.1:1', env));

  it('S33 runs only its own files, is in no frame, and loads nothing from another host or path', async () => {
    const answer = await open(facade, '/bulk');
    const text = await answer.text();
    expect(text).not.toMatch(/<script(?! type="module" src="\?asset=bulk\.js)|<style|style=|\son\w+=|javascript:/i);
    const addresses = [...text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, address = '']) => address);
    expect(addresses).toHaveLength(4);
    for (const address of addresses) expect(address).toMatch(/^(\?asset=bulk\.|data:,$|graphql$)/);
    for (const path of ['/bulk', '/bulk?asset=bulk.js', '/bulk?asset=bulk.css']) {
      const { status, headers } = await open(facade, path);
      const directives = directivesOf(await open(facade, path));
      expect([path, status, headers.get('x-frame-options')]).toEqual([path, 200, 'DENY']);
      for (const name of ['default-src', 'base-uri', 'form-action', 'frame-ancestors'])
        expect([name, directives.get(name)]).toEqual([name, "'none'"]);
      for (const name of ['script-src', 'style-src', 'connect-src'])
        expect([name, directives.get(name)]).toEqual([name, "'self'"]);
    }
  });

  it('asks for a token and an id, names the types of this schema, and repeats nothing of its address', async () => {
    const text = await (await open(facade, '/bulk')).text();
    expect(text).toContain('type="password"');
    expect(text).toContain('<input id="account"');
    expect(text).toContain('data-error-type="CrmError"');
    expect(await (await open(facade, '/bulk?account=%3Cb%3E')).text()).toBe(text);
  });

  it('offers the accounts of the sandbox, and asks for no token there', async () => {
    await using sandbox = await startTestFacade('http://127.0.0.1:1', { REDIS_URL: unused.REDIS_URL });
    const text = await (await open(sandbox, '/bulk')).text();
    expect(text).not.toContain('type="password"');
    expect(text).toContain('<option value="00000000-0000-4000-8000-000000000002">Capsule');
  });

  it('is replaced by a page that names the missing setting', async () => {
    await using without = await startTestFacade('http://127.0.0.1:1');
    expect(await (await open(without, '/bulk')).text()).toContain('<code>REDIS_URL</code>');
    await using closed = await startTestFacade('http://127.0.0.1:1', { AUTH_MODE: 'passthrough', ...unused });
    expect(await (await open(closed, '/bulk')).text()).toContain('EXPOSE_SCHEMA=1');
    expect((await open(closed, '/bulk?asset=bulk.js', { accept: '*/*' })).status).toBe(404);
  });

  it('does not change responses to API clients', async () => {
    const answer = await open(facade, '/bulk', { accept: 'application/json' });
    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'PATH_NOT_FOUND' } }] });
  });
});

it.each([
  ['GraphiQL', { EXPOSE_SCHEMA: '1' }, ['/', '/graphql', '/graphql?asset=favicon.ico']],
  ['the page of bulk deletes', { EXPOSE_SCHEMA: '1', ...unused }, ['/bulk', '/bulk?asset=bulk.js']],
  ['the page in their place', {}, ['/', '/graphql', '/bulk']],
])('HEAD has the status and the headers of GET for %s, and no body', async (_what, env, paths) => {
  await using facade = await startTestFacade('http://127.0.0.1:1', { AUTH_MODE: 'passthrough', ...env });
  for (const path of paths) {
    const ask = async (method: string) => {
      const answer = await fetch(new URL(path, facade.url), { method, headers: asBrowser, redirect: 'manual' });
      const { status, headers } = answer;
      return { status, policy: headers.get('content-security-policy'), text: await answer.text() };
    };
    const { text: _text, ...head } = await ask('GET');
    expect(head.status).toBeLessThan(400);
    expect(await ask('HEAD')).toEqual({ ...head, text: '' });
  }
});

describe('A browser at a server that does not expose its schema', async () => {
  const facade = await shared(startTestFacade('http://127.0.0.1:1', { AUTH_MODE: 'passthrough' }));

  it.each(['/', '/graphql', '/graphql/', '/bulk'])(
    'gets at %s a page that says what runs there, and which setting exposes the schema',
    async (path) => {
      const answer = await open(facade, path);
      const text = await answer.text();
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(text).toContain('<title>Engagements</title>');
      expect(text).toContain('EXPOSE_SCHEMA=1');
      expect(text).toContain('POST');
      const links = [...text.matchAll(/href="([^"]*)"/g)].map(([, link]) => link);
      expect(links.length).toBeGreaterThan(0);
      for (const link of links) expect(link).toMatch(/^https:\/\//);
    },
  );

  it('gets no advice to expose the schema where the server executes trusted documents only', async () => {
    using folder = createFolder();
    writeFileSync(join(folder.path, 'documents.json'), '{}');
    const trusted = { TRUSTED_DOCUMENTS: join(folder.path, 'documents.json'), TRUSTED_DOCUMENTS_ONLY: '1' };
    await using strict = await startTestFacade('http://127.0.0.1:1', { AUTH_MODE: 'passthrough', ...trusted });
    const text = await (await open(strict, '/')).text();
    expect(text).toContain('trusted documents');
    expect(text).not.toContain('EXPOSE_SCHEMA');
  });

  it('S33 is sent no script, and its page is in no frame', async () => {
    const answer = await open(facade, '/');
    expect(await answer.text()).not.toMatch(/<script|\son\w+=|javascript:|<iframe|<img|<link/i);
    const directives = directivesOf(answer);
    for (const name of ['default-src', 'base-uri', 'form-action', 'frame-ancestors'])
      expect([name, directives.get(name)]).toEqual([name, "'none'"]);
    // Only the page's own style, by its hash.
    expect(directives.get('style-src')).toMatch(/^'sha256-[\w+/]+=*'$/);
    expect(directives.has('script-src')).toBe(false);
    for (const [name, value] of [
      ['x-frame-options', 'DENY'],
      ['x-content-type-options', 'nosniff'],
      ['referrer-policy', 'no-referrer'],
      ['vary', 'Accept'],
    ] as const)
      expect([name, answer.headers.get(name)]).toEqual([name, value]);
  });

  it.each([
    ['/', '*/*', 404, 'PATH_NOT_FOUND'],
    ['/', 'application/json', 404, 'PATH_NOT_FOUND'],
    ['/graphql', '*/*', 405, 'METHOD_NOT_ALLOWED'],
    ['/graphql', 'application/graphql-response+json', 405, 'METHOD_NOT_ALLOWED'],
    ['/graphql?query={__typename}', 'application/json', 405, 'METHOD_NOT_ALLOWED'],
  ])('changes no answer to an API client: %s with Accept: %s gets JSON with %i', async (path, accept, status, code) => {
    const answer = await open(facade, path, { accept });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code } }] });
  });
});
