import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import type { Context, Meter, Span } from '@opentelemetry/api';
import type { Attempt, UpstreamRequest } from './attempt.ts';

/*
 * Traces, by OpenTelemetry's API. The operator loads an SDK. Without one nothing is recorded, and the caller's trace context
 * (https://www.w3.org/TR/trace-context/) is passed to upstream unchanged.
 */

/** The headers of a request, in node:http's form. */
export type TraceHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** `traceparent`: version, trace, span and flags, of which neither id may be zero. Versions after `00` may have more. */
const traceParent = /^(?!ff|00-.{52}-)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-.*)?$/;

/** The longest `tracestate` that is passed to upstream, in characters: the minimum that the specification requires. */
const maxStateCharacters = 512;

/** The trace that a request belongs to. */
interface Trace {
  readonly traceparent: string;
  readonly tracestate: string | undefined;
}

function readTrace({ traceparent, tracestate }: TraceHeaders): Trace | undefined {
  if (typeof traceparent !== 'string' || !traceParent.test(traceparent)) return undefined;
  const isShort = typeof tracestate === 'string' && tracestate.length <= maxStateCharacters;
  return { traceparent, tracestate: isShort ? tracestate : undefined };
}

type Api = typeof import('@opentelemetry/api');
const require = createRequire(import.meta.url);
const registered = Symbol.for('opentelemetry.js.api.1');

/** The API, loaded once an SDK has registered: most servers have none, and it consists of a hundred modules. */
const findApi = (): Api | undefined => (registered in globalThis ? require('@opentelemetry/api') : undefined);
const tracerOf = (api: Api) => api.trace.getTracer('truto-engagements-graphql');

/** The meter of an SDK that has registered; undefined without one. */
export function findMeter(): Meter | undefined {
  return findApi()?.metrics.getMeter('truto-engagements-graphql');
}

/** The span that is active in the program around this server; undefined without one. */
function findHost(): { readonly api: Api; readonly context: Context } | undefined {
  const api = findApi();
  const context = api?.context.active();
  return api && context && api.trace.getSpan(context) && { api, context };
}

function parentOf(api: Api, given: Trace | undefined): Context {
  // The span that a host made for the request belongs to the caller's trace already.
  const host = findHost();
  if (host) return host.context;
  const [, traceId = '', spanId = '', flags = ''] = traceParent.exec(given?.traceparent ?? '') ?? [];
  if (!given || !traceId) return api.ROOT_CONTEXT;
  const traceState = given.tracestate === undefined ? undefined : api.createTraceState(given.tracestate);
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return api.trace.setSpanContext(api.ROOT_CONTEXT, traceState ? { ...context, traceState } : context);
}

/** The trace with this span as its latest. */
function traceOf(span: Span): Trace {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const flags = traceFlags.toString(16).padStart(2, '0');
  return { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate: traceState?.serialize() };
}

/** The current request's trace, or its context for an SDK. */
const current = new AsyncLocalStorage<Trace | { readonly api: Api; readonly context: Context }>();

/**
 * Runs the answer to a request as a part of the caller's trace.
 * @returns a function that ends the request's span, with its status; undefined without a span.
 */
export function runTraced(
  name: string,
  headers: TraceHeaders,
  run: () => void,
): ((statusCode: number) => void) | undefined {
  const given = headers.traceparent === undefined ? undefined : readTrace(headers);
  const api = findApi();
  if (!api) {
    if (given) current.run(given, run);
    else run();
    return undefined;
  }
  const parent = parentOf(api, given);
  const span = tracerOf(api).startSpan(name, { kind: api.SpanKind.SERVER }, parent);
  const context = api.trace.setSpan(parent, span);
  // Invalid without an SDK for traces and without a caller's trace: there is nothing to forward.
  if (api.isSpanContextValid(span.spanContext())) current.run({ api, context }, () => api.context.with(context, run));
  else run();
  return (statusCode) => {
    span.setAttribute('http.response.status_code', statusCode);
    if (statusCode >= 500) span.setStatus({ code: api.SpanStatusCode.ERROR });
    span.end();
  };
}

function withTrace(request: UpstreamRequest, { traceparent, tracestate }: Trace): UpstreamRequest {
  return { ...request, headers: { ...request.headers, traceparent, ...(tracestate && { tracestate }) } };
}

/**
 * Starts the span of an attempt. Names and attributes contain no ids and no query.
 * @returns the request with the trace's headers, and a function that ends the span.
 */
export function traceAttempt(request: UpstreamRequest) {
  // An operation without a request has the host's.
  const parent = current.getStore() ?? findHost();
  if (!parent) return { request, end: () => {} };
  if (!('api' in parent)) return { request: withTrace(request, parent), end: () => {} };
  const { api, context } = parent;
  const [, , , resource = ''] = request.path.split(/[/?]/, 4);
  const attributes = { 'http.request.method': request.method };
  const options = { kind: api.SpanKind.CLIENT, attributes };
  const span = tracerOf(api).startSpan(`${request.method} ${resource}`, options, context);
  return {
    request: withTrace(request, traceOf(span)),
    end(attempt: Attempt): void {
      if (attempt.kind === 'answer') span.setAttribute('http.response.status_code', attempt.statusCode);
      else span.setAttribute('error.type', attempt.reason);
      if (attempt.kind === 'failure' || attempt.statusCode >= 400) span.setStatus({ code: api.SpanStatusCode.ERROR });
      span.end();
    },
  };
}
