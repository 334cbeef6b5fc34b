import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { openGraphiQL } from '../support/graphiql.ts';
import { startServerProcess } from '../support/server-process.ts';
import { shared } from '../support/shared.ts';

const folder = fileURLToPath(new URL('../../docs/images/', import.meta.url));

/** What git and readers have to load: an image beyond this is no screenshot of text. */
const maxImageBytes = 250_000;

const browser = await shared(launchChromium());

it.each(['light', 'dark'] as const)(
  'GraphiQL after a delete is %s when the system is, and fits a picture',
  async (colorScheme) => {
    await using server = await startServerProcess({});
    await using graphiql = await openGraphiQL(browser, server.endpoint, { colorScheme });
    const { page } = graphiql;
    await graphiql.clickTab('Delete');
    await graphiql.run();
    await expect.poll(() => graphiql.answer()).toContain('"outcome": "DELETED"');
    await expect.poll(() => page.locator('.graphiql-spinner').count()).toBe(0);
    const background = await page
      .locator('.graphiql-editors')
      .evaluate((editors) => getComputedStyle(editors).backgroundColor);
    const brightness = (background.match(/\d+/g) ?? []).slice(0, 3).map(Number);
    for (const part of brightness) expect(part > 128 ? 'light' : 'dark').toBe(colorScheme);
    expect(brightness).toHaveLength(3);
    // Away from everything that changes its look under it, and without a caret that blinks.
    await page.mouse.move(900, 700);
    // Monaco shows scrollbars for a moment after the mouse was over them.
    await expect.poll(() => page.locator('.scrollbar.visible').count()).toBe(0);
    const image = await page.screenshot({ animations: 'disabled', caret: 'hide' });
    expect(image.length).toBeLessThan(maxImageBytes);
    if (process.env.SCREENSHOTS !== '1') return;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}graphiql-${colorScheme}.png`, image);
  },
);
