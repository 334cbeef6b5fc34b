import { beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { readTexts } from '../../src/config/settings.ts';
import { checkCompose, installChecks, parseDockerfile, parseYaml, readText } from './checks.ts';
import { idleTimeoutMs, longestQuietMs, longestStopMs, secondsToMs } from './durations.ts';

interface Service {
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly user?: string;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly extra_hosts?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly networks: readonly string[] | Readonly<Record<string, { readonly ipv4_address?: string } | null>>;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
}

const nginxConf = readText('deploy/nginx.conf');
const nginxTimes = (directive: string) =>
  [...nginxConf.matchAll(new RegExp(`^\\s*${directive} (\\S+);`, 'gm'))].map(([, value]) => secondsToMs(value));

describe('deploy/compose.yaml', () => {
  let compose: Compose;
  let replicas: readonly (readonly [string, Service])[];
  let port: string;
  beforeAll(() => {
    installChecks();
    compose = parseYaml(readText('deploy/compose.yaml'));
    replicas = Object.entries(compose.services).filter(([, { build }]) => build);
    const exposed = parseDockerfile(readText('deploy/Dockerfile')).find(({ keyword }) => keyword === 'EXPOSE');
    port = exposed?.text ?? '';
  }, 120_000);

  it('is valid by the schema of the Compose specification, which refuses an invalid file', () => {
    expect(checkCompose(compose)).toEqual([]);
    const misspelt = { ...compose, services: { ...compose.services, redis: { imagee: 'redis' } } };
    expect(checkCompose(misspelt)).toMatchObject([{ params: { additionalProperty: 'imagee' } }]);
  });

  it('configures replicas with settings of this server only, in values that it takes', () => {
    expect(replicas.length).toBe(2);
    for (const [, { environment = {} }] of replicas) {
      expect(Object.keys(readTexts(environment))).toEqual(expect.arrayContaining(Object.keys(environment)));
      const secret = { BULK_TOKEN_SECRET: 's'.repeat(32), CONFIRMATION_SECRET: '' };
      expect(environment.BULK_TOKEN_SECRET).toMatch(/^\$\{BULK_TOKEN_SECRET:\?/);
      const { shared, auth, metrics } = parseConfig({ HOST: '0.0.0.0', PORT: port, ...environment, ...secret });
      expect(auth.mode).toBe('passthrough');
      expect(metrics).toEqual({ host: '0.0.0.0', port: 9464 });
      expect(shared?.replicas).toBe(replicas.length);
      expect(shared?.redisUrl.reveal()).toBe('redis://redis:6379');
      expect(shared?.undoStore).toEqual({ kind: 'folder', path: '/undo' });
    }
  });

  it('S27 publishes the metrics neither to the host nor through nginx', () => {
    for (const [, { ports }] of replicas) expect(ports).toBeUndefined();
    expect(nginxConf).not.toMatch(/:9464|location.*metrics/);
  });

  it('keeps undo files on a volume, in a folder that the image makes for its user', () => {
    for (const [, { volumes }] of replicas) expect(volumes).toEqual(['undo:/undo']);
    expect(readText('deploy/Dockerfile')).toMatch(/^RUN install .* \/undo$/m);
  });

  it('has nginx send requests to the replicas, at their addresses and port', () => {
    const { extra_hosts: hosts, ports } = compose.services.nginx ?? {};
    const servers = [...nginxConf.matchAll(/^\s*server (\S+:\d+) /gm)].map(([, server]) => server);
    const expected = replicas.map(([name]) => `${name}:${port}`);
    expect(servers).toEqual([...expected, ...expected]);
    const addresses = replicas.map(([name, { networks }]) => `${name}:${Object(networks).front.ipv4_address}`);
    expect(hosts).toEqual(addresses);
    const listening = /^\s*listen (\d+);/m.exec(nginxConf)?.[1];
    expect(ports).toEqual([`127.0.0.1:4000:${listening}`]);
  });

  it('has a Redis that loses no data, and that only the replicas can reach', () => {
    const { command, ports, networks } = compose.services.redis ?? {};
    const options = (command ?? []).slice(1).join(' ');
    expect(options).toBe('--appendonly yes --appendfsync always --maxmemory-policy noeviction');
    expect(ports).toBeUndefined();
    expect(networks).toEqual(['back']);
    expect(compose.networks.back).toEqual({ internal: true });
    const others = Object.entries(compose.services).filter(([, service]) => 'back' in Object(service.networks));
    expect(others.map(([name]) => name)).toEqual(replicas.map(([name]) => name));
  });

  it('gives no container a right or a file system to write to that it does not need', () => {
    for (const service of Object.values(compose.services)) {
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
      // The replicas' is the image's.
      expect(service.user ?? (service.build && 'image')).toMatch(/^(image|redis|[1-9]\d*:[1-9]\d*)$/);
    }
  });

  it('waits for each end as long as it may take, so that the one who knows is the one who ends it', () => {
    const timeoutMs = Number(replicas[0]?.[1].environment?.REQUEST_TIMEOUT_MS);
    for (const name of [...replicas.map(([name]) => name), 'nginx'])
      expect(secondsToMs(compose.services[name]?.stop_grace_period)).toBeGreaterThan(longestStopMs(timeoutMs));
    expect(nginxTimes('proxy_read_timeout')).toEqual([expect.any(Number)]);
    expect(nginxTimes('proxy_read_timeout')[0]).toBeGreaterThan(longestQuietMs(timeoutMs));
    expect(nginxTimes('keepalive_timeout').length).toBe(2);
    for (const keptMs of nginxTimes('keepalive_timeout')) expect(keptMs).toBeLessThan(idleTimeoutMs);
  });
});
