import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/**
 * What needs programs or packages besides, or takes minutes, and so is no part of `npm test`: browsers, gateways, proxies,
 * clients, clusters, the package as others install it, soaks, and what becomes of whole processes. docs/testing.md says more.
 */
const rest = [
  'test/{browser,deploy,examples,hosts,supergraph}/**/*.test.ts',
  'test/process/!(start).test.ts',
  'test/{bench,cost,from-rest,library,redis-groups,redis-valkey,soak,telemetry}.test.ts',
];

export default defineConfig({
  // Vite would take graphql's ES module build while its plugins load the CommonJS one, and two realms do not mix.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }] },
  test: {
    projects: [
      { extends: true, test: { name: 'quick', include: ['test/**/*.test.ts'], exclude: rest } },
      { extends: true, test: { name: 'rest', include: rest } },
    ],
    globalSetup: ['test/support/search-captured.ts'],
    // More than Vitest itself takes of two cores: most of the time, tests wait for servers.
    maxWorkers: 4,
    // Every suite starts real servers and two cores serve them all: generous for a busy machine, never an assertion.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
  },
});
