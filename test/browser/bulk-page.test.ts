import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { control, started } from '../support/bulk.ts';
import { ended, type Setting, startSetting } from '../support/bulk-setting.ts';
import { launchChromium } from '../support/chromium.ts';
import { startTestFacade } from '../support/facade.ts';
import { postTo } from '../support/fetch-graphql.ts';
import { listen } from '../support/listen.ts';
import { startRedis } from '../support/redis-server.ts';
import { shared } from '../support/shared.ts';
import { json, startUpstream } from '../support/upstream.ts';

const account = sandboxAccount('Capsule');
const integratedAccountId = account.id;
const ids = seedEngagements(account, 300).map(({ id }) => id);
/** Another account, so that its limits are its own. */
const other = sandboxAccount('Planhat');
const [sample = ''] = seedEngagements(other, 1).map(({ id }) => id);

const browser = await shared(launchChromium());
const setting = await shared(startSetting({ engagementsPerAccount: 300 }, { TRUTO_RATE_LIMITS: '1' }));

interface BulkPage extends AsyncDisposable {
  readonly page: Page;
  readonly requested: readonly string[];
  /** Errors and warnings of the console, such as violations of the page's policy, and uncaught errors. */
  readonly complaints: readonly string[];
}

async function open(url: string, options: BrowserContextOptions = {}, hash = ''): Promise<BulkPage> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const requested: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => requested.push(request.url()));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${url}/bulk${hash}`);
  return { page, requested, complaints, [Symbol.asyncDispose]: () => context.close() };
}

const hashOf = (job: string, account = integratedAccountId) => `#${new URLSearchParams({ account, job })}`;
const state = (page: Page) => page.locator('#state').innerText();
const isEnabled = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).isEnabled();
const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const focused = (page: Page) => page.evaluate(() => document.activeElement?.id);
const barValue = (page: Page) => page.locator('#bar').evaluate((bar) => (bar as HTMLProgressElement).value);
/** Within Truto's limits, it takes a minute. */
const startSlow = ({ facade }: Setting) => started(facade.post, { integratedAccountId, ids });

const folder = fileURLToPath(new URL('../../docs/images/', import.meta.url));

/** Takes the pictures of the documents, in both color schemes. */
async function takePictures(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const image = await page.locator('body').screenshot({ animations: 'disabled', caret: 'hide' });
    expect(image.length).toBeLessThan(150_000);
    if (process.env.SCREENSHOTS === '1') writeFileSync(`${folder}bulk-${colorScheme}.png`, image);
  }
}

describe('the page of bulk deletes', () => {
  it('lists the bulk deletes of an account, newest first, and more of them on request', async () => {
    const of = sandboxAccount('Close').id;
    const begun: string[] = [];
    for (let number = 0; number < 21; number += 1) {
      const input = { integratedAccountId: of, ids: ['unheard-of'], engagementType: 'CALL', dryRun: true };
      begun.push((await started(setting.facade.post, input)).id);
    }
    await using opened = await open(setting.facade.url);
    const { page } = opened;
    await page.getByLabel('Integrated account').selectOption(of);
    await press(page, 'Show');
    const links = page.locator('#jobs a');
    await expect.poll(() => links.count()).toBe(20);
    let answerCount = 0;
    page.on('requestfinished', () => {
      answerCount += 1;
    });
    await page.getByRole('button', { name: 'More', exact: true }).dblclick();
    await expect.poll(() => answerCount).toBe(2);
    await page.evaluate(() => new Promise(requestAnimationFrame));
    const listed = await links.evaluateAll((all) =>
      all.map((link) => new URLSearchParams((link as HTMLAnchorElement).hash.slice(1)).get('job')),
    );
    expect(listed).toEqual(begun.reverse());
    expect(await page.getByRole('button', { name: 'More', exact: true }).count()).toBe(0);
    expect(opened.complaints).toEqual([]);
  });

  it('follows one: its bar moves by the subscription; it is paused, resumed and, after a question, cancelled', async () => {
    const earlier = await started(setting.facade.post, { integratedAccountId, ids: ['fault-403', 'fault-202'] });
    await ended(setting, earlier.id);
    const { id } = await startSlow(setting);
    await using opened = await open(setting.facade.url);
    const { page } = opened;
    await page.getByLabel('Integrated account').selectOption(integratedAccountId);
    await press(page, 'Show');
    await page.locator('#jobs a').first().click();
    await expect.poll(() => state(page)).toBe('Deleting');
    await expect.poll(() => focused(page)).toBe('job-title');
    const [first, requests] = [await barValue(page), opened.requested.length];
    await expect.poll(() => barValue(page)).toBeGreaterThan(first);
    // Events, not further requests: no failure is listed here.
    expect(opened.requested.length).toBe(requests);
    await takePictures(page);
    expect([await isEnabled(page, 'Pause'), await isEnabled(page, 'Resume')]).toEqual([true, false]);

    await press(page, 'Pause');
    await expect.poll(() => state(page)).toBe('Paused');
    await expect.poll(() => focused(page)).toBe('resume');
    expect(await page.locator('#announcement').innerText()).toBe('The bulk delete is paused.');
    expect([await isEnabled(page, 'Pause'), await isEnabled(page, 'Resume')]).toEqual([false, true]);
    await press(page, 'Resume');
    await expect.poll(() => state(page)).toBe('Deleting');

    const dialog = page.getByRole('dialog', { name: 'Cancel this bulk delete?' });
    await press(page, 'Cancel…');
    expect(await dialog.innerText()).toContain('cannot be resumed');
    await page.keyboard.press('Escape');
    await expect.poll(() => dialog.count()).toBe(0);
    expect(await focused(page)).toBe('cancel');
    await press(page, 'Cancel…');
    await press(page, 'Keep deleting');
    expect(await state(page)).toBe('Deleting');
    await press(page, 'Cancel…');
    await press(page, 'Cancel the bulk delete');
    await expect.poll(() => state(page)).toBe('Cancelled');
    await expect.poll(() => focused(page)).toBe('job-title');
    for (const name of ['Pause', 'Resume', 'Cancel…']) expect(await isEnabled(page, name)).toBe(false);
    // The row in the list shows the same.
    expect(await page.locator(`#jobs tr[aria-current=true]`).innerText()).toContain('Cancelled');
    expect(await ended(setting, id)).toMatchObject({ state: 'CANCELLED' });
    expect(opened.complaints).toEqual([]);
  });

  it('shows failures with their messages, in pages, and counts each outcome', async () => {
    const input = { integratedAccountId: other.id, ids: ['fault-403', 'fault-202', 'unheard-of', sample] };
    const { id } = await started(setting.facade.post, input);
    await ended(setting, id);
    await using opened = await open(setting.facade.url, {}, hashOf(id, other.id));
    const { page } = opened;
    await expect.poll(() => page.locator('#failures tr').allInnerTexts()).toHaveLength(1);
    const [failure] = await page.locator('#failures tr').allInnerTexts();
    for (const part of ['fault-403', 'ForbiddenError', 'Nothing was deleted']) expect(failure).toContain(part);
    const counts = await page.locator('#counts').innerText();
    for (const part of ['Deleted\n1', 'Accepted\n1', 'Not found\n1', 'Failed\n1']) expect(counts).toContain(part);
    for (const shown of ['#state', '#jobs tr[aria-current=true] .state'])
      expect(await page.locator(shown).getAttribute('data-tone')).toBe('bad');
    expect(opened.complaints).toEqual([]);
  });

  it('shows the erasure report, to print and to download as the server sends it', async () => {
    const input = { integratedAccountId: other.id, ids: ['fault-403', 'fault-202', 'unheard-of'] };
    const { id } = await started(setting.facade.post, input);
    await ended(setting, id);
    await using opened = await open(setting.facade.url, { colorScheme: 'dark' }, hashOf(id, other.id));
    const { page } = opened;
    await page.getByRole('link', { name: 'Erasure report' }).click();
    await expect.poll(() => focused(page)).toBe('report-title');
    const text = await page.locator('#report').innerText();
    for (const part of [id, other.id, 'Not complete', 'FAILED: not deleted.', 'unheard-of', 'Not found', 'sha256sum'])
      expect(text).toContain(part);
    expect(await page.locator('#report-engagements tr').count()).toBe(3);
    const sent = await (await fetch(`${setting.facade.url}/bulk/${id}/report.json`)).text();
    const [download] = await Promise.all([page.waitForEvent('download'), press(page, 'Download as JSON')]);
    expect(download.suggestedFilename()).toBe(`bulk-delete-${id}.json`);
    expect(readFileSync(await download.path(), 'utf8')).toBe(sent);
    expect(text).toContain(JSON.parse(sent).sha256);

    await page.evaluate(() => {
      window.print = () => document.body.setAttribute('data-printed', '');
    });
    await press(page, 'Print');
    expect(await page.locator('body[data-printed]').count()).toBe(1);
    await page.emulateMedia({ media: 'print' });
    for (const gone of ['header', '#chooser', '#report .actions', '#views'])
      expect([gone, await page.locator(gone).isVisible()]).toEqual([gone, false]);
    expect(await page.locator('#report-engagements').isVisible()).toBe(true);
    // Dark on paper would waste ink.
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(255, 255, 255)');
    await page.emulateMedia({ media: null });
    await page.setViewportSize({ width: 390, height: 900 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await page.getByRole('link', { name: 'Back to the bulk delete' }).click();
    await expect.poll(() => focused(page)).toBe('job-title');
    expect(opened.complaints).toEqual([]);
  });

  it('says in words why nothing is shown: an unknown bulk delete, and a server without Redis', async () => {
    await using opened = await open(setting.facade.url, {}, hashOf('<img src=x onerror=alert(1)>'));
    await expect.poll(() => opened.page.getByRole('alert').innerText()).toContain('No bulk delete with this id exists');
    await using facade = await startTestFacade(setting.sandbox.url);
    await using without = await open(facade.url);
    expect(await without.page.locator('main, body').first().innerText()).toContain('REDIS_URL');
  });

  it('keeps the account and the bulk delete over a reload, and a link to them', async () => {
    const input = { integratedAccountId, ids: ['unheard-of'] };
    const { id } = await started(setting.facade.post, input);
    await ended(setting, id);
    await using opened = await open(setting.facade.url);
    const { page } = opened;
    await page.getByLabel('Integrated account').selectOption(integratedAccountId);
    await press(page, 'Show');
    await page.locator(`#jobs a[href*="${id}"]`).click();
    await page.getByRole('heading', { name: id }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: id }).waitFor();
    await page.locator('#jobs a').first().waitFor();
    expect(await page.getByLabel('Integrated account').inputValue()).toBe(integratedAccountId);
    await page.goBack();
    await page.locator('#job').waitFor({ state: 'hidden' });
    expect(await focused(page)).toBe('list-title');
  });

  it('subscribes again when the subscription is lost, and says so', async () => {
    const { id } = await startSlow(setting);
    await using opened = await open(setting.facade.url);
    const { page } = opened;
    let lost = 0;
    await page.route('**/graphql', async (route) => {
      if (route.request().postData()?.includes('bulkDeleteProgress') && lost < 2) {
        lost += 1;
        await route.abort();
      } else await route.continue();
    });
    await page.evaluate((hash) => location.assign(hash), hashOf(id));
    await expect.poll(() => page.locator('#connection').innerText()).toContain('Trying again in');
    await expect.poll(() => state(page)).toBe('Deleting');
    expect(lost).toBe(2);
    expect(await page.locator('#connection').isVisible()).toBe(false);
    await control(setting.facade.post, 'cancel', id);
    await expect.poll(() => state(page)).toBe('Cancelled');
  });

  it('works below a prefix, asks only its own server, and is reached from GraphiQL', async () => {
    const { id } = await started(setting.facade.post, { integratedAccountId, ids: ['unheard-of'] });
    await ended(setting, id);
    const proxy = createServer((request, response) => {
      const { method, headers } = request;
      const url = `${setting.facade.url}${request.url?.replace(/^\/team/, '')}`;
      request.pipe(
        httpRequest(url, { method, headers }, (answer) => {
          answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers));
        }),
      );
    });
    await using listening = await listen(proxy);
    const origin = listening.url;
    await using opened = await open(`${origin}/team`, {}, hashOf(id));
    await expect.poll(() => state(opened.page)).toBe('Completed');
    expect(opened.requested.length).toBeGreaterThanOrEqual(5);
    for (const url of opened.requested) expect(url.startsWith(`${origin}/team/`) || url.startsWith('data:')).toBe(true);
    await opened.page.getByRole('link', { name: 'GraphiQL' }).click();
    await opened.page.getByRole('link', { name: 'Bulk deletes' }).click();
    await opened.page.getByRole('heading', { name: 'Bulk deletes', exact: true }).waitFor();
    expect(opened.page.url()).toBe(`${origin}/team/bulk`);
  });

  it.each([
    ['light', 1440],
    ['light', 390],
    ['dark', 1440],
    ['dark', 390],
  ] as const)(
    'fits in %s at %i pixels without a horizontal scrollbar, and its texts have enough contrast',
    async (colorScheme, width) => {
      const faulty = Array.from(
        { length: 6 },
        (_, number) => ['fault-403', 'fault-409', 'fault-422'][number % 3] ?? '',
      );
      const { id } = await started(setting.facade.post, {
        integratedAccountId: other.id,
        ids: [...faulty, 'fault-202'],
      });
      await ended(setting, id);
      const options = { colorScheme, viewport: { width, height: 900 } };
      await using opened = await open(setting.facade.url, options, hashOf(id, other.id));
      const { page } = opened;
      await expect.poll(() => page.locator('#failures tr').count()).toBe(3);
      const scrollWidth = () => page.evaluate(() => document.documentElement.scrollWidth);
      expect(await scrollWidth()).toBe(width);
      expect(await page.evaluate(findLowContrast)).toEqual([]);
      if (width === 390) await page.getByRole('link', { name: 'All bulk deletes' }).click();
      await page.locator('#jobs a').first().waitFor();
      expect(await scrollWidth()).toBe(width);
      expect(await page.evaluate(findLowContrast)).toEqual([]);
    },
  );
});

const hostile = `<img src=x onerror="document.title='hacked'">`;

it('S33 the page of bulk deletes, where callers bring a token, sends the token, stores it nowhere, and shows texts of the CRM as texts', async () => {
  await using redis = await startRedis();
  const refusal = { statusCode: 422, error: 'Unprocessable Entity', message: hostile };
  await using upstream = await startUpstream(json(422, refusal), 'capsule');
  const env = {
    AUTH_MODE: 'passthrough',
    BULK_TOKEN_SECRET: 's'.repeat(40),
    REDIS_URL: redis.url,
    EXPOSE_SCHEMA: '1',
    TRUTO_RATE_LIMITS: '0',
  };
  await using facade = await startTestFacade(upstream.url, env);
  const token = 'a-token-of-mine';
  const many = Array.from({ length: 54 }, (_, number) => `${number}`);
  const post = postTo(`${facade.url}/graphql`, { authorization: `Bearer ${token}` });
  const { id } = await started(post, { integratedAccountId: 'account-1', ids: [hostile, ...many] });

  await using opened = await open(facade.url, {}, hashOf(id, 'account-1'));
  const { page } = opened;
  await expect.poll(() => focused(page)).toBe('token');
  expect(opened.requested.filter((url) => url.endsWith('/graphql'))).toEqual([]);
  await page.getByLabel('Token').fill('no token at all');
  await press(page, 'Show');
  await expect.poll(() => page.getByRole('alert').innerText()).toContain('Enter a valid token.');
  await page.getByLabel('Token').fill(token);
  await press(page, 'Show');
  await expect.poll(() => state(page)).toBe('Completed');
  await expect.poll(() => page.locator('#failures').innerText()).toContain(hostile);
  const failures = page.locator('#failures tr');
  expect(await failures.count()).toBe(50);
  await press(page, 'More failures');
  await expect.poll(() => failures.count()).toBe(55);
  expect(await page.getByRole('button', { name: 'More failures' }).count()).toBe(0);
  expect([await page.locator('#failures img').count(), await page.title()]).toEqual([0, 'Bulk deletes']);
  expect(await page.getByRole('alert').count()).toBe(0);

  const stored = await page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]),
  );
  expect(stored).not.toContain(token);
  await page.reload();
  expect(await page.getByLabel('Token').inputValue()).toBe('');
  expect(opened.complaints.filter((text) => !text.includes('401'))).toEqual([]);
});

/** The texts on the page with a contrast below 4.5 (WCAG AA), and their contrast. Runs in the page. */
function findLowContrast(): string[] {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  /** The color that is drawn, on top of others. */
  function drawn(colors: readonly string[]): number[] {
    if (!canvas) return [];
    for (const color of colors) {
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }
  const luminance = (color: number[]) =>
    color
      .map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      .reduce((sum, part, index) => sum + part * ([0.2126, 0.7152, 0.0722][index] ?? 0), 0);
  const low: string[] = [];
  for (const element of document.querySelectorAll('body *:not(option)')) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim());
    if (!text || !element.checkVisibility() || element.matches(':disabled')) continue;
    const backgrounds: string[] = [];
    for (let at: Element | null = element; at; at = at.parentElement)
      backgrounds.unshift(getComputedStyle(at).backgroundColor);
    const [one, other] = [
      luminance(drawn(backgrounds)),
      luminance(drawn([...backgrounds, getComputedStyle(element).color])),
    ];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) low.push(`${element.id || element.tagName} ${element.textContent}: ${contrast.toFixed(2)}`);
  }
  return low;
}
