import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { createEngagementServer } from 'truto-engagements-graphql';

/* A program that sends traces and metrics to a receiver of its own, and prints what came. Run by test/library.test.ts. */

const received = [];
const receiver = createServer(async (request, response) => {
  received.push({ path: request.url, body: await json(request) });
  response.setHeader('content-type', 'application/json').end('{}');
}).listen(0, '127.0.0.1');
await once(receiver, 'listening');

const settings = { PORT: 0, SANDBOX: true, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.address().port}` };
const [server, other] = [settings, settings].map((given) =>
  createEngagementServer(given, { logTo: { write: () => {} } }),
);
let problems = [];
try {
  await Promise.all([other.open(), server.open()]);
  // The SDK belongs to both: it goes on.
  await other.close();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const query = `mutation { deleteEngagement(id: "6e66c87e5cd13c3c79a3ae09", integratedAccountId: "00000000-0000-4000-8000-000000000012") { __typename } }`;
  const headers = { 'content-type': 'application/json', traceparent };
  await server.fetch(new Request('http://host/', { method: 'POST', headers, body: JSON.stringify({ query }) }));
} catch (error) {
  problems = error.problems ?? [String(error)];
}
await server.close();
receiver.close();

const bodies = (path) => received.filter((one) => one.path === path).map(({ body }) => body);
const attributesOf = ({ attributes }) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
const spansOf = ({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans);
const metricsOf = ({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics);
const pointsOf = ({ sum, histogram, gauge }) => (sum ?? histogram ?? gauge).dataPoints;
const resourceSpans = bodies('/v1/traces').flatMap((body) => body.resourceSpans);
const metrics = bodies('/v1/metrics').flatMap((body) => body.resourceMetrics.flatMap(metricsOf));
process.stdout.write(
  JSON.stringify({
    problems,
    setting: process.env.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
    paths: [...new Set(received.map(({ path }) => path))].sort(),
    resource: resourceSpans.map(({ resource }) => attributesOf(resource))[0] ?? null,
    spans: resourceSpans
      .flatMap(spansOf)
      .map(({ name, traceId, spanId, parentSpanId }) => ({ name, traceId, spanId, parentSpanId })),
    points: metrics.flatMap((metric) =>
      pointsOf(metric).map((point) => ({
        name: metric.name,
        attributes: attributesOf(point),
        value: Number(point.asInt ?? point.asDouble ?? point.count),
      })),
    ),
  }),
);
