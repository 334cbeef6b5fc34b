import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { describe, expect, it } from 'vitest';
import { blocks } from './docs/markdown.ts';
import { createPackedProject } from './support/packed-project.ts';
import { shared } from './support/shared.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const published = (file: string) => readFileSync(join(root, 'schema', `${file}.graphql`), 'utf8');
const bin = (name: string) => join(root, 'node_modules/.bin', name);

/** For a build, installs from a registry, and a type check, on a machine that does other things too. */
const patienceMs = 300_000;

const project = await shared(createPackedProject());

describe('the package', () => {
  it('has only the files that it needs: no source, no test, no path of the machine that packed it', () => {
    const unexpected = project.files.filter(
      (file) => !/^(dist\/|schema\/|(package\.json|README\.md|CHANGELOG\.md|SECURITY\.md|LICENSE)$)/.test(file),
    );
    expect(unexpected).toEqual([]);
    const needed = ['dist/library.js', 'dist/library.d.ts', 'dist/cli/main.js', 'schema/federation.graphql'];
    for (const file of [...needed, 'dist/http/pages/bulk-browser.js']) expect(project.files).toContain(file);
    const installed = join(project.folder, 'node_modules/truto-engagements-graphql');
    const telling = project.files.filter((file) => readFileSync(join(installed, file), 'utf8').includes(root));
    expect(telling).toEqual([]);
  });

  it('is one that publint has nothing to say against', async () => {
    const tarball = readFileSync(project.tarball);
    const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true });
    expect(pkg.name).toBe('truto-engagements-graphql');
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  it('has types that resolve wherever ES modules do, says @arethetypeswrong/cli', () => {
    const graphqlFiles = ['schema', 'federation', 'stitching'].map((name) => `${name}.graphql`);
    const args = [project.tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji', '--no-color'];
    const options = { cwd: root, encoding: 'utf8' as const };
    const { status, stdout } = spawnSync(bin('attw'), [...args, '--exclude-entrypoints', ...graphqlFiles], options);
    expect(stdout).toContain('"truto-engagements-graphql/config"');
    expect([status, stdout]).toEqual([0, expect.any(String)]);
  }, 60_000);
});

const shown = blocks.filter(({ file, language }) => file === 'docs/library.md' && language === 'ts');

describe('a program that has installed the package', () => {
  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])(
    'is type-checked by tsc, strictly, as are those of the documents, with module %s and resolution %s',
    (module, moduleResolution) => {
      project.add('consumer.ts');
      const files = ['consumer.ts', ...shown.map((_block, index) => `shown-${index}.ts`)];
      for (const [index, { text }] of shown.entries()) project.write(`shown-${index}.ts`, text);
      const options = {
        strict: true,
        noEmit: true,
        target: 'es2024',
        lib: ['es2024', 'dom'],
        types: [],
        skipLibCheck: true,
      };
      const compilerOptions = { ...options, exactOptionalPropertyTypes: true, module, moduleResolution };
      writeFileSync(join(project.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
      const { code, stdout } = project.run(bin('tsc'), ['-p', '.']);
      expect([code, stdout]).toEqual([0, '']);
    },
    60_000,
  );

  it.each(shown)('runs as the documents show it, and ends by itself: %#', ({ text }) => {
    project.write('shown.ts', text);
    expect(project.run(process.execPath, ['shown.ts'])).toMatchObject({ code: 0, stderr: '' });
  });

  it('deletes an engagement over the embedded sandbox, and ends by itself once the server is closed', () => {
    project.add('consumer.ts');
    const { code, stdout, stderr } = project.run(process.execPath, ['consumer.ts']);
    expect(stderr).toBe('');
    const said = JSON.parse(stdout);
    expect(said.answer.data.deleteEngagement).toEqual({ __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' });
    expect(said).toMatchObject({ found: true, mounted: 415, isContext: true });
    expect(said).toMatchObject({ isSameUrl: true, logged: 2, prefixed: true, federation: published('federation') });
    expect(code).toBe(0);
  });

  it('gets an error with every mistake in its settings, by name and without a value', () => {
    const { stdout } = project.run(process.execPath, ['consumer.ts']);
    const { problems, unknownSetting } = JSON.parse(stdout);
    expect(problems).toContainEqual(expect.stringMatching(/^PORT must be /));
    expect(problems).toContainEqual(expect.stringMatching(/^JWT_ISSUER must be set/));
    expect(JSON.stringify(problems)).not.toContain('canary');
    expect(unknownSetting).toContain('PROT is not a setting of this server');
  });

  it('is not changed by the import: no signal is caught, no global of others set, nothing printed, nothing keeps it alive', () => {
    project.add('import-only.mjs');
    const { code, stdout, stderr } = project.run(process.execPath, ['import-only.mjs']);
    expect(stderr).toBe('');
    // zod keeps its settings under names of its own.
    const globals = ['__zod_globalConfig', '__zod_globalRegistry'];
    expect(JSON.parse(stdout)).toEqual({ globals, listeners: [], resources: [] });
    expect(code).toBe(0);
  });

  it.each(['schema', 'federation', 'stitching'])('has the contract as truto-engagements-graphql/%s.graphql', (name) => {
    const script = `console.log(require('fs').readFileSync(require.resolve('truto-engagements-graphql/${name}.graphql'), 'utf8'))`;
    const { stdout } = project.run(process.execPath, ['--input-type=commonjs', '--eval', script]);
    expect(stdout).toBe(`${published(name)}\n`);
  });
});

describe('the program that comes with the package', () => {
  const program = (...args: string[]) => project.run('npx', ['--no', '--', 'truto-engagements', ...args]);

  it('deletes an engagement', () => {
    const { code, stdout } = program(
      ...['delete', '6e66c87e5cd13c3c79a3ae09', '--account', '00000000-0000-4000-8000-000000000012'],
    );
    expect(JSON.parse(stdout)).toMatchObject({ result: 'DeleteEngagementSuccess', outcome: 'DELETED', sandbox: true });
    expect(code).toBe(0);
  });

  it('prints the version of its package, and ids that it can delete in bulk', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(program('--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
    const { code, stdout } = program(
      'list',
      '--account',
      '00000000-0000-4000-8000-000000000012',
      '--first',
      '3',
      '--ids',
    );
    expect([code, stdout.trimEnd().split('\n').length]).toEqual([0, 3]);
  });

  it('prints the schema of a subgraph', () => {
    const { code, stdout } = program('print-schema', '--dialect', 'stitching');
    expect(stdout).toBe(published('stitching'));
    expect(code).toBe(0);
  });
});

/** OpenTelemetry's SDK, as a user of the package installs it. */
const sdk = '@opentelemetry/sdk-node@0.301.0';

/** What the program prints of what it received. */
interface Received {
  readonly problems: readonly string[];
  readonly setting: string | null;
  readonly paths: readonly string[];
  readonly resource: Readonly<Record<string, unknown>> | null;
  readonly spans: readonly Readonly<Record<'name' | 'traceId' | 'spanId' | 'parentSpanId', string>>[];
  readonly points: readonly { readonly name: string; readonly attributes: object; readonly value: number }[];
}

function runTelemetry(): Received {
  project.add('telemetry.mjs');
  // JSON, so that the program can read it.
  const env = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test' };
  const { code, stdout, stderr } = project.run(process.execPath, ['telemetry.mjs'], env);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

// The last tests of the file, because they install another package in the project.
describe('OTEL_EXPORTER_OTLP_ENDPOINT', () => {
  it('names the package to install where it is not, and sends nothing', () => {
    const { problems, paths } = runTelemetry();
    expect(problems).toEqual([expect.stringMatching(/^OTEL_EXPORTER_OTLP_ENDPOINT .*@opentelemetry\/sdk-node/)]);
    expect(paths).toEqual([]);
  });

  it('receives the spans and metrics of a delete, and no log', { timeout: patienceMs }, () => {
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', sdk];
    execFileSync('npm', install, { cwd: project.folder });
    const { problems, setting, paths, resource, spans, points } = runTelemetry();
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
