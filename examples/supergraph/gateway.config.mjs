import { defineConfig } from '@graphql-hive/gateway';

/* Hive Gateway; `--hive-router-runtime` makes it plan in Rust. */

export const gatewayConfig = defineConfig({
  // Not `propagateHeaders`: what that forwards is missing when the gateway repeats a request. And to this subgraph only: the
  // token deletes engagements, and is none of the other teams' business.
  transportEntries: {
    engagements: {
      headers: [
        ['authorization', '{context.headers.authorization}'],
        ['idempotency-key', '{context.headers.idempotency-key}'],
      ],
    },
  },
  // Its own attempts, of mutations too: what repeats a delete must not do it twice.
  upstreamRetry: { maxRetries: 2, retryDelay: 10 },
});
