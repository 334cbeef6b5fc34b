import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Counter, Histogram, Meter } from '@opentelemetry/api';
import type { Plugin } from 'graphql-yoga';
import { collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import { finalOutcomes, pauseReasons, type UnfinishedJobs } from '../bulk/job.ts';
import type { Config } from '../config/config.ts';
import type { CreateEvent } from '../engagement/create/create-engagement.ts';
import { type Drift, driftKinds } from '../engagement/drift.ts';
import { integrations } from '../engagement/integrations.ts';
import type { AuditEvent } from '../engagement/write.ts';
import type { SharedMemory } from '../redis/shared-memory.ts';
import type { SeenAttempt } from '../upstream/attempt.ts';
import { type TokenRefusal, tokenRefusals } from './callers/token-refusals.ts';

/** How many connections there may be for scrapes; more are closed at once. */
const maxScrapeConnections = 32;

/** How long a scrape may take, from its first byte to the last one that is read, in milliseconds. */
const scrapeTimeoutMs = 10_000;

/** How often the server looks for scrapes that take longer, in milliseconds. */
const scrapeCheckIntervalMs = 1_000;

/** How long a scrape may delay the end of the server, in milliseconds. */
const lastScrapeMs = 1_000;

/**
 * What happened to an event of Truto's. `ignored`: nothing here depends on it. `failed`: Redis did not answer, or the event could not be
 * used (the log has the error).
 */
export type EventResult =
  | 'used'
  | 'ignored'
  | 'repeated'
  | 'old'
  | 'malformed'
  | 'bad_signature'
  | 'bad_request'
  | 'failed';

/** The values that are read at each scrape. */
export interface Watched {
  /** Undefined without Redis. */
  readonly sharedMemory: Pick<SharedMemory, 'isReachable'> | undefined;
  readonly inFlight: () => number;
  /** Gets the same metrics by the same names, except those of the process. Undefined without an OpenTelemetry SDK. */
  readonly meter?: Meter | undefined;
}

/** The metrics of this server. Labels have few values, and a caller cannot add one. */
export interface Metrics {
  readonly registry: Registry;
  /** Counts an HTTP request that is answered, or whose client has disconnected (`left`). */
  countRequest(status: number | 'left', durationMs: number): void;
  /** Counts a root field other than a delete. @param result `ok`, or the code of its error. */
  countField(field: string, result: string, durationMs: number): void;
  /** Counts a delete, by its end. */
  countDelete(event: AuditEvent): void;
  /** Counts a create, by its end. */
  countCreate(event: CreateEvent): void;
  /** Counts an engagement of a bulk delete that got its final outcome here. */
  countBulkOutcome(outcome: (typeof finalOutcomes)[number]): void;
  /** Gets the numbers of all servers' bulk deletes. */
  noteUnfinished(jobs: UnfinishedJobs): void;
  /** Counts a caller's token that is refused. */
  countRefusedToken(reason: TokenRefusal): void;
  /** Counts a difference between Truto and its documentation. */
  countDrift(drift: Drift): void;
  /** Counts an event of Truto's. @param event its name, or `other`; `unknown` when it could not be read. */
  countEvent(event: string, result: EventResult): void;
  /** Counts an attempt upstream that has ended, or was never started. */
  countAttempt(seen: SeenAttempt): void;
}

/** A value of a gauge, and its labels. */
type LabelledValue = readonly [labels: Readonly<Record<string, string>>, value: number];

/** From the time of a cached answer to the time limit of an operation, in seconds. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The counts of one set of labels. */
interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** The count of each bucket alone; the last is for values beyond all buckets. */
  readonly counts: number[];
  sum: number;
}

/**
 * A metric with labels whose observations only add numbers, and are written down when prom-client is scraped: its own metrics
 * hash the labels each time, which takes longer than the rest of a delete's bookkeeping.
 */
class Tally<Label extends string> {
  readonly name: string;
  readonly #help: string;
  readonly #labelNames: readonly Label[];
  readonly #type: 'counter' | 'histogram';
  readonly #series = new Map<string, Series>();
  /** The same for an SDK of OpenTelemetry's; undefined without one. */
  readonly #counter: Counter | undefined;
  readonly #histogram: Histogram | undefined;

  constructor(
    type: 'counter' | 'histogram',
    name: string,
    help: string,
    labelNames: readonly Label[],
    meter: Meter | undefined,
  ) {
    const options = { description: help, unit: 's', advice: { explicitBucketBoundaries: buckets } };
    if (type === 'counter') this.#counter = meter?.createCounter(name, { description: help });
    else this.#histogram = meter?.createHistogram(name, options);
    this.name = name;
    this.#help = help;
    this.#labelNames = labelNames;
    this.#type = type;
  }

  /** @param values in the order of the labels' names; the labels are there from then on. */
  at(...values: readonly string[]): Series {
    let key = '';
    for (const value of values) key += `${value}\n`;
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

  #valuesOf({ labels, counts, sum }: Series): readonly { metricName: string; labels: object; value: number }[] {
    const { name } = this;
    if (this.#type === 'counter') return [{ metricName: name, labels, value: sum }];
    let total = 0;
    const cumulative = counts.map((count, index) => {
      total += count;
      return { metricName: `${name}_bucket`, labels: { le: buckets[index] ?? '+Inf', ...labels }, value: total };
    });
    const sums = { metricName: `${name}_sum`, labels, value: sum };
    return [...cumulative, sums, { metricName: `${name}_count`, labels, value: total }];
  }

  /** prom-client's registry calls this. */
  async get(): Promise<object> {
    const values = [...this.#series.values()].flatMap((series) => this.#valuesOf(series));
    return { name: this.name, help: this.#help, type: this.#type, aggregator: 'sum', values };
  }
}

const integrationNames: ReadonlySet<string> = new Set(integrations.map(({ name }) => name));

/** Upstream may send any name. Names that are not in our table are unlimited. */
const known = (integration: string | null) =>
  integration === null ? 'unknown' : integrationNames.has(integration) ? integration : 'other';

/** Creates the metrics of one server, including those of its process. */
export function createMetrics({ sharedMemory, inFlight, meter }: Watched): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  function tally<Label extends string>(type: 'counter' | 'histogram', name: string, help: string, labels: Label[]) {
    const metric = new Tally(type, name, help, labels, meter);
    // Of a metric, the registry only reads the name, and calls `get`.
    registry.registerMetric(metric as unknown as Metric);
    return metric;
  }
  /** @param read its value, or its values with their labels. */
  const gauge = (
    name: string,
    help: string,
    read: () => number | readonly LabelledValue[],
    labelNames: string[] = [],
  ) => {
    const values = (): readonly LabelledValue[] => {
      const now = read();
      return typeof now === 'number' ? [[{}, now]] : now;
    };
    meter?.createObservableGauge(name, { description: help }).addCallback((result) => {
      for (const [labels, value] of values()) result.observe(value, labels);
    });
    return new Gauge({
      ...{ name, help, registers, labelNames },
      collect() {
        for (const [labels, value] of values()) this.set(labels, value);
      },
    });
  };

  gauge('engagements_requests_in_flight', 'HTTP requests that have no answer yet.', inFlight);
  if (sharedMemory)
    gauge(
      'engagements_redis_up',
      '1 while Redis accepts writes, so that replicas share limits, repeated deletes and bulk deletes; 0 while it does not.',
      () => Number(sharedMemory.isReachable),
    );
  let unfinished: UnfinishedJobs = { oldestAgeMs: 0, paused: {} };
  if (sharedMemory) {
    gauge(
      'engagements_bulk_oldest_age_seconds',
      'The age of the oldest bulk delete of all servers that has not ended and is not paused; 0 when there is none.',
      () => unfinished.oldestAgeMs / 1_000,
    );
    gauge(
      'engagements_bulk_paused',
      'Paused bulk deletes of all servers, by reason.',
      () => pauseReasons.map((reason) => [{ reason }, unfinished.paused[reason] ?? 0]),
      ['reason'],
    );
  }
  const requests = tally(
    'histogram',
    'engagements_request_duration_seconds',
    'HTTP requests by status; left: the client had disconnected.',
    ['status'],
  );
  const fields = tally(
    'histogram',
    'engagements_field_duration_seconds',
    'Root fields of operations, except deletes, by result: ok, or the code of the error.',
    ['field', 'result'],
  );
  const deletes = tally(
    'counter',
    'engagements_deletes_total',
    'Deletes by result (the member, or the code of a top-level error), outcome of a success, and integration.',
    ['result', 'outcome', 'integration'],
  );
  const deleteSeconds = tally('histogram', 'engagements_delete_duration_seconds', 'Deletes by result.', ['result']);
  const creates = tally(
    'counter',
    'engagements_creates_total',
    'Creates by result (the member, or the code of a top-level error), outcome of a success, and integration.',
    ['result', 'outcome', 'integration'],
  );
  const attempts = tally(
    'histogram',
    'engagements_upstream_attempt_duration_seconds',
    'Attempts to reach Truto by method, integration and end: a status, or why there is none.',
    ['method', 'integration', 'end'],
  );
  const held = tally(
    'counter',
    'engagements_upstream_held_back_total',
    'Attempts that were not started, by reason: paused (a limit), streams (a caller has too many open), open (a breaker), timeout, or abandoned (the client disconnected).',
    ['reason'],
  );

  const bulkOutcomes =
    sharedMemory &&
    tally(
      'counter',
      'engagements_bulk_outcomes_total',
      'Engagements of bulk deletes that got their final outcome at this server, by outcome.',
      ['outcome'],
    );
  const refusedTokens = tally(
    'counter',
    'engagements_tokens_refused_total',
    "Callers' tokens that were refused, by reason.",
    ['reason'],
  );

  const drifts = tally(
    'counter',
    'engagements_contract_drift_total',
    'Answers of Truto that differ from its documentation, by kind and resource.',
    ['kind', 'resource'],
  );

  const events = tally(
    'counter',
    'engagements_events_total',
    "Truto's events by name and result: used, ignored, repeated, old, malformed, bad_signature, bad_request, or failed (Redis did not answer, or the event could not be used: the log has the error).",
    ['event', 'result'],
  );

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
    countRequest: (status, durationMs) => requests.observe(durationMs, String(status)),
    countField: (field, result, durationMs) => fields.observe(durationMs, field, result),
    countDelete({ result, detail, integration, durationMs }) {
      const outcome = result === 'DeleteEngagementSuccess' ? detail : '';
      deletes.count(result, outcome, known(integration));
      deleteSeconds.observe(durationMs, result);
    },
    countCreate({ result, detail, integration }) {
      const outcome = result === 'CreateEngagementSuccess' ? detail : '';
      creates.count(result, outcome, known(integration));
    },
    countBulkOutcome: (outcome) => bulkOutcomes?.count(outcome),
    noteUnfinished(jobs) {
      unfinished = jobs;
    },
    countDrift: ({ kind, resource }) => drifts.count(kind, resource),
    countRefusedToken: (reason) => refusedTokens.count(reason),
    countEvent: (event, result) => events.count(event, result),
    countAttempt({ method, integration, end, wasNeverStarted, durationMs }) {
      if (wasNeverStarted) held.count(String(end));
      else attempts.observe(durationMs, method, known(integration), String(end));
    },
  };
}

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

/** Where scrapes are answered, and how to stop that. */
export interface ScrapeServer {
  /** Without a path. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Answers `GET /metrics`, and nothing else, on a separate address: callers of the API need not reach it.
 * @throws when it cannot listen, such as `EADDRINUSE`.
 */
export async function serveMetrics(
  { registry }: Metrics,
  { host, port }: NonNullable<Config['metrics']>,
): Promise<ScrapeServer> {
  const timeouts = {
    headersTimeout: scrapeTimeoutMs,
    requestTimeout: scrapeTimeoutMs,
    connectionsCheckingInterval: scrapeCheckIntervalMs,
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
  const { address, family, port: chosen } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${chosen}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      const timer = setTimeout(() => server.closeAllConnections(), lastScrapeMs);
      await closed;
      clearTimeout(timer);
    },
  };
}
