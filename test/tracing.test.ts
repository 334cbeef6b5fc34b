import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import {
  type Context,
  type ContextManager,
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createEngagementServer } from '../src/library.ts';
import { selfSigned } from './support/certificate.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { inTurn, removal } from './support/keyed-delete.ts';
import { listen } from './support/listen.ts';
import { truto } from './support/outcome.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
const mutation = `mutation { ${removal('e-of-a-caller', '', 'a-of-a-caller')} }`;

/** Has the API follow contexts through asynchronous calls, as an SDK for Node does, until the test ends. */
function useContextManager(): void {
  const active = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => active.getStore() ?? ROOT_CONTEXT,
    with: (given, run, thisArg, ...args) => active.run(given, () => run.call(thisArg as never, ...args)),
    bind: (_given, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  context.setGlobalContextManager(manager);
  onTestFinished(() => context.disable());
}

it('a trace, without an SDK, is passed to upstream unchanged, through Yoga and prepared; without one there is none', async () => {
  await using facade = await startFacadeOver(json(204, undefined));
  for (let count = 0; count < 3; count += 1) await facade.post(mutation, {}, { traceparent, tracestate: 'a=1' });
  const seen = facade.upstream.deletes().map(({ headers }) => [headers.traceparent, headers.tracestate]);
  expect(seen).toEqual(Array.from({ length: 3 }, () => [traceparent, 'a=1']));
  await facade.post(mutation);
  for (const wrong of ['nonsense', `${traceparent}-00`, traceparent.replace(traceId, '0'.repeat(32))])
    await facade.post(mutation, {}, { traceparent: wrong });
  const later = facade.upstream.deletes().slice(3);
  expect(later.map(({ headers }) => headers.traceparent)).toEqual(Array.from({ length: 4 }, () => undefined));
});

describe('a trace, with an SDK,', () => {
  const exporter = new InMemorySpanExporter();
  beforeAll(() => {
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
  });
  beforeEach(() => exporter.reset());
  afterAll(() => trace.disable());

  it('has a span for the request, and one for each attempt, whose id upstream receives', async () => {
    await using facade = await startFacadeOver(inTurn(truto(502), truto(404)));
    await facade.post(mutation, {}, { traceparent });
    await expect.poll(() => exporter.getFinishedSpans().some(({ kind }) => kind === SpanKind.SERVER)).toBe(true);
    const spans = exporter.getFinishedSpans();
    expect(new Set(spans.map((span) => span.spanContext().traceId))).toEqual(new Set([traceId]));
    const attempts = spans.filter(({ name }) => name === 'DELETE engagements');
    expect(attempts.map(({ attributes }) => attributes['http.response.status_code'])).toEqual([502, 404]);
    const server = spans.find(({ kind }) => kind === SpanKind.SERVER);
    for (const attempt of attempts) expect(attempt.parentSpanContext?.spanId).toBe(server?.spanContext().spanId);
    const received = facade.upstream.deletes().map(({ headers }) => headers.traceparent);
    expect(received).toEqual(attempts.map((span) => `00-${traceId}-${span.spanContext().spanId}-01`));
  });

  it.each<[string, Answer, SpanStatusCode, object]>([
    ['a success', json(204, undefined), SpanStatusCode.UNSET, { 'http.response.status_code': 204 }],
    ['a refusal', truto(400), SpanStatusCode.ERROR, { 'http.response.status_code': 400 }],
    ['no answer', (_request, response) => response.destroy(), SpanStatusCode.ERROR, { 'error.type': 'reset' }],
  ])('marks an attempt that ends with %s', async (_what, answer, code, attributes) => {
    await using facade = await startFacadeOver(answer);
    await facade.post(mutation, {}, { traceparent });
    await expect.poll(() => exporter.getFinishedSpans().some(({ kind }) => kind === SpanKind.SERVER)).toBe(true);
    const [attempt] = exporter.getFinishedSpans().filter(({ name }) => name === 'DELETE engagements');
    expect(attempt).toMatchObject({ status: { code }, attributes });
  });

  it.each<[string, string, () => Server | undefined]>([
    ['refused', 'http://127.0.0.1:1', () => undefined],
    ['dns', 'http://upstream.invalid', () => undefined],
    ['tls', 'https://127.0.0.1', () => createTlsServer(selfSigned('upstream.invalid'))],
    ['tls', 'https://127.0.0.1', () => createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))],
    ['reset', 'http://127.0.0.1', () => createServer((socket) => socket.once('data', () => socket.destroy()))],
    ['protocol', 'http://127.0.0.1', () => createServer((socket) => socket.once('data', () => socket.end('SSH-2.0')))],
  ])('has %s for an attempt at %s without an answer', async (reason, address, start) => {
    const server = start();
    await using listening = server && (await listen(server));
    await using facade = await startTestFacade(listening ? `${address}:${listening.port}` : address);
    await facade.post(mutation, {}, { traceparent });
    await expect.poll(() => exporter.getFinishedSpans().some(({ kind }) => kind === SpanKind.SERVER)).toBe(true);
    const attempts = exporter.getFinishedSpans().filter(({ name }) => name === 'DELETE engagements');
    expect(new Set(attempts.map(({ attributes }) => attributes['error.type']))).toEqual(new Set([reason]));
  });

  it('S01 names no engagement, no account and no token', async () => {
    await using facade = await startFacadeOver(json(204, undefined), { AUTH_MODE: 'passthrough' });
    await facade.post(mutation, {}, { authorization: 'Bearer token-of-a-caller' });
    await expect.poll(() => exporter.getFinishedSpans().length).toBeGreaterThan(1);
    const exported = exporter.getFinishedSpans().map(({ name, attributes, events }) => ({ name, attributes, events }));
    expect(JSON.stringify(exported)).not.toContain('of-a-caller');
  });

  it('continues the span that is active in the host: of a mounted request, and of a delete without GraphQL', async () => {
    useContextManager();
    await using upstream = await startUpstream(json(204, undefined));
    const settings = { AUTH_MODE: 'passthrough', TRUTO_BASE_URL: upstream.url };
    await using server = closing(createEngagementServer(settings, { logTo: { write: () => {} } }));
    const authorization = 'Bearer t';
    const spanOf = async (run: () => Promise<unknown>) => {
      exporter.reset();
      const span = trace.getTracer('host').startSpan('host');
      await context.with(trace.setSpan(ROOT_CONTEXT, span), run);
      return span.spanContext();
    };
    const parentOf = (name: string) =>
      exporter.getFinishedSpans().find((span) => span.name === name)?.parentSpanContext;
    const headers = { 'content-type': 'application/json', authorization };
    const body = JSON.stringify({ query: mutation });
    const mounted = await spanOf(() => server.fetch(new Request('http://host/', { method: 'POST', headers, body })));
    expect(parentOf('POST /graphql')?.spanId).toBe(mounted.spanId);
    const direct = await spanOf(() => server.deleteEngagement({ id: 'e1', integratedAccountId: 'a1', authorization }));
    expect(parentOf('DELETE engagements')?.spanId).toBe(direct.spanId);
    expect(upstream.deletes().at(-1)?.headers.traceparent).toContain(direct.traceId);
  });

  it('is of each request by itself on a connection that is kept', async () => {
    useContextManager();
    await using facade = await startFacadeOver(json(204, undefined));
    const parents = ['b7ad6b7169203331', 'b7ad6b7169203332', undefined];
    for (const parent of parents)
      await facade.post(mutation, {}, parent ? { traceparent: `00-${traceId}-${parent}-01` } : {});
    const servers = () => exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.SERVER);
    await expect.poll(() => servers().length).toBe(3);
    expect(servers().map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(parents);
  });
});
