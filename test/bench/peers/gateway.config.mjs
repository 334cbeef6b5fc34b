import { defineConfig } from '@graphql-hive/gateway';

/** Hive Gateway with the metrics that the facade has too: a count and a histogram of durations. Its JIT is on by `--jit`. */
export const gatewayConfig = defineConfig({
  prometheus: { metrics: { graphql_envelop_request: true, graphql_envelop_request_duration: true } },
});
