import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { integrations } from '../src/engagement/integrations.ts';
import { control, seen, started } from './support/bulk.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { freePort } from './support/free-port.ts';
import { inTurn, removal } from './support/keyed-delete.ts';
import { remote, truto } from './support/outcome.ts';
import { connectRaw, requestHead } from './support/raw-client.ts';
import { startRedis } from './support/redis-server.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

/** The samples of a scrape, by name and labels as they are written. */
async function scrape({ url }: Pick<TestFacade, 'url'>): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

const success = 'engagements_deletes_total{result="DeleteEngagementSuccess",outcome="DELETED",integration="Capsule"}';

describe('GET /metrics', () => {
  it('counts each delete once by its result, executed by Yoga or prepared, in lists and by aliases', async () => {
    await using facade = await startFacadeOver(json(204, undefined), {}, 'capsule');
    for (const id of ['1', '2', '3']) await facade.post(`mutation { ${removal('1')} }`, { id });
    await facade.post(`mutation { a: ${removal('2')} b: ${removal('3')} }`);
    const list =
      'deleteEngagements(items: [{ id: "4" }, { id: "5" }], integratedAccountId: "a") { results { __typename } }';
    await facade.post(`mutation { ${list} }`);
    const samples = await scrape(facade);
    expect(samples.get(success)).toBe(7);
    expect(samples.get('engagements_delete_duration_seconds_count{result="DeleteEngagementSuccess"}')).toBe(7);
  });

  it('distinguishes refusals, unknown outcomes and attempts', async () => {
    await using facade = await startFacadeOver(inTurn(truto(502), truto(502), remote(409)), {}, 'capsule');
    await facade.post(`mutation { ${removal('1')} }`);
    await facade.post(`mutation { ${removal('2')} }`);
    await facade.post(`mutation { ${removal('..')} }`);
    const samples = await scrape(facade);
    const deletes = (result: string, integration: string) =>
      samples.get(`engagements_deletes_total{result="${result}",outcome="",integration="${integration}"}`);
    expect(deletes('OutcomeUnknownError', 'Capsule')).toBe(1);
    expect(deletes('RemoteApiError', 'Capsule')).toBe(1);
    expect(deletes('InvalidInputError', 'unknown')).toBe(1);
    const attempts = (end: number) =>
      samples.get(
        `engagements_upstream_attempt_duration_seconds_count{method="DELETE",integration="Capsule",end="${end}"}`,
      );
    expect([attempts(502), attempts(409)]).toEqual([2, 1]);
  });

  it('counts the engagements of bulk deletes by outcome, and the paused bulk deletes of all servers by reason', async () => {
    await using redis = await startRedis();
    let remove: Answer = inTurn(json(204, undefined), json(204, undefined), remote(404), remote(409));
    const env = { REDIS_URL: redis.url, REQUEST_TIMEOUT_MS: '1000' };
    await using facade = await startFacadeOver((request, response) => remove(request, response), env, 'capsule');
    await using replica = await startTestFacade(facade.upstream.url, env);
    const { id } = await started(facade.post, { integratedAccountId: 'a', ids: ['1', '2', '3', '4'] });
    await expect.poll(async () => (await seen(facade.post, id)).state).toBe('COMPLETED');
    const outcomes = async (outcome: string) => {
      const name = `engagements_bulk_outcomes_total{outcome="${outcome}"}`;
      const values = [(await scrape(facade)).get(name), (await scrape(replica)).get(name)];
      return Number(values[0]) + Number(values[1]);
    };
    expect(await Promise.all(['DELETED', 'NOT_FOUND', 'FAILED', 'UNKNOWN'].map(outcomes))).toEqual([2, 1, 1, 0]);

    const paused = async (server: TestFacade, reason: string) =>
      (await scrape(server)).get(`engagements_bulk_paused{reason="${reason}"}`);
    const age = async () => (await scrape(replica)).get('engagements_bulk_oldest_age_seconds');
    expect([await paused(facade, 'CALLER'), await age()]).toEqual([0, 0]);
    remove = truto(429, {}, { 'retry-after': '30' });
    const which = { integratedAccountId: 'a', ids: ['5'] };
    const waiting = await started(facade.post, which);
    await expect.poll(age, { timeout: 15_000 }).toBeGreaterThan(0);
    await control(facade.post, 'pause', waiting.id);
    for (const server of [facade, replica])
      await expect.poll(() => paused(server, 'CALLER'), { timeout: 15_000 }).toBe(1);
    expect(await age()).toBe(0);
    await control(facade.post, 'cancel', waiting.id);
    await expect.poll(() => paused(replica, 'CALLER'), { timeout: 15_000 }).toBe(0);
  }, 60_000);

  it('counts attempts that a limit has stopped', async () => {
    await using upstream = await startUpstream(
      json(429, { statusCode: 429, error: 'Too Many Requests', message: '' }, { 'retry-after': '30' }),
    );
    await using facade = await startTestFacade(upstream.url, { REQUEST_TIMEOUT_MS: '1000' });
    await facade.post(`mutation { ${removal('1')} }`);
    await facade.post(`mutation { ${removal('2')} }`);
    expect((await scrape(facade)).get('engagements_upstream_held_back_total{reason="paused"}')).toBeGreaterThan(0);
  });

  it('counts queries by root field and result, executed or prepared, requests by status, and what is in flight', async () => {
    await using facade = await startFacadeOver(truto(404));
    for (const _way of ['executed', 'prepared']) {
      await facade.post('{ integrations { name } again: integrations { name } }');
      await facade.post('{ engagement(id: "..", integratedAccountId: "a") { id } }');
    }
    await facade.post('{ nothing }');
    await fetch(`${facade.url}/graphql`, { method: 'PUT' });
    const samples = await scrape(facade);
    const fields = (field: string, result: string) =>
      samples.get(`engagements_field_duration_seconds_count{field="${field}",result="${result}"}`);
    expect([fields('integrations', 'ok'), fields('engagement', 'INVALID_INPUT')]).toEqual([4, 2]);
    const requests = (status: number) => samples.get(`engagements_request_duration_seconds_count{status="${status}"}`);
    expect([requests(200), requests(405)]).toEqual([5, 1]);
    expect(samples.get('engagements_requests_in_flight')).toBe(0);
    expect(samples.get('nodejs_eventloop_lag_p99_seconds')).toBeDefined();
  });

  it('counts a failed read in a fragment with all of its time, executed or prepared, and no skipped field', async () => {
    const delayMs = 200;
    await using facade = await startFacadeOver((request, response) =>
      setTimeout(truto(403), delayMs, request, response),
    );
    const read = 'engagement(id: "1", integratedAccountId: "a") { id }';
    const query = `{ ...R skipped: integrations @skip(if: true) { name } } fragment R on Query { ... { ${read} } }`;
    for (const _way of ['executed', 'prepared']) await facade.post(query);
    const samples = await scrape(facade);
    const figure = (kind: string) =>
      [...samples].filter(([name]) => name.startsWith(`engagements_field_duration_seconds_${kind}`));
    expect(figure('count')).toEqual([[expect.stringContaining('field="engagement"'), 2]]);
    // A timer may be a little early, and nothing else makes the sum smaller.
    expect(figure('sum')[0]?.[1]).toBeGreaterThan((1.9 * delayMs) / 1000);
  });

  it('has the metrics that alerts use from the start, at 0: else a first increase would be invisible', async () => {
    await using facade = await startFacadeOver(json(204, undefined));
    const samples = await scrape(facade);
    const unknown = [...samples].filter(([name]) => name.includes('result="OutcomeUnknownError"'));
    expect(unknown.map(([, value]) => value)).toEqual(Array.from({ length: integrations.length + 2 }, () => 0));
    expect(samples.get('engagements_upstream_held_back_total{reason="open"}')).toBe(0);
    expect(samples.get('engagements_request_duration_seconds_count{status="500"}')).toBe(0);
  });

  it('has no label that a caller could invent', async () => {
    await using facade = await startFacadeOver(json(204, undefined), {}, 'invented-by-upstream');
    await facade.post('query Invented { invented: integrations { name } }', {}, { 'x-request-id': 'invented' });
    await facade.post(`mutation Invented { invented: ${removal('invented', '', 'invented')} }`);
    const names = [...(await scrape(facade)).keys()].filter((name) => name.includes('nvented'));
    expect(names).toEqual([]);
  });

  it('has what docs/operating.md lists, and nothing of our own besides', async () => {
    const document = readFileSync(new URL('../docs/operating.md', import.meta.url), 'utf8');
    const listed = [...document.matchAll(/^\| `(engagements_\w+)` \|/gm)].map(([, name]) => name);
    await using upstream = await startUpstream(json(204, undefined));
    await using redis = await startRedis();
    await using facade = await startTestFacade(upstream.url, { REDIS_URL: redis.url });
    const text = await (await fetch(`${facade.url}/metrics`)).text();
    const exposed = [...text.matchAll(/^# TYPE (engagements_\w+) /gm)].map(([, name]) => name);
    expect(exposed.sort()).toEqual(listed.sort());
  });
});

describe('S27 metrics', () => {
  const real = { AUTH_MODE: 'passthrough' };
  const status = async (url: string) => (await fetch(url)).status;

  it.each([{}, { METRICS_PORT: '0' }, { SANDBOX: '1', METRICS_PORT: '0' }])(
    "are not on the API's port, which has its probes as ever: %o",
    async (env) => {
      await using facade = await startFacadeOver(json(204, undefined), { ...real, ...env });
      for (const path of ['/metrics', '/metrics?x', '/metrics/']) expect(await status(facade.url + path)).toBe(404);
      for (const path of ['/health', '/ready']) expect(await status(facade.url + path)).toBe(200);
    },
  );

  it('are on a separate port, on loopback, and nothing else is there', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { ...real, METRICS_PORT: '0' }, 'capsule');
    const url = facade.metricsUrl ?? '';
    expect(new URL(url).hostname).toBe('127.0.0.1');
    await facade.post(`mutation { ${removal('1')} }`, {}, { authorization: 'Bearer a-token-of-a-caller' });
    expect((await scrape({ url })).get(success)).toBe(1);
    for (const path of ['/', '/graphql', '/health', '/ready']) expect(await status(url + path)).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(404);
  });

  it('are given once on a connection, however many requests come on it together', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { ...real, METRICS_PORT: '0' });
    using client = await connectRaw(facade.metricsUrl ?? '');
    client.send(requestHead('GET', '/metrics').repeat(20));
    await client.closed;
    expect(client.received().match(/^engagements_requests_in_flight /gm)).toHaveLength(1);
  });

  it('end with the server, even while clients are connected', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const facade = await startTestFacade(upstream.url, { ...real, METRICS_PORT: '0' });
    const { port } = new URL(facade.metricsUrl ?? '');
    const slow = connect(Number(port), '127.0.0.1');
    await once(slow, 'connect');
    slow.on('error', () => {}).write('GET /metrics HTTP/1.1\r\n');
    await facade[Symbol.asyncDispose]();
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
  });

  it('stop the start when their port is in use', async () => {
    await using upstream = await startUpstream(json(204, undefined));
    const { port: taken } = new URL(upstream.url);
    const port = String(await freePort());
    const start = startTestFacade(upstream.url, { ...real, PORT: port, METRICS_PORT: taken });
    await expect(start).rejects.toThrow(/EADDRINUSE.*METRICS_PORT/);
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
  });
});
