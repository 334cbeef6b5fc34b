/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

/*
 * Runs in the browser, on the page of bulk deletes. It reads and controls them over the GraphQL API. It writes each text of the API as
 * text, never as HTML. The token is only in its field. The address has the account and the bulk delete, so that a reload keeps them.
 */

/** The page's script: the page gets the source of this function, so it may use nothing outside of it. */
export function runBulkPage(): void {
  /** The fields of `jobFields`. */
  type Job = Record<'id' | 'state' | 'integratedAccountId' | 'createdBy' | 'createdAt', string> &
    Record<'statusReason' | 'endedAt' | 'undoFolder', string | null> &
    Record<'dryRun' | 'snapshot', boolean> &
    Record<'total' | 'keptCount', number> &
    Record<'ratePerSecond' | 'secondsLeft', number | null> & { outcomes: Record<string, number> };
  type Failure = { id: string; engagementType: string | null; result: { __typename: string; message?: string } };
  type Page<Item> = { items: Item[]; endCursor: string | null };
  type Reported = { id: string; engagementType: string | null; outcome: string; message: string };
  type Report = Pick<
    Job,
    'state' | 'dryRun' | 'integratedAccountId' | 'createdBy' | 'createdAt' | 'total' | 'outcomes'
  > &
    Record<'endedAt' | 'verification' | 'sha256', string> &
    Record<'engagements' | 'failures', Reported[]> & {
      isComplete: boolean;
      integration: string | null;
      requested: { filter?: object };
      remarks: string[];
    };

  const byId = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
  const field = (id: string) => document.getElementById(id) as HTMLInputElement | null;
  const button = (id: string) => byId<HTMLButtonElement>(id);

  /** Makes an element. Strings among its children are text. */
  function element(name: string, attributes: Record<string, string>, ...children: (string | Node)[]): HTMLElement {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /** Shows a text, or hides its element without one. */
  function say(id: string, text: string) {
    const shown = byId(id);
    // Unchanged texts are not announced again.
    if (shown.textContent !== text) shown.textContent = text;
    shown.hidden = text === '';
  }

  const count = new Intl.NumberFormat('en').format;
  const percent = new Intl.NumberFormat('en', { style: 'percent' }).format;
  const dates = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
  const moment = (iso: string) => element('time', { datetime: iso }, dates.format(new Date(iso)));

  function duration(seconds: number) {
    const units = [
      [86_400, 'day'],
      [3_600, 'hour'],
      [60, 'minute'],
    ] as const;
    const [size, unit] = units.find(([size]) => seconds >= 1.5 * size) ?? [1, 'second'];
    return new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' }).format(Math.ceil(seconds / size));
  }

  // ---- The API

  /** An error of the API, in its words. */
  class ApiError extends Error {
    readonly code: string;
    constructor(message: string, code: string) {
      super(message);
      this.code = code;
    }
  }

  /** After these, a subscription is tried again. */
  const passing = new Set([
    ...['UNREACHABLE', 'BULK_DELETES_UNAVAILABLE', 'OVERLOADED', 'RATE_LIMITED', 'UPSTREAM_UNAVAILABLE'],
    ...['AUTHENTICATION_UNAVAILABLE', 'REQUEST_TIMEOUT', 'INTERNAL_SERVER_ERROR'],
  ]);

  /** The result of a transfer, or the error that it failed. */
  const transferred = <Result>(transfer: Promise<Result>) =>
    transfer.catch(() => {
      throw new ApiError('The server cannot be reached, or its answer was cut off.', 'UNREACHABLE');
    });

  /** Sends a request with the caller's token. */
  function send(address: string, init: RequestInit = {}) {
    const token = field('token')
      ?.value.trim()
      .replace(/^Bearer /i, '');
    const headers = { ...init.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) };
    return transferred(fetch(address, { ...init, headers }));
  }

  const jsonOf = (response: Response) => transferred(response.json());

  type Result = { data?: object | null; errors?: { message: string; extensions?: { code?: string } }[] };

  /** The value of the only root field of a result. */
  function rootValueOf<Value>({ data, errors }: Result): Value {
    const value = Object.values(data ?? {})[0] ?? null;
    const [error] = errors ?? [];
    // A field that cannot be read, such as the rate, is null, and the rest is shown.
    if (value === null && error) throw new ApiError(error.message, error.extensions?.code ?? '');
    return value;
  }

  function post(query: string, variables: object, accept: string, signal?: AbortSignal) {
    const headers = { accept, 'content-type': 'application/json' };
    const body = JSON.stringify({ query, variables });
    return send('graphql', { method: 'POST', headers, body, ...(signal && { signal }) });
  }

  const call = async <Value>(query: string, variables: object) =>
    rootValueOf<Value>(await jsonOf(await post(query, variables, 'application/json')));

  /** A subscription is taken for lost after so long without an event or a heartbeat, which comes every 12 seconds. */
  const silenceMs = 40_000;

  /** The events of a subscription, as server-sent events. */
  async function* subscribe(query: string, variables: object, stop: AbortSignal): AsyncGenerator<Job> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), silenceMs);
    try {
      const response = await post(query, variables, 'text/event-stream', AbortSignal.any([stop, silence.signal]));
      if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream'))
        return yield rootValueOf(await jsonOf(response));
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (;;) {
        const { done, value } = await transferred(reader.read());
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), silenceMs);
        const events = (text + value).split('\n\n');
        text = events.pop() ?? '';
        for (const event of events) {
          const data = /^data: ?(.+)$/m.exec(event)?.[1];
          if (/^event: ?next$/m.test(event) && data) yield rootValueOf(JSON.parse(data));
        }
      }
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }

  const rowFields =
    'id state dryRun total createdAt outcomes { deleted accepted alreadyAbsent notFound failed unknown remaining }';
  const jobFields = `{
  ${rowFields} integratedAccountId statusReason snapshot keptCount createdBy endedAt undoFolder ratePerSecond secondsLeft
}`;
  const listDocument = `query ($account: ID!, $after: String) {
  bulkDeletes(integratedAccountId: $account, after: $after) { items { ${rowFields} } endCursor }
}`;
  const followDocument = `subscription ($id: ID!) { bulkDeleteProgress(id: $id) ${jobFields} }`;
  const failuresDocument = `query ($id: ID!, $after: String) {
  bulkDelete(id: $id) { failures(first: 50, after: $after) {
    items { id engagementType result { __typename ... on ${document.body.dataset.errorType} { message } } } endCursor
  } }
}`;

  // ---- What the page shows

  /** The part of the address after `#`. */
  function readAddress() {
    const parts = new URLSearchParams(location.hash.slice(1));
    return { account: parts.get('account') ?? '', job: parts.get('job') ?? '', isReport: parts.has('report') };
  }

  const addressOf = (parts: Record<string, string>) => `#${new URLSearchParams(parts)}`;

  /** What is shown now. */
  let shown = { account: '', job: '', isReport: false };
  let job: Job | undefined;
  /** The rows of the list by the ids of their bulk deletes. */
  const rows = new Map<string, HTMLElement>();
  let nextJobs: string | null = null;
  /** The pages of failures that are shown. */
  let failures: (Page<Failure> & { after: string | null })[] = [];
  let failuresWanted = 0;
  /** Ends the subscription of the bulk delete that is shown. */
  let following = new AbortController();

  /** The heading that gets the focus once its view is there, after the person has opened another view. */
  let focusNext = '';

  function moveFocus(id: string) {
    if (focusNext !== id) return;
    focusNext = '';
    byId(id).focus();
  }

  function showError(error: unknown) {
    const [message, code] = error instanceof ApiError ? [error.message, error.code] : [String(error), ''];
    const advice = code === 'UNAUTHENTICATED' ? ' Enter a valid token.' : code === 'UNREACHABLE' ? ' Try again.' : '';
    say('problem', message + advice);
  }

  /** Runs an action of the person, and shows its error. */
  async function run(action: () => Promise<void>) {
    say('problem', '');
    try {
      await action();
    } catch (error) {
      showError(error);
    }
  }

  const hasEnded = ({ state }: Job) => ['COMPLETED', 'CANCELLED', 'FAILED'].includes(state);
  const failureCount = ({ outcomes: { failed = 0, unknown = 0 } }: Job) => failed + unknown;

  /** Only a bulk delete without failures has ended well. */
  function toneOf(job: Job) {
    if (job.state === 'COMPLETED') return failureCount(job) === 0 ? 'good' : 'bad';
    return ['FAILED', 'CANCELLED', 'CANCELLING'].includes(job.state) ? 'bad' : '';
  }

  /** A value of an enum in words, such as `Already absent`. */
  const words = (name: string) => name.charAt(0).toUpperCase() + name.slice(1).toLowerCase().replaceAll('_', ' ');

  const stateName = ({ state, dryRun }: Pick<Job, 'state' | 'dryRun'>) =>
    `${words(state)}${dryRun ? ' (dry run)' : ''}`;

  function fillBar(bar: HTMLProgressElement, { state, total, outcomes: { remaining = 0 } }: Job) {
    if (state === 'LISTING') return bar.removeAttribute('value');
    bar.max = Math.max(total, 1);
    bar.value = total === 0 ? 1 : total - remaining;
  }

  function progressText({ state, dryRun, total, outcomes: { remaining = 0 } }: Job) {
    if (state === 'LISTING') return `${count(total)} found so far`;
    if (dryRun) return `${count(total)} would be deleted`;
    const part = total === 0 ? 1 : (total - remaining) / total;
    return `${count(total - remaining)} of ${count(total)} (${percent(Math.floor(part * 100) / 100)})`;
  }

  /** A row of a table's body. Each cell has the class of its column, and its name: a narrow screen shows that in front. */
  function rowOf(body: string, cells: (string | Node)[]) {
    const columns = byId(body).parentElement?.querySelectorAll('th') ?? [];
    const filled = Array.from(columns, ({ textContent, className }, index) =>
      element('td', { role: 'cell', 'data-label': textContent ?? '', class: className }, cells[index] ?? ''),
    );
    return element('tr', { role: 'row' }, ...filled);
  }

  function jobRow(job: Job) {
    const href = addressOf({ account: shown.account, job: job.id });
    const bar = element('progress', { 'aria-label': 'Progress' }) as HTMLProgressElement;
    fillBar(bar, job);
    const row = rowOf('jobs', [
      element('a', { href }, moment(job.createdAt)),
      element('span', { class: 'state', 'data-tone': toneOf(job) }, stateName(job)),
      element('div', {}, bar, ` ${progressText(job)}`),
      count(deletedCount(job)),
      count(failureCount(job)),
    ]);
    row.setAttribute('aria-current', String(job.id === shown.job));
    return row;
  }

  const deletedCount = ({ outcomes: { deleted = 0, accepted = 0, alreadyAbsent = 0 } }: Job) =>
    deleted + accepted + alreadyAbsent;

  /** Reads one page of the account's list. */
  async function loadJobs(after: string | null) {
    const { account } = shown;
    const { items, endCursor } = await call<Page<Job>>(listDocument, { account, after });
    if (shown.account !== account) return;
    if (after === null) {
      rows.clear();
      byId('jobs').replaceChildren();
    }
    for (const item of items) {
      // A second press may read the same page.
      if (rows.has(item.id)) continue;
      const row = jobRow(item);
      rows.set(item.id, row);
      byId('jobs').append(row);
    }
    nextJobs = endCursor;
    byId('no-jobs').hidden = rows.size > 0;
    button('more-jobs').hidden = nextJobs === null;
    byId('list').hidden = false;
  }

  function fillTerms(id: string, entries: (readonly [term: string, value: string | Node | null])[]) {
    const terms = entries.flatMap(([term, value]) =>
      value === null ? [] : [element('div', {}, element('dt', {}, term), element('dd', {}, value))],
    );
    byId(id).replaceChildren(...terms);
  }

  function showJob(next: Job) {
    if (next.state !== job?.state) say('announcement', `The bulk delete is ${stateName(next).toLowerCase()}.`);
    job = next;
    const { state, ratePerSecond, secondsLeft } = next;
    const { remaining = 0, ...outcomes } = next.outcomes;
    byId('job-title').textContent = `Bulk delete ${next.id}`;
    say('reason', next.statusReason ?? '');
    byId('state').textContent = stateName(next);
    byId('state').dataset.tone = toneOf(next);
    byId('bar-label').textContent = progressText(next);
    fillBar(byId('bar'), next);
    const pace = state === 'DELETING' && ratePerSecond ? `${ratePerSecond.toFixed(1)} a second` : '';
    byId('pace').textContent = secondsLeft === null ? pace : `${pace}, about ${duration(secondsLeft)} left`;
    const counted = next.dryRun ? [] : Object.entries(outcomes);
    fillTerms('counts', [
      ['Total', count(next.total)],
      ...counted.map(([name, number]) => [words(name.replace(/[A-Z]/g, '_$&')), count(number)] as const),
      [hasEnded(next) ? 'Skipped' : 'Remaining', next.dryRun || state === 'COMPLETED' ? null : count(remaining)],
      ['Records kept', next.snapshot ? count(next.keptCount) : null],
    ]);
    fillTerms('facts', [
      ['Integrated account', next.integratedAccountId],
      ['Started', moment(next.createdAt)],
      ['Started by', next.createdBy],
      ['Ended', next.endedAt === null ? null : moment(next.endedAt)],
      ['Undo folder', next.undoFolder],
    ]);
    button('pause').disabled = !['LISTING', 'DELETING'].includes(state);
    button('resume').disabled = state !== 'PAUSED';
    button('cancel').disabled = !['LISTING', 'DELETING', 'PAUSED'].includes(state);
    byId('to-report').hidden = !hasEnded(next);
    byId('to-report').setAttribute('href', addressOf({ account: shown.account, job: next.id, report: '' }));
    const row = rows.get(next.id);
    if (row) {
      const fresh = jobRow(next);
      // Its link may have the focus.
      const hasFocus = row.contains(document.activeElement);
      row.replaceWith(fresh);
      rows.set(next.id, fresh);
      if (hasFocus) fresh.querySelector('a')?.focus();
    }
    byId('job').hidden = false;
    moveFocus('job-title');
    void loadFailures();
  }

  let isLoadingFailures = false;

  /** Reads the last page of failures again while the bulk delete has more of them than are shown there, and more were asked for. */
  async function loadFailures() {
    const current = job;
    const last = failures.at(-1);
    if (!current || isLoadingFailures) return;
    const listed = failures.reduce((sum, { items }) => sum + items.length, 0);
    const isMissing = last ? last.endCursor === null && listed < failureCount(current) : true;
    const wantsMore = last !== undefined && failuresWanted > failures.length && last.endCursor !== null;
    if (!isMissing && !wantsMore) return;
    isLoadingFailures = true;
    try {
      const after = wantsMore ? last.endCursor : (last?.after ?? null);
      const found = await call<{ failures: Page<Failure> } | null>(failuresDocument, { id: current.id, after });
      if (!found || job?.id !== current.id) return;
      if (!wantsMore) failures.pop();
      failures.push({ after, ...found.failures });
      showFailures();
    } catch (error) {
      if (job?.id === current.id) showError(error);
    } finally {
      isLoadingFailures = false;
      // Another one is shown by now, and may have ended: no event comes.
      if (job && job.id !== current.id) void loadFailures();
    }
  }

  function showFailures() {
    const items = failures.flatMap((page) => page.items);
    byId('failures').replaceChildren(
      ...items.map(({ id, engagementType, result: { __typename: error, message = '' } }) =>
        rowOf('failures', [id, words(engagementType ?? ''), error, message]),
      ),
    );
    byId('failures-title').textContent = items.length === 0 ? 'No failures' : 'Failed or unknown';
    byId('failures-table').hidden = items.length === 0;
    button('more-failures').hidden = (failures.at(-1)?.endCursor ?? null) === null;
  }

  const firstPauseMs = 1_000;
  const maxPauseMs = 30_000;

  /** Shows a bulk delete until it has ended. Subscribes again, after a growing pause, when the subscription is lost. */
  async function follow(id: string, signal: AbortSignal) {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
      let reason = 'The server ended the connection.';
      try {
        for await (const event of subscribe(followDocument, { id }, signal)) {
          if (signal.aborted) return;
          say('connection', '');
          pauseMs = firstPauseMs;
          showJob(event);
          if (hasEnded(event)) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof ApiError) || !passing.has(error.code)) return showError(error);
        reason = error.message;
      }
      if (signal.aborted) return;
      say('connection', `${reason} The progress is not current. Trying again in ${duration(pauseMs / 1_000)}.`);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      if (signal.aborted) return;
    }
  }

  async function control(how: 'pause' | 'resume' | 'cancel') {
    const id = shown.job;
    for (const name of ['pause', 'resume', 'cancel']) button(name).disabled = true;
    try {
      const next = await call<Job>(`mutation ($id: ID!) { ${how}BulkDelete(id: $id) ${jobFields} }`, { id });
      if (shown.job === id) showJob(next);
    } catch (error) {
      if (shown.job !== id) return;
      if (job) showJob(job);
      throw error;
    } finally {
      // A disabled button loses the focus.
      const other = { pause: 'resume', resume: 'pause', cancel: 'job-title' }[how];
      if (document.activeElement === document.body) byId(other).focus();
    }
  }

  /** The most engagements that a report shows; all are in its file. */
  const maxReported = 5_000;

  /** The file of the report that is shown. */
  let reportFile = new Blob();

  async function loadReport(id: string) {
    const response = await send(`bulk/${encodeURIComponent(id)}/report.json`);
    if (!response.ok) rootValueOf(await jsonOf(response));
    const file = await transferred(response.blob());
    const report: Report = await jsonOf(new Response(file));
    if (!shown.isReport || shown.job !== id) return;
    reportFile = file;
    byId('report-title').textContent = `Erasure report of bulk delete ${id}`;
    const { requested, outcomes, engagements, failures } = report;
    fillTerms('report-facts', [
      ['Result', report.isComplete ? 'Complete: no engagement is left' : 'Not complete: see the remarks'],
      ['State', stateName(report)],
      ['Integrated account', report.integratedAccountId],
      ['Integration', report.integration],
      ['Requested', requested.filter ? `Filter ${JSON.stringify(requested.filter)}` : `${count(report.total)} ids`],
      ['Started by', report.createdBy],
      ['Started', moment(report.createdAt)],
      ['Ended', moment(report.endedAt)],
    ]);
    byId('report-remarks').replaceChildren(...report.remarks.map((remark) => element('li', {}, remark)));
    fillTerms('report-counts', [
      ['Total', count(report.total)],
      ...Object.entries(outcomes).map(([name, number]) => [words(name), count(number)] as const),
    ]);
    const cells = ({ id, engagementType, outcome }: Reported) => [id, words(engagementType ?? ''), words(outcome)];
    const listed = failures.slice(0, maxReported);
    byId('report-failed').hidden = listed.length === 0;
    byId('report-failures').replaceChildren(
      ...listed.map((item) => rowOf('report-failures', [...cells(item), item.message])),
    );
    byId('report-engagements').replaceChildren(
      ...engagements.slice(0, maxReported).map((item) => rowOf('report-engagements', cells(item))),
    );
    const isCut = engagements.length > maxReported;
    say('report-rest', isCut ? `Each list ends after ${count(maxReported)} rows. The JSON file has all of them.` : '');
    byId('report-sha256').textContent = report.sha256;
    byId('report-verification').textContent = report.verification;
    byId('report').hidden = false;
    moveFocus('report-title');
  }

  /** Shows what the address asks for. */
  async function show() {
    const asked = readAddress();
    const before = shown;
    if (asked.account) {
      const account = byId<HTMLInputElement>('account');
      account.value = asked.account;
      // A select has only the accounts that the server knows.
      if (account.value !== asked.account) return showError('The sandbox has no such integrated account.');
    }
    if (field('token')?.value === '') return field('token')?.focus();
    shown = asked;
    byId('to-list').setAttribute('href', addressOf({ account: shown.account }));
    byId('to-job').setAttribute('href', addressOf({ account: shown.account, job: shown.job }));
    for (const [id, row] of rows) row.setAttribute('aria-current', String(id === shown.job));
    if (shown.job !== before.job) {
      following.abort();
      following = new AbortController();
      job = undefined;
      failures = [];
      failuresWanted = 1;
      showFailures();
      say('connection', '');
      byId('job').hidden = true;
      if (shown.job) void follow(shown.job, following.signal);
    }
    byId('views').hidden = shown.isReport;
    document.title = shown.isReport ? `Erasure report ${shown.job}` : 'Bulk deletes';
    byId('report').hidden = true;
    const isOtherAccount = shown.account !== before.account;
    if (isOtherAccount) byId('list').hidden = true;
    else moveFocus('list-title');
    if (job) moveFocus('job-title');
    await Promise.all([isOtherAccount && shown.account && loadJobs(null), shown.isReport && loadReport(shown.job)]);
  }

  byId('chooser').addEventListener('submit', (event) => {
    event.preventDefault();
    const account = field('account')?.value.trim() ?? '';
    const { job } = readAddress();
    const address = addressOf({ account, ...(account === readAddress().account && job && { job }) });
    // Also with the same address: the token may be another.
    shown = { account: '', job: '', isReport: false };
    if (location.hash === address) void run(show);
    else location.hash = address;
  });
  addEventListener('hashchange', () => {
    const { job, isReport } = readAddress();
    focusNext = isReport ? 'report-title' : job ? 'job-title' : 'list-title';
    void run(show);
  });
  button('refresh').addEventListener('click', () => run(() => loadJobs(null)));
  button('more-jobs').addEventListener('click', () => run(() => loadJobs(nextJobs)));
  button('more-failures').addEventListener('click', () => {
    failuresWanted = failures.length + 1;
    void loadFailures();
  });
  button('pause').addEventListener('click', () => run(() => control('pause')));
  button('resume').addEventListener('click', () => run(() => control('resume')));
  button('print').addEventListener('click', () => print());
  button('download').addEventListener('click', () => {
    const href = URL.createObjectURL(reportFile);
    element('a', { href, download: `bulk-delete-${shown.job}.json` }).click();
    URL.revokeObjectURL(href);
  });
  const dialog = byId<HTMLDialogElement>('confirm');
  button('cancel').addEventListener('click', () => {
    dialog.returnValue = '';
    dialog.showModal();
  });
  dialog.addEventListener('close', () => {
    if (dialog.returnValue === 'cancel') void run(() => control('cancel'));
  });
  void run(show);
}
