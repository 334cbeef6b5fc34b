import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Every suite starts real servers and two cores serve them all: generous for a busy machine, never an assertion.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
