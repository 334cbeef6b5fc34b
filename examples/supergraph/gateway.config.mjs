import { defineConfig } from '@graphql-hive/gateway';

/* Hive Gateway. With `--hive-router-runtime`, it plans in Rust. */

export const gatewayConfig = defineConfig({
  // Not `propagateHeaders`: its headers are missing when the gateway retries a request. To this subgraph only: the token can
  // delete engagements, so the other teams must not get it.
  transportEntries: {
    engagements: {
      // Without this it subscribes by GET, which the server refuses.
      options: { method: 'POST' },
      headers: [
        ['authorization', '{context.headers.authorization}'],
        ['idempotency-key', '{context.headers.idempotency-key}'],
      ],
    },
  },
  // The gateway's own retries, also of mutations. A retried delete must not run twice.
  upstreamRetry: { maxRetries: 2, retryDelay: 10 },
});
