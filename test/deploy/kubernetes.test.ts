import { beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { readTexts } from '../../src/config/settings.ts';
import { startServerProcess } from '../support/server-process.ts';
import { checkManifest, installChecks, type Manifest, parseDockerfile, parseYaml, readText } from './checks.ts';
import { longestStopMs } from './durations.ts';

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
interface Container {
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
  }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
}
interface Deployment extends Manifest {
  readonly spec: {
    readonly replicas: number;
    readonly selector: { readonly matchLabels: object };
    readonly template: {
      readonly metadata: { readonly labels: object };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly enableServiceLinks: boolean;
        readonly securityContext: object;
        readonly containers: readonly [Container];
      };
    };
  };
}

const folder = 'deploy/kubernetes/';
const read = <Shape>(name: string) => parseYaml<Shape>(readText(folder + name));

/** What stands in for a Secret's values. */
const secrets: Readonly<Record<string, string>> = {
  'redis-url': 'redis://redis:6379',
  'bulk-token-secret': 's'.repeat(32),
  'confirmation-secret': 's'.repeat(32),
};

describe('deploy/kubernetes', () => {
  let deployment: Deployment;
  let container: Container;
  beforeAll(() => {
    installChecks();
    deployment = read('deployment.yaml');
    [container] = deployment.spec.template.spec.containers;
  }, 120_000);

  it("has manifests that are valid by Kubernetes' own schema, which refuses an invalid one", async () => {
    const { resources } = read<{ resources: string[] }>('kustomization.yaml');
    expect(resources.length).toBe(3);
    for (const name of resources) expect([name, await checkManifest(read<Manifest>(name))]).toEqual([name, []]);
    const misspelt = structuredClone(deployment);
    Object.assign(misspelt.spec.template.spec.containers[0], { readinesProbe: {} });
    expect(await checkManifest(misspelt)).toHaveLength(1);
    expect(await checkManifest({ ...deployment, kind: 'Deploymnt' })).toHaveLength(1);
  });

  it('configures the server with its own settings only, in values that it takes', () => {
    const values = container.env.map(({ name, value, valueFrom }) => {
      if (valueFrom) expect(valueFrom.secretKeyRef.name).toBe('engagements');
      return [name, value ?? secrets[valueFrom?.secretKeyRef.key ?? '']] as const;
    });
    const env = Object.fromEntries(values);
    // Kubernetes would add REDIS_PORT, and for a Service named metrics METRICS_PORT.
    expect(deployment.spec.template.spec.enableServiceLinks).toBe(false);
    expect(Object.keys(readTexts(env)).sort()).toEqual(Object.keys(env).sort());
    const config = parseConfig({ HOST: '0.0.0.0', ...env });
    expect(config.shared?.replicas).toBe(deployment.spec.replicas);
    expect(config.port).toBe(container.ports[0]?.containerPort);
    const exposed = parseDockerfile(readText('deploy/Dockerfile')).find(({ keyword }) => keyword === 'EXPOSE');
    expect(exposed?.text).toBe(String(config.port));
    const metrics = container.ports.find(({ name }) => name === 'metrics');
    expect(config.metrics).toEqual({ host: '0.0.0.0', port: metrics?.containerPort });
  });

  it('writes down no secret', () => {
    const inClear = container.env.filter(({ name, value }) => /SECRET|TOKEN|REDIS_URL|KEY/.test(name) && value);
    expect(inClear).toEqual([]);
    const text = readText(`${folder}kustomization.yaml`);
    for (const key of Object.keys(secrets)) expect(text).toContain(`--from-literal=${key}=`);
  });

  it('probes paths that a running server answers', async () => {
    await using server = await startServerProcess({});
    const status = async (path: string) => (await fetch(new URL(path, server.endpoint))).status;
    expect(container.readinessProbe.httpGet.path).toBe('/ready');
    expect(container.livenessProbe.httpGet.path).toBe('/health');
    for (const { httpGet } of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      expect(await status(httpGet.path)).toBe(200);
      expect(httpGet.port).toBe(container.ports[0]?.name);
    }
    expect(await status('/nothing')).toBe(404);
  });

  it('S27 leads from the Service to the port of the API and no other, and keeps one of them through a disruption', () => {
    const service = read<{ spec: { selector: object; ports: { targetPort: string }[] } }>('service.yaml');
    const budget = read<{ spec: { selector: object; minAvailable: number } }>('pod-disruption-budget.yaml');
    const { labels } = deployment.spec.template.metadata;
    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    expect(service.spec.selector).toEqual(labels);
    expect(service.spec.ports.map(({ targetPort }) => targetPort)).toEqual([container.ports[0]?.name]);
    expect(budget.spec).toEqual({ minAvailable: 1, selector: { matchLabels: labels } });
    expect(deployment.spec.replicas).toBeGreaterThan(budget.spec.minAvailable);
  });

  it('gives a server the time that its end may take', () => {
    const [sleep, seconds] = container.lifecycle.preStop.exec.command;
    expect(sleep).toBe('sleep');
    const timeoutMs = Number(container.env.find(({ name }) => name === 'REQUEST_TIMEOUT_MS')?.value);
    const graceMs = deployment.spec.template.spec.terminationGracePeriodSeconds * 1_000;
    expect(graceMs).toBeGreaterThan(Number(seconds) * 1_000 + longestStopMs(timeoutMs));
  });

  it('gives the container no right and no file system to write to', () => {
    const user = parseDockerfile(readText('deploy/Dockerfile')).findLast(({ keyword }) => keyword === 'USER')?.text;
    const { runAsUser, runAsGroup, runAsNonRoot } = Object(deployment.spec.template.spec.securityContext);
    expect([`${runAsUser}:${runAsGroup}`, runAsNonRoot]).toEqual([user, true]);
    expect(container).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      resources: { requests: { memory: expect.any(String) }, limits: { memory: expect.any(String) } },
    });
  });
});
