import { expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { openGraphiQL } from '../support/graphiql.ts';
import { schema } from '../support/schema.ts';
import { startServerProcess } from '../support/server-process.ts';
import { shared } from '../support/shared.ts';

const browser = await shared(launchChromium());

/** A description as it reads when its Markdown is shown. */
const asShown = (description: string | null | undefined) => (description ?? '').replaceAll('`', '');

it("GraphiQL's docs lead from the mutations to a field, its arguments and its result, each with its description", async () => {
  await using server = await startServerProcess({});
  await using graphiql = await openGraphiQL(browser, server.endpoint);
  const { page } = graphiql;
  const docs = page.getByRole('region', { name: 'Documentation Explorer' });
  const follow = (name: string) => docs.getByRole('link', { name, exact: true }).first().click();
  const mutation = schema.getMutationType()?.getFields().deleteEngagement;
  const result = schema.getType('DeleteEngagementResult');

  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await follow('Mutation');
  await follow('deleteEngagement');
  await expect.poll(() => docs.innerText()).toContain(asShown(mutation?.description));
  for (const { name, description } of mutation?.args ?? []) {
    expect(await docs.innerText()).toContain(`${name}: `);
    expect(await docs.innerText()).toContain(asShown(description));
  }
  await follow('DeleteEngagementResult');
  await expect.poll(() => docs.innerText()).toContain(asShown(result?.description));
  await follow('OutcomeUnknownError');
  const unknown = schema.getType('OutcomeUnknownError');
  await expect.poll(() => docs.innerText()).toContain(asShown(unknown?.description));
  expect(graphiql.complaints).toEqual([]);
});
