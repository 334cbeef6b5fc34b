import { parentPort, workerData } from 'node:worker_threads';
import { FileSet, type PageFiles } from './page-files.ts';

/** The settings of GraphiQL's build. */
export interface GraphiQLSetup {
  /** The prepared tabs. */
  readonly tabs: readonly { readonly query: string; readonly variables: string }[];
  /** True where callers bring a token: the page has a field for it. */
  readonly takesToken: boolean;
  /** True where the page of bulk deletes is served: this page has a link to it. */
  readonly hasBulkPage: boolean;
}

/** The parts of `@graphql-yoga/render-graphiql`, which itself puts them into one page of nine megabytes. */
type Parts = Readonly<
  Record<'js' | 'css' | 'favicon' | 'editorWorkerService' | 'jsonWorker' | 'graphqlWorker', string>
>;

/**
 * GraphiQL's tabs can be dragged, and their `transform` places them wrongly from the start. GraphiQL ignores it until a tab has the
 * focus: then the pressed tab jumps away and is not clicked. The logo gives its room to the tabs. On a narrow screen, the parts of
 * the page are below each other, and the page scrolls.
 */
const ownStyle = `
.graphiql-tab { transform: none !important; }
.graphiql-container .graphiql-logo { display: none; }
.graphiql-container .graphiql-tabs { gap: 4px; }
.graphiql-container .graphiql-tab .graphiql-tab-button { padding-right: 24px; }
body { display: flex; flex-direction: column; height: 100vh; margin: 0; color-scheme: light dark; }
#root { flex: 1; min-height: 0; }
#root .graphiql-container { height: 100%; width: 100%; }
#bar { display: flex; gap: 8px 24px; align-items: center; justify-content: end; padding: 8px 16px; font: 14px sans-serif; color: CanvasText; background: Canvas; }
#bar a { color: LinkText; }
#token { display: flex; flex: 1; gap: 8px; align-items: center; min-width: 0; }
#token input { flex: 1; max-width: 480px; min-width: 0; font: inherit; }
@media (max-width: 700px) {
  body { height: auto; min-height: 100vh; }
  #root .graphiql-container { flex-direction: column; height: auto; }
  .graphiql-container .graphiql-sidebar { flex-direction: row; width: 100%; }
  .graphiql-container .graphiql-sidebar > :first-child { margin-left: 0; }
  .graphiql-container .graphiql-main { flex-direction: column; min-height: 0; }
  .graphiql-container .graphiql-main > div { flex: none !important; width: 100%; max-width: none; }
  .graphiql-container .graphiql-sessions { margin: 0; border-radius: 0; max-height: none; }
  .graphiql-container #graphiql-session { flex-direction: column; }
  .graphiql-container #graphiql-session > div { flex: none !important; width: 100%; }
  .graphiql-container .graphiql-editors { flex: none; height: 560px; }
  .graphiql-container .graphiql-response { height: 480px; }
  .graphiql-container .graphiql-horizontal-drag-bar { display: none; }
}
`;

/**
 * Runs in the browser after GraphiQL's own code. GraphiQL 5 fills its editors from the storage, so the first visit stores the first
 * tab: otherwise the editors would be empty. The address never fills them, since one click would then run the query of a link, and
 * edits are not written into it. The token is only in the page: it is sent with each request that has no other Authorization.
 * `plugins: undefined` replaces Yoga's field picker by GraphiQL's default, the history.
 */
const start = (tabs: string) => `
{
  const tabs = ${tabs};
  const endpoint = location.origin + location.pathname;
  history.replaceState(null, '', endpoint);
  // A sandbox's tabs delete. They must not come back over a real upstream at the same address.
  const prepared = JSON.stringify(tabs);
  if (localStorage.getItem('engagements:tabs') !== prepared) localStorage.removeItem('graphiql:tabState');
  localStorage.setItem('engagements:tabs', prepared);
  if (localStorage.getItem('graphiql:tabState') === null)
    for (const name of ['query', 'variables']) localStorage.setItem('graphiql:' + name, tabs[0][name]);
  // The history has the headers of what was run, whatever shouldPersistHeaders says.
  const withoutHeaders = (text) => JSON.stringify(JSON.parse(text, (name, value) => (name === 'headers' ? undefined : value)));
  const storage = {
    get length() {
      return localStorage.length;
    },
    clear: () => localStorage.clear(),
    getItem: (name) => localStorage.getItem(name),
    removeItem: (name) => localStorage.removeItem(name),
    setItem: (name, text) => localStorage.setItem(name, /:(queries|favorites)$/.test(name) ? withoutHeaders(text) : text),
  };
  const field = document.querySelector('#token input');
  YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), {
    title: 'Engagements',
    defaultTabs: tabs,
    endpoint,
    // Subscriptions too: GraphiQL would send those by GET, which is refused here.
    method: 'POST',
    shouldPersistHeaders: false,
    plugins: undefined,
    storage,
    onEditQuery() {},
    additionalHeaders() {
      const token = field?.value.trim().replace(/^Bearer /i, '');
      return token ? { Authorization: 'Bearer ' + token } : {};
    },
  });
  // GraphiQL runs at Ctrl+Enter only while an editor has the focus, and it reads the operation's name 100 ms after an edit: run before
  // that, it would send the name of the old operation.
  addEventListener('keydown', (event) => {
    const { target, key, code, keyCode, ctrlKey, metaKey } = event;
    const isRun = key === 'Enter' && (ctrlKey || metaKey) && event.isTrusted;
    if (!isRun || target.closest('[role="dialog"]')) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    // Held keys would run and stop it in turn: a delete would be sent again and again.
    if (event.repeat) return;
    const press = new KeyboardEvent('keydown', { key, code, keyCode, ctrlKey, metaKey, bubbles: true });
    const openTab = () => document.querySelector('[role="tab"][aria-selected="true"]');
    const pressedIn = openTab();
    setTimeout(() => {
      // Another tab may be open by now, and may delete.
      if (openTab() !== pressedIn) return;
      if (target.closest('.graphiql-query-editor, .graphiql-editor-tool')) target.dispatchEvent(press);
      else document.querySelector('.graphiql-execute-button')?.click();
    }, 200);
  }, true);
}
`;

const tokenField = `
      <label id="token">
        Token
        <input type="password" autocomplete="off" spellcheck="false" placeholder="for all tabs, until the page is closed" />
      </label>`;

const bulkLink = `
      <a href="bulk">Bulk deletes</a>`;

function buildFiles(parts: Parts, { tabs, takesToken, hasBulkPage }: GraphiQLSetup): PageFiles {
  const files = new FileSet();
  const script = 'text/javascript; charset=utf-8';
  const workers = {
    editorWorkerService: files.addFile('editor-worker.js', script, parts.editorWorkerService),
    json: files.addFile('json-worker.js', script, parts.jsonWorker),
    graphql: files.addFile('graphql-worker.js', script, parts.graphqlWorker),
  };
  const environment = `self.MonacoEnvironment = { getWorkerUrl: (_module, label) => (${JSON.stringify(workers)})[label] };`;
  const code = `${environment}\n${parts.js};\n${start(JSON.stringify(tabs))}`;
  const js = files.addFile('graphiql.js', script, code);
  const css = files.addFile('graphiql.css', 'text/css; charset=utf-8', parts.css + ownStyle);
  const iconBytes = Buffer.from(parts.favicon.split(',')[1] ?? '', 'base64');
  const icon = files.addFile('favicon.ico', 'image/x-icon', iconBytes);
  const bar = `${takesToken ? tokenField : ''}${hasBulkPage ? bulkLink : ''}`;
  const body = `<body>
    <noscript>You need to enable JavaScript to run this app.</noscript>${bar && `\n    <div id="bar">${bar}\n    </div>`}
    <div id="root"></div>
    <script src="${js}"></script>
  </body>`;
  files.addPage('Engagements', icon, css, body);
  return files;
}

// In a thread: loading and compressing nine megabytes of scripts would block the server for a second.
const parts: Parts = await import(new URL('./graphiql.js', import.meta.resolve('@graphql-yoga/render-graphiql')).href);
parentPort?.postMessage(buildFiles(parts, workerData));
