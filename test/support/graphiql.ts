import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';

/** Monaco's text as it is shown, in order: its lines are placed by their styles, and their spaces do not break. */
async function shownText(editor: Locator): Promise<string> {
  const lines = await editor
    .locator('.view-line')
    .evaluateAll((found) => found.map((line) => [parseInt((line as HTMLElement).style.top, 10), line.textContent]));
  return lines
    .sort(([one], [other]) => Number(one) - Number(other))
    .map(([, text]) => text)
    .join('\n')
    .replaceAll('\u00a0', ' ');
}

/** GraphiQL in a browser that has not opened it before. */
export interface GraphiQL extends AsyncDisposable {
  readonly page: Page;
  /** The addresses of everything that the page asked for, without those of what it made itself. */
  readonly requested: readonly string[];
  /** Errors and warnings of the console, and what no script caught. */
  readonly complaints: readonly string[];
  /** The names of the tabs, in order. */
  tabNames(): Promise<readonly string[]>;
  /** The name of the tab that is open. */
  openTab(): Promise<string>;
  /** Opens a tab by one click of the mouse, unless it is open, and waits until it can be run. */
  clickTab(name: string): Promise<void>;
  /** What the editors show. */
  query(): Promise<string>;
  variables(): Promise<string>;
  headers(): Promise<string>;
  /** Puts a query into its editor, over the whole of what is there. */
  putQuery(text: string): Promise<void>;
  /** Puts variables into the open tab, over the whole of what is there. */
  putVariables(text: string): Promise<void>;
  /** Puts a token into the page's field for it. */
  putToken(token: string): Promise<void>;
  /** Puts a text into the headers of the open tab, over the whole of what is there. */
  putHeaders(text: string): Promise<void>;
  /** Runs what is in the editors. */
  run(): Promise<void>;
  /** What is shown as the answer by now. */
  answer(): Promise<string>;
  /** Opens the page again, as a reload does. */
  reload(): Promise<void>;
}

/** Opens GraphiQL at a server's endpoint, and waits until it knows the schema. */
export async function openGraphiQL(
  browser: Browser,
  endpoint: string,
  options: BrowserContextOptions = {},
): Promise<GraphiQL> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  // Before the test gives up, so that it says what it waited for.
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const requested: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => {
    if (!/^(blob|data):/.test(request.url())) requested.push(request.url());
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));

  const editor = (name: string) => page.locator(`.graphiql-${name}`);
  const tool = (name: string) => page.getByRole('region', { name, exact: true });
  async function open(load: () => Promise<unknown>): Promise<void> {
    const schema = page.waitForResponse((response) => response.request().postData()?.includes('__schema') ?? false);
    await load();
    await (await schema).finished();
    await page.getByRole('button', { name: 'Execute query' }).waitFor();
    await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  }
  /** Shows the variables or the headers, as only one of them is seen at a time. */
  async function shownTool(name: 'Variables' | 'Headers'): Promise<string> {
    await page.getByRole('button', { name, exact: true }).click();
    await tool(name).waitFor();
    // Monaco draws what has come to be seen in the frame after the next.
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    return shownText(tool(name).locator('.graphiql-editor:not(.hidden)'));
  }

  /** GraphiQL looks a moment later at what it is to run, and stores it then. */
  async function settled(query: RegExp): Promise<void> {
    await page.waitForFunction((pattern) => pattern.test(localStorage.getItem('graphiql:query') ?? ''), query);
  }
  /** As it would be pasted: the editor closes no bracket by itself. */
  async function replaceText(place: Locator, text: string): Promise<void> {
    await place.locator('.view-lines').click();
    await page.keyboard.press('ControlOrMeta+A');
    await page.evaluate((data) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', data);
      document.activeElement?.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    }, text);
  }

  await open(() => page.goto(endpoint));
  return {
    page,
    requested,
    complaints,
    tabNames: () => page.getByRole('tab').allInnerTexts(),
    openTab: () => page.getByRole('tab', { selected: true }).innerText(),
    async clickTab(name) {
      if ((await page.getByRole('tab', { selected: true }).innerText()) === name) return;
      await page.getByRole('tab').getByRole('button', { name, exact: true }).click();
      await settled(new RegExp(`(query|mutation|subscription) ${name}\\b`));
    },
    query: () => shownText(editor('query-editor')),
    variables: () => shownTool('Variables'),
    headers: () => shownTool('Headers'),
    async putQuery(text) {
      await replaceText(editor('query-editor'), text);
      await settled(new RegExp(text.replace(/[^\w\s]/g, '\\$&')));
    },
    putToken: (token) => page.getByLabel('Token').fill(token),
    async putVariables(text) {
      await shownTool('Variables');
      await replaceText(tool('Variables').locator('.graphiql-editor:not(.hidden)'), text);
      await page.waitForFunction((given) => localStorage.getItem('graphiql:variables') === given, text);
    },
    async putHeaders(text) {
      await shownTool('Headers');
      await replaceText(tool('Headers').locator('.graphiql-editor:not(.hidden)'), text);
    },
    run: () => page.getByRole('button', { name: 'Execute query' }).click(),
    answer: () => shownText(editor('response')),
    reload: () => open(() => page.reload()),
    [Symbol.asyncDispose]: () => context.close(),
  };
}
