import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Counter, Histogram, Meter } from '@opentelemetry/api';
import type { Plugin } from 'graphql-yoga';
import { collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import { finalOutcomes, pauseReasons, type UnfinishedJobs } from '../bulk/job.ts';
import type { Config } from '../config/config.ts';
import { type Drift, driftKinds } from '../engagement/drift.ts';
import { integrations } from '../engagement/integrations.ts';
import type { AuditEvent, Verb } from '../engagement/write.ts';
import type { SharedMemory } from '../redis/shared-memory.ts';
import type { SeenAttempt } from '../upstream/attempt.ts';
import { type TokenRefusal, tokenRefusals } from './callers/token-refusals.ts';
import { addressOf } from './connections/listener.ts';

/** A value of a gauge, and its labels. */
type LabelledValue = readonly [labels: Readonly<Record<string, string>>, value: number];

/** From the time of a cached answer to the time limit of an operation, in seconds. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The counts of one set of labels: in `counts` of each bucket alone; the last is for values beyond all buckets. */
type Series = { readonly labels: Readonly<Record<string, string>>; readonly counts: number[]; sum: number };

/** A metric that is written down at a scrape: prom-client's own hash the labels each time, which takes longer than the rest of a delete. */
class Tally {
  readonly name: string;
  readonly #help: string;
  readonly #labelNames: readonly string[];
  readonly #series = new Map<string, Series>();
  /** The same for an SDK of OpenTelemetry's; undefined without one. */
  readonly #counter: Counter | undefined;
  readonly #histogram: Histogram | undefined;

  /** @param name ends with `_total` for a counter, and with `_seconds` for a histogram. */
  constructor(name: string, labelNames: readonly string[], help: string, meter: Meter | undefined) {
    const options = { description: help, unit: 's', advice: { explicitBucketBoundaries: buckets } };
    if (name.endsWith('_total')) this.#counter = meter?.createCounter(name, { description: help });
    else this.#histogram = meter?.createHistogram(name, options);
    this.name = name;
    this.#help = help;
    this.#labelNames = labelNames;
  }

  /** @param values in the order of the labels' names; the labels are there from then on. */
  at(...values: readonly string[]): Series {
    // A single value is its own key: Node has its hash already.
    let [key = ''] = values;
    for (let index = 1; index < values.length; index += 1) key += `\n${values[index]}`;
    let series = this.#series.get(key);
    if (!series) {
      const labels = Object.fromEntries(this.#labelNames.map((label, index) => [label, values[index] ?? '']));
      series = { labels, counts: new Array(buckets.length + 1).fill(0), sum: 0 };
      this.#series.set(key, series);
    }
    return series;
  }

  count(...values: readonly string[]): void {
    const series = this.at(...values);
    series.sum += 1;
    this.#counter?.add(1, series.labels);
  }

  observe(durationMs: number, ...values: readonly string[]): void {
    const series = this.at(...values);
    const seconds = durationMs / 1_000;
    let bucket = 0;
    while (bucket < buckets.length && seconds > (buckets[bucket] as number)) bucket += 1;
    series.counts[bucket] = (series.counts[bucket] as number) + 1;
    series.sum += seconds;
    this.#histogram?.record(seconds, series.labels);
  }

  /** prom-client's registry calls this. */
  async get(): Promise<object> {
    const { name } = this;
    const type = name.endsWith('_total') ? 'counter' : 'histogram';
    const values = [...this.#series.values()].flatMap(({ labels, counts, sum }): object[] => {
      if (type === 'counter') return [{ metricName: name, labels, value: sum }];
      let total = 0;
      const cumulative = counts.map((count, index) => {
        total += count;
        return { metricName: `${name}_bucket`, labels: { le: buckets[index] ?? '+Inf', ...labels }, value: total };
      });
      const ends = { [`${name}_sum`]: sum, [`${name}_count`]: total };
      return [...cumulative, ...Object.entries(ends).map(([metricName, value]) => ({ metricName, labels, value }))];
    });
    return { name, help: this.#help, type, aggregator: 'sum', values };
  }
}

const integrationNames: ReadonlySet<string> = new Set(integrations.map(({ name }) => name));

/** Upstream may send any name. Names that are not in our table are unlimited. */
const known = (integration: string | null) =>
  integration === null ? 'unknown' : integrationNames.has(integration) ? integration : 'other';

/**
 * Creates the metrics of one server, including those of its process. Labels have few values, and a caller cannot add one.
 * @param sharedMemory undefined without Redis.
 * @param meter of an OpenTelemetry SDK: it gets the same metrics by the same names, except those of the process.
 */
export function createMetrics(
  sharedMemory: Pick<SharedMemory, 'isReachable'> | undefined,
  inFlight: () => number,
  meter?: Meter,
) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  function tally(name: string, labelNames: readonly string[], help: string) {
    const metric = new Tally(name, labelNames, help, meter);
    // Of a metric, the registry only reads the name, and calls `get`.
    registry.registerMetric(metric as unknown as Metric);
    return metric;
  }
  /** @param read its values with their labels, at each scrape. */
  function gauge(name: string, help: string, read: () => readonly LabelledValue[], labelNames: string[] = []) {
    meter?.createObservableGauge(name, { description: help }).addCallback((result) => {
      for (const [labels, value] of read()) result.observe(value, labels);
    });
    new Gauge({
      ...{ name, help, registers: [registry], labelNames },
      collect() {
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  const inFlightHelp = 'HTTP requests that have no answer yet.';
  gauge('engagements_requests_in_flight', inFlightHelp, () => [[{}, inFlight()]]);
  let unfinished: UnfinishedJobs = { oldestAgeMs: 0, paused: {} };
  if (sharedMemory) {
    const redisHelp =
      '1 while Redis accepts writes, so that replicas share limits, repeated deletes and bulk deletes; 0 while it does not.';
    gauge('engagements_redis_up', redisHelp, () => [[{}, Number(sharedMemory.isReachable)]]);
    const ageHelp =
      'The age of the oldest bulk delete of all servers that has not ended and is not paused; 0 when there is none.';
    gauge('engagements_bulk_oldest_age_seconds', ageHelp, () => [[{}, unfinished.oldestAgeMs / 1_000]]);
    const paused = () => pauseReasons.map((reason) => [{ reason }, unfinished.paused[reason] ?? 0] as const);
    gauge('engagements_bulk_paused', 'Paused bulk deletes of all servers, by reason.', paused, ['reason']);
  }
  const requestsHelp = 'HTTP requests by status; left: the client had disconnected.';
  const requests = tally('engagements_request_duration_seconds', ['status'], requestsHelp);
  const fieldsHelp = 'Root fields of operations, except deletes, by result: ok, or the code of the error.';
  const fields = tally('engagements_field_duration_seconds', ['field', 'result'], fieldsHelp);
  const writeLabels = ['result', 'outcome', 'integration'];
  const byResult = 'by result (the member, or the code of a top-level error), outcome of a success, and integration.';
  const deletes = tally('engagements_deletes_total', writeLabels, `Deletes ${byResult}`);
  const deleteSeconds = tally('engagements_delete_duration_seconds', ['result'], 'Deletes by result.');
  const creates = tally('engagements_creates_total', writeLabels, `Creates ${byResult}`);
  const attemptLabels = ['method', 'integration', 'end'];
  const attemptsHelp = 'Attempts to reach Truto by method, integration and end: a status, or why there is none.';
  const attempts = tally('engagements_upstream_attempt_duration_seconds', attemptLabels, attemptsHelp);
  const heldHelp =
    'Attempts that were not started, by reason: paused (a limit), streams (a caller has too many open), open (a breaker), timeout, or abandoned (the client disconnected).';
  const held = tally('engagements_upstream_held_back_total', ['reason'], heldHelp);
  const bulkHelp = 'Engagements of bulk deletes that got their final outcome at this server, by outcome.';
  const bulkOutcomes = sharedMemory && tally('engagements_bulk_outcomes_total', ['outcome'], bulkHelp);
  const tokensHelp = "Callers' tokens that were refused, by reason.";
  const refusedTokens = tally('engagements_tokens_refused_total', ['reason'], tokensHelp);
  const driftsHelp = 'Answers of Truto that differ from its documentation, by kind and resource.';
  const drifts = tally('engagements_contract_drift_total', ['kind', 'resource'], driftsHelp);
  const eventsHelp =
    "Truto's events by name and result: used, ignored, repeated, old, malformed, bad_signature, bad_request, or failed (Redis did not answer, or the event could not be used: the log has the error).";
  const events = tally('engagements_events_total', ['event', 'result'], eventsHelp);

  // Prometheus cannot know that a counter that it first sees at 1 was 0 before, so the counters of alerts exist from the start.
  for (const integration of [...integrationNames, 'unknown', 'other'])
    for (const result of ['OutcomeUnknownError', 'INTERNAL_SERVER_ERROR']) deletes.at(result, '', integration);
  for (const reason of ['paused', 'streams', 'open', 'timeout', 'abandoned']) held.at(reason);
  for (const reason of tokenRefusals) refusedTokens.at(reason);
  for (const kind of driftKinds) drifts.at(kind, 'engagements');
  for (const outcome of finalOutcomes) bulkOutcomes?.at(outcome);
  for (const status of ['500', '503']) requests.at(status);

  return {
    registry,
    /** Counts an HTTP request that is answered, or whose client has disconnected (`left`). */
    countRequest: (status: number | 'left', durationMs: number) => requests.observe(durationMs, String(status)),
    /** Counts a root field other than a delete. @param result `ok`, or the code of its error. */
    countField: (field: string, result: string, durationMs: number) => fields.observe(durationMs, field, result),
    countWrite(verb: Verb, { result, detail, integration, durationMs }: AuditEvent): void {
      const outcome = result.endsWith('Success') ? detail : '';
      (verb === 'delete' ? deletes : creates).count(result, outcome, known(integration));
      if (verb === 'delete') deleteSeconds.observe(durationMs, result);
    },
    countBulkOutcome: (outcome: (typeof finalOutcomes)[number]) => bulkOutcomes?.count(outcome),
    noteUnfinished(jobs: UnfinishedJobs): void {
      unfinished = jobs;
    },
    countDrift: ({ kind, resource }: Drift) => drifts.count(kind, resource),
    countRefusedToken: (reason: TokenRefusal) => refusedTokens.count(reason),
    /** Counts an event of Truto's. @param event its name, or `other`; `unknown` when it could not be read. */
    countEvent: (event: string, result: string) => events.count(event, result),
    countAttempt({ method, integration, end, wasNeverStarted, durationMs }: SeenAttempt): void {
      if (wasNeverStarted) held.count(String(end));
      else attempts.observe(durationMs, method, known(integration), String(end));
    },
  };
}

/** The metrics of a server. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Answers `GET /metrics` in Prometheus' text format, on the port that callers use: for the embedded sandbox only. */
export function useMetrics({ registry }: Metrics): Plugin {
  return {
    async onRequest({ request, url, fetchAPI, endResponse }) {
      if (request.method !== 'GET' || url.pathname !== '/metrics') return;
      const headers = { 'content-type': registry.contentType };
      endResponse(new fetchAPI.Response(await registry.metrics(), { headers }));
    },
  };
}

/** How many connections there may be for scrapes; more are closed at once. */
const maxScrapeConnections = 32;

/** How long a scrape may take, from its first byte to the last one that is read, in milliseconds. */
const scrapeTimeoutMs = 10_000;

/** How long a scrape may delay the end of the server, in milliseconds. */
const lastScrapeMs = 1_000;

/** Answers `GET /metrics` only, on an address that callers need not reach. `url` has no path. @throws such as `EADDRINUSE`. */
export async function serveMetrics({ registry }: Metrics, { host, port }: NonNullable<Config['metrics']>) {
  const timeouts = {
    headersTimeout: scrapeTimeoutMs,
    requestTimeout: scrapeTimeoutMs,
    connectionsCheckingInterval: 1_000,
  };
  const server = createServer(timeouts, async ({ method, url }, response) => {
    response.setHeader('connection', 'close');
    if (method !== 'GET' || url?.split('?', 1)[0] !== '/metrics') return void response.writeHead(404).end();
    const text = await registry.metrics().catch(() => undefined);
    response.writeHead(text === undefined ? 500 : 200, { 'content-type': registry.contentType }).end(text);
  });
  server.timeout = scrapeTimeoutMs;
  server.maxConnections = maxScrapeConnections;
  // One packet has room for a thousand requests, and each answer costs some milliseconds.
  server.maxRequestsPerSocket = 1;
  server.listen(port, host);
  await once(server, 'listening').catch((error: Error) => {
    error.message += ' (METRICS_HOST, METRICS_PORT)';
    throw error;
  });
  return {
    url: addressOf(server),
    async close(): Promise<void> {
      const closed = once(server, 'close');
      server.close();
      const timer = setTimeout(() => server.closeAllConnections(), lastScrapeMs);
      await closed;
      clearTimeout(timer);
    },
  };
}
