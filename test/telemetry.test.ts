import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPackedProject, type PackedProject } from './support/packed-project.ts';

/** For a build, two installs from a registry, and a busy machine. */
const patienceMs = 300_000;

/** OpenTelemetry's SDK, as a user of the package installs it. */
const sdk = '@opentelemetry/sdk-node@0.301.0';

let project: PackedProject;
beforeAll(() => {
  project = createPackedProject();
  project.add('telemetry.mjs');
}, patienceMs);
afterAll(() => project?.[Symbol.dispose]());

/** What the program prints of what it received. */
interface Received {
  readonly problems: readonly string[];
  readonly setting: string | null;
  readonly paths: readonly string[];
  readonly resource: Readonly<Record<string, unknown>> | null;
  readonly spans: readonly Readonly<Record<'name' | 'traceId' | 'spanId' | 'parentSpanId', string>>[];
  readonly points: readonly { readonly name: string; readonly attributes: object; readonly value: number }[];
}

function run(): Received {
  // JSON, so that the program can read it.
  const env = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test' };
  const { code, stdout, stderr } = project.run(process.execPath, ['telemetry.mjs'], env);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

describe('OTEL_EXPORTER_OTLP_ENDPOINT', () => {
  it('names the package to install where it is not, and sends nothing', () => {
    const { problems, paths } = run();
    expect(problems).toEqual([expect.stringMatching(/^OTEL_EXPORTER_OTLP_ENDPOINT .*@opentelemetry\/sdk-node/)]);
    expect(paths).toEqual([]);
  });

  it('receives the spans and metrics of a delete, and no log', { timeout: patienceMs }, () => {
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', sdk];
    execFileSync('npm', install, { cwd: project.folder });
    const { problems, setting, paths, resource, spans, points } = run();
    expect(problems).toEqual([]);
    expect(paths).toEqual(['/v1/metrics', '/v1/traces']);
    // The environment of the program is as it was.
    expect(setting).toBeNull();
    const named = { 'service.name': 'truto-engagements-graphql', 'deployment.environment': 'test' };
    expect(resource).toMatchObject(named);

    const server = spans.find(({ name }) => name === 'POST /graphql');
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    expect(server).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331' });
    const attempt = spans.find(({ name }) => name === 'DELETE engagements');
    expect(attempt).toMatchObject({ traceId, parentSpanId: server?.spanId });

    const deleted = { result: 'DeleteEngagementSuccess', outcome: 'DELETED', integration: 'Planhat' };
    expect(points).toContainEqual({ name: 'engagements_deletes_total', attributes: deleted, value: 1 });
    const answered = { method: 'DELETE', integration: 'Planhat', end: expect.stringMatching(/^2\d\d$/) };
    const duration = 'engagements_upstream_attempt_duration_seconds';
    expect(points).toContainEqual({ name: duration, attributes: answered, value: 1 });
    expect(points.map(({ name }) => name)).toContain('engagements_requests_in_flight');
  });
});
