import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { Attempt, UpstreamRequest } from './attempt.ts';

/*
 * Traces by OpenTelemetry's API. Without an SDK, which is for whoever runs the server to load, nothing is recorded; a caller's own
 * trace context (https://www.w3.org/TR/trace-context/) goes on to upstream all the same.
 */

const propagator = new W3CTraceContextPropagator();
const tracer = trace.getTracer('truto-engagements-graphql');
const current = new AsyncLocalStorage<Context>();

/** The header values of a request, as node:http has them. */
export type TraceHeaders = Readonly<Record<string, string | string[] | undefined>>;

const getter = {
  keys: (headers: TraceHeaders) => Object.keys(headers),
  get: (headers: TraceHeaders, name: string) => headers[name],
};
const setter = {
  set(headers: Record<string, string>, name: string, value: string) {
    headers[name] = value;
  },
};

/**
 * Runs what answers a request as a part of its caller's trace.
 * @returns what ends the request's span, with its status.
 */
export function runTraced(name: string, headers: TraceHeaders, run: () => void): (statusCode: number) => void {
  const parent = propagator.extract(ROOT_CONTEXT, headers, getter);
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, parent);
  // Neither an SDK nor a caller's trace: there is nothing to carry along.
  if (!isSpanContextValid(span.spanContext())) {
    run();
    return () => {};
  }
  const active = trace.setSpan(parent, span);
  current.run(active, () => context.with(active, run));
  return (statusCode) => {
    span.setAttribute('http.response.status_code', statusCode);
    if (statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  };
}

/** One attempt upstream, as a part of the trace that it belongs to. */
export interface TracedAttempt {
  /** The request with the trace's headers. */
  readonly request: UpstreamRequest;
  end(attempt: Attempt): void;
}

function endSpan(span: Span, attempt: Attempt): void {
  if (attempt.kind === 'answer') span.setAttribute('http.response.status_code', attempt.statusCode);
  else span.setAttribute('error.type', attempt.reason);
  if (attempt.kind === 'failure' || attempt.statusCode >= 400) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** Begins the span of an attempt. Names and attributes tell neither ids nor what is in the query. */
export function traceAttempt(request: UpstreamRequest): TracedAttempt {
  const parent = current.getStore();
  if (!parent) return { request, end: () => {} };
  const [, , , resource = ''] = request.path.split(/[/?]/, 4);
  const attributes = { 'http.request.method': request.method };
  const span = tracer.startSpan(`${request.method} ${resource}`, { kind: SpanKind.CLIENT, attributes }, parent);
  const headers: Record<string, string> = { ...request.headers };
  propagator.inject(trace.setSpan(parent, span), headers, setter);
  return { request: { ...request, headers }, end: (attempt) => endSpan(span, attempt) };
}
