import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { closing } from '../support/closing.ts';
import { startTestFacade } from '../support/facade.ts';
import { installPackages } from '../support/install-packages.ts';
import { inTurn, lostAnswer } from '../support/keyed-delete.ts';
import { listen } from '../support/listen.ts';
import { truto } from '../support/outcome.ts';
import { runProgram } from '../support/run-program.ts';
import { shared } from '../support/shared.ts';
import { type Answer, json, startUpstream } from '../support/upstream.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'examples/react');

const node = process.execPath;
const tsc = [node, join(folder, 'node_modules/typescript/bin/tsc')];
const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

function startPages(dist: string) {
  const server = createServer(({ url }, response) => {
    const path = url === '/' ? '/index.html' : (url ?? '');
    const type = types[extname(path)];
    if (!type) return void response.writeHead(404).end();
    response.setHeader('content-type', type).end(readFileSync(join(dist, path)));
  });
  return listen(server);
}

const records = ['Renewal', 'Kick-off'].map((subject, index) => ({ id: `e${index + 1}`, subject }));

/** An upstream that lists two engagements, and answers deletes as a test says. */
const listing =
  (onDelete: Answer): Answer =>
  (request, response) =>
    (request.method === 'DELETE' ? onDelete : json(200, { result: records, next_cursor: null }))(request, response);

installPackages(folder, '110 MB');
const dist = mkdtempSync(join(folder, 'node_modules/.dist-'));
afterAll(() => rmSync(dist, { recursive: true, force: true }));
const browser = await shared(launchChromium());

/** Builds the page for a server that lets it call, and opens it. */
async function withPage(onDelete: Answer, use: (page: Page, deletes: () => number) => Promise<void>) {
  await using upstream = await startUpstream(listing(onDelete), 'Planhat');
  await using pages = await startPages(dist);
  await using facade = await startTestFacade(upstream.url, { CORS_ORIGINS: pages.url });
  const vite = [node, join(folder, 'node_modules/vite/bin/vite.js'), 'build', '--outDir', dist, '--emptyOutDir'];
  const { code, output } = await runProgram(vite, folder, { VITE_ENDPOINT: `${facade.url}/graphql` });
  expect([code, output]).toEqual([0, expect.any(String)]);
  await using page = closing(await browser.newPage());
  await page.goto(pages.url);
  await use(page, () => upstream.deletes().length);
}

const subjects = (page: Page) => page.locator('li').allTextContents();

describe('the page in React', () => {
  it('deletes from another origin, and the list in its cache no longer has the engagement', async () => {
    await withPage(json(204, undefined), async (page, deletes) => {
      await page.getByRole('listitem').filter({ hasText: 'Renewal' }).getByRole('button').click();
      await expect.poll(() => subjects(page)).toEqual([expect.stringContaining('Kick-off')]);
      expect(deletes()).toBe(1);
    });
  });

  it('shows an unknown outcome, and a second attempt with the same key finds it deleted', async () => {
    let isLost = true;
    const gone = truto(404);
    const answer: Answer = (request, response) => (isLost ? lostAnswer : gone)(request, response);
    await withPage(answer, async (page) => {
      const row = page.getByRole('listitem').filter({ hasText: 'Renewal' });
      await row.getByRole('button').click();
      await expect.poll(() => row.textContent()).toContain('It may be deleted.');
      expect(await subjects(page)).toHaveLength(2);
      isLost = false;
      await row.getByRole('button').click();
      await expect.poll(() => subjects(page)).toEqual([expect.stringContaining('Kick-off')]);
    });
  });

  it('shows why a delete is refused, and keeps the engagement', async () => {
    await withPage(inTurn(truto(403)), async (page) => {
      const row = page.getByRole('listitem').filter({ hasText: 'Renewal' });
      await row.getByRole('button').click();
      await expect.poll(() => row.textContent()).toContain('Not deleted.');
      expect(await subjects(page)).toHaveLength(2);
    });
  });

  it('has the types that the generator makes of the schema now', async () => {
    const generator = [node, join(root, 'node_modules/@graphql-codegen/cli/esm/bin.js'), '--check'];
    expect(await runProgram(generator, folder)).toMatchObject({ code: 0 });
  });

  it('compiles, and no longer does when a member of the result is forgotten', async () => {
    expect(await runProgram([...tsc, '-p', '.'], folder)).toEqual({ code: 0, output: '' });
    const source = readFileSync(join(folder, 'src/describe.ts'), 'utf8');
    const forgetful = source.replace("case 'AccountBlockedError':", '').replace("'./gql/", `'${folder}/src/gql/`);
    writeFileSync(join(dist, 'forgetful.ts'), forgetful);
    const config = { extends: `${folder}/tsconfig.json`, include: ['forgetful.ts'] };
    writeFileSync(join(dist, 'tsconfig.json'), JSON.stringify(config));
    const { code, output } = await runProgram([...tsc, '-p', dist], folder);
    expect(code).not.toBe(0);
    expect(output).toMatch(/AccountBlockedError.*never/s);
  });
});
