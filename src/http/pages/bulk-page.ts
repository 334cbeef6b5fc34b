import type { Config } from '../../config/config.ts';
import type { Log } from '../../log/log.ts';
import { FileSet, type PageFiles, pageHeaders, type ServePage, servePage } from './page-files.ts';

const style = `
:root {
  color-scheme: light dark;
  --quiet: light-dark(#595959, #a8a8a8); --line: light-dark(#d0d0d0, #4a4a4a); --raised: light-dark(#f5f6f8, #24262b);
  --accent: light-dark(#0b57d0, #8ab4f8); --bad: light-dark(#b3261e, #ff8a80); --good: light-dark(#146c2e, #7bd88f);
  accent-color: var(--accent);
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0 auto; padding: 16px 24px 48px; max-width: 1440px; color: CanvasText; background: Canvas; font: 15px/1.5 system-ui, sans-serif; }
header, .actions, form { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; }
header { justify-content: space-between; }
h1 { margin: 0; font-size: 24px; }
h2 { margin: 0 0 8px; font-size: 18px; overflow-wrap: anywhere; }
h3 { margin: 24px 0 8px; font-size: 15px; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
button, input, select { padding: 6px 12px; border: 1px solid var(--quiet); border-radius: 6px; font: inherit; color: inherit; background: Canvas; }
button:enabled { cursor: pointer; }
button:enabled:hover { background: var(--raised); }
button:disabled { color: var(--quiet); border-color: var(--line); }
button.danger:enabled { color: var(--bad); border-color: var(--bad); }
#chooser { margin: 16px 0; padding: 12px 16px; border-radius: 8px; background: var(--raised); }
#chooser label { display: flex; flex: 1 1 260px; gap: 8px; align-items: center; max-width: 560px; }
#chooser input, #chooser select { flex: 1; min-width: 0; }
.note { margin: 0 0 8px; padding: 8px 16px; border-left: 4px solid var(--accent); background: var(--raised); overflow-wrap: anywhere; }
.note.bad { border-color: var(--bad); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
#views { display: grid; gap: 24px 40px; }
#views > section { min-width: 0; }
@media (min-width: 1100px) { #views:has(#job:not([hidden])) { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: break-word; }
th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
tr[aria-current=true] { background: var(--raised); }
.foreign { overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
progress { width: 100%; height: 12px; }
td progress { min-width: 80px; }
.state { font-weight: 600; white-space: nowrap; }
.state[data-tone=bad] { color: var(--bad); }
.state[data-tone=good] { color: var(--good); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(120px, 1fr)); gap: 12px; margin: 16px 0; }
dl.facts { grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); }
dt { color: var(--quiet); font-size: 13px; }
dd { margin: 0; overflow-wrap: anywhere; }
.counts dd { font-size: 20px; font-variant-numeric: tabular-nums; }
dialog { max-width: min(480px, calc(100vw - 32px)); padding: 24px; border: 1px solid var(--line); border-radius: 12px; color: CanvasText; background: Canvas; }
dialog::backdrop { background: rgb(0 0 0 / 50%); }
.to-list { display: none; }
@media (max-width: 700px) {
  body { padding: 16px 16px 48px; }
  #views:has(#job:not([hidden])) #list { display: none; }
  .to-list { display: inline; }
}
@media screen and (max-width: 700px) {
  thead { display: none; }
  tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--line); }
  td, td.number { display: grid; grid-template-columns: 110px minmax(0, 1fr); padding: 2px 0; border: 0; text-align: left; }
  td:empty { display: none; }
  td::before { content: attr(data-label); color: var(--quiet); }
}
@media (prefers-reduced-motion: reduce) { progress:indeterminate { visibility: hidden; } }
@media print {
  :root { color-scheme: light; }
  header, #chooser, .actions, .note { display: none !important; }
  body { padding: 0; font-size: 11px; }
  tr { break-inside: avoid; }
}
`;

const chooseAccount = '<input id="account" autocomplete="off" spellcheck="false" required />';
const tokenField = `<label>Token <input id="token" type="password" autocomplete="off" spellcheck="false" placeholder="until the page is closed" required /></label>`;

/** The body of the page. */
const bodyOf = (
  parts: Readonly<Record<'script' | 'token' | 'account' | 'errorType', string>>,
) => `<body data-error-type="${parts.errorType}">
    <header><h1>Bulk deletes</h1><a href="graphql">GraphiQL</a></header>
    <noscript><p class="note bad">This page needs JavaScript.</p></noscript>
    <main>
      <form id="chooser">
        ${parts.token}
        <label>Integrated account ${parts.account}</label>
        <button>Show</button>
      </form>
      <p id="problem" class="note bad" role="alert" hidden></p>
      <p id="connection" class="note" role="status" hidden></p>
      <p id="announcement" class="unseen" role="status"></p>
      <div id="views">
        <section id="list" aria-labelledby="list-title" hidden>
          <h2 id="list-title" tabindex="-1">Of this account, newest first</h2>
          <table role="table">
            <thead><tr><th>Started</th><th>State</th><th>Progress</th><th class="number">Deleted, accepted</th><th class="number">Failed, unknown</th></tr></thead>
            <tbody id="jobs"></tbody>
          </table>
          <p id="no-jobs" hidden>This account has no bulk deletes. The server forgets one after 30 days.</p>
          <p class="actions"><button id="more-jobs" type="button" hidden>More</button><button id="refresh" type="button">Refresh</button></p>
        </section>
        <section id="job" aria-labelledby="job-title" hidden>
          <p class="actions to-list"><a id="to-list" href="#">All bulk deletes</a></p>
          <h2 id="job-title" tabindex="-1"></h2>
          <p id="reason" class="note" hidden></p>
          <p><span id="state" class="state"></span> <label for="bar" id="bar-label"></label><progress id="bar"></progress><span id="pace"></span></p>
          <p class="actions">
            <button id="pause" type="button">Pause</button><button id="resume" type="button">Resume</button>
            <button id="cancel" type="button" class="danger">Cancel…</button><a id="to-report" hidden>Erasure report</a>
          </p>
          <dl id="counts" class="counts"></dl>
          <dl id="facts" class="facts"></dl>
          <h3 id="failures-title"></h3>
          <table role="table" id="failures-table" aria-labelledby="failures-title">
            <thead><tr><th class="foreign">Engagement</th><th>Type</th><th>Error</th><th class="foreign">Message</th></tr></thead>
            <tbody id="failures"></tbody>
          </table>
          <p class="actions"><button id="more-failures" type="button" hidden>More failures</button></p>
        </section>
      </div>
      <section id="report" aria-labelledby="report-title" hidden>
        <p class="actions">
          <a id="to-job" href="#">Back to the bulk delete</a>
          <button id="print" type="button">Print</button><button id="download" type="button">Download as JSON</button>
        </p>
        <h2 id="report-title" tabindex="-1">Erasure report</h2>
        <dl id="report-facts" class="facts"></dl>
        <ul id="report-remarks"></ul>
        <dl id="report-counts" class="counts"></dl>
        <div id="report-failed">
          <h3 id="report-failures-title">Failed or unknown</h3>
          <table role="table" aria-labelledby="report-failures-title">
            <thead><tr><th class="foreign">Engagement</th><th>Type</th><th>Outcome</th><th class="foreign">Message</th></tr></thead>
            <tbody id="report-failures"></tbody>
          </table>
        </div>
        <h3 id="report-engagements-title">Engagements</h3>
        <table role="table" aria-labelledby="report-engagements-title">
          <thead><tr><th class="foreign">Engagement</th><th>Type</th><th>Outcome</th></tr></thead>
          <tbody id="report-engagements"></tbody>
        </table>
        <p id="report-rest" hidden></p>
        <p class="foreign">SHA-256: <code id="report-sha256"></code>. To verify the JSON file: <code id="report-verification"></code></p>
      </section>
      <dialog id="confirm" aria-labelledby="confirm-title" aria-describedby="confirm-text">
        <h2 id="confirm-title">Cancel this bulk delete?</h2>
        <p id="confirm-text">
          No further delete starts, and it cannot be resumed. Deleted engagements stay deleted: nothing is restored. Deletes in
          flight end first.
        </p>
        <form method="dialog" class="actions">
          <button value="" autofocus>Keep deleting</button><button value="cancel" class="danger">Cancel the bulk delete</button>
        </form>
      </dialog>
    </main>
    <script type="module" src="${parts.script}"></script>
  </body>`;

/** Over the embedded sandbox, its accounts to choose from. */
async function accountField({ upstream }: Config): Promise<string> {
  if (upstream !== 'sandbox') return chooseAccount;
  const { sandboxAccounts } = await import('../../sandbox/accounts.ts');
  const options = sandboxAccounts.map(
    ({ id, integration }) => `<option value="${id}">${integration.label} (…${id.slice(-4)})</option>`,
  );
  return `<select id="account">${options.join('')}</select>`;
}

async function buildFiles(config: Config): Promise<PageFiles> {
  const files = new FileSet();
  const { runBulkPage } = await import('./bulk-browser.ts');
  const body = bodyOf({
    script: files.addFile('bulk.js', 'text/javascript; charset=utf-8', `(${runBulkPage})();`),
    token: config.auth.mode === 'open' ? '' : tokenField,
    account: await accountField(config),
    errorType: `${config.typePrefix}Error`,
  });
  files.addPage('Bulk deletes', 'data:,', files.addFile('bulk.css', 'text/css; charset=utf-8', style), body);
  return files;
}

/**
 * Serves the page of bulk deletes at `/bulk`, with its script and its style. None of them has data of a bulk delete: the script reads
 * that over the API, with the caller's token. Only this server's own files are loaded, and the page connects to this server only.
 */
export function createBulkPage(config: Config, log: Log): ServePage {
  const page = {
    isPath: (path: string | undefined) => path === '/bulk',
    build: () => buildFiles(config),
    headers: pageHeaders("script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:"),
    failure: 'the page of bulk deletes cannot be built',
  };
  return servePage(page, log);
}
