import type { Plugin } from 'graphql-yoga';
import { Gauge, Registry } from 'prom-client';
import type { SharedMemory } from '../redis.ts';

/** What Prometheus may know of this server. */
export function createMetrics(sharedMemory: Pick<SharedMemory, 'isReachable'> | undefined): Registry {
  const registry = new Registry();
  if (sharedMemory) {
    new Gauge({
      name: 'engagements_redis_up',
      help: '1 when limits, repeated deletes and bulk deletes are shared by Redis; 0 while this replica is by itself.',
      registers: [registry],
      collect() {
        this.set(Number(sharedMemory.isReachable));
      },
    });
  }
  return registry;
}

/** Answers `GET /metrics` in Prometheus' text format. */
export function useMetrics(registry: Registry): Plugin {
  return {
    async onRequest({ request, url, fetchAPI, endResponse }) {
      if (request.method !== 'GET' || url.pathname !== '/metrics') return;
      const headers = { 'content-type': registry.contentType };
      endResponse(new fetchAPI.Response(await registry.metrics(), { headers }));
    },
  };
}
