import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Vite would take graphql's ES module build while its plugins load the CommonJS one, and two realms do not mix.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }] },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/search-captured.ts'],
    // One more than Vitest itself takes of two cores: most of the time, tests wait for servers.
    maxWorkers: 2,
    // Every suite starts real servers and two cores serve them all: generous for a busy machine, never an assertion.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
  },
});
