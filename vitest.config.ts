import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/**
 * Tests that need more programs or packages, or take minutes, so `npm test` leaves them out: browsers, gateways, proxies,
 * clients, clusters, the installed package, a release, soaks, and whole processes. docs/testing.md has the reasons.
 */
const rest = [
  'test/{browser,deploy,examples,hosts,supergraph}/**/*.test.ts',
  'test/process/!(start).test.ts',
  'test/{bench,cost,from-rest,library,release,redis-groups,redis-valkey,soak}.test.ts',
];

/** They replace a module, which works only in a process that has not loaded it, or measure the memory of their process. */
const alone = ['test/{attempts-delays,audit,front-door,graphiql,resilience-budgets,resilience-return}.test.ts'];

export default defineConfig({
  // Without this, Vite loads graphql's ES module build and its plugins load the CommonJS one, and the two do not mix.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }] },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'quick',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...alone, ...rest],
          // A worker loads the source once, not once for each file: a third of the time.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'quick-alone', include: alone } },
      { extends: true, test: { name: 'rest', include: rest } },
    ],
    globalSetup: ['test/support/search-captured.ts'],
    // More than Vitest's default for two cores, because tests mostly wait for servers.
    maxWorkers: 4,
    // Every suite starts real servers on the same two cores. The time is generous for a busy machine and never an assertion.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
