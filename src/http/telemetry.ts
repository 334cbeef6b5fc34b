import { ConfigError } from '../config/config.ts';

/** The used part of OpenTelemetry's SDK for Node. It is not a dependency: most servers do not need its 60 packages. */
interface SdkModule {
  readonly NodeSDK: new (options: {
    readonly serviceName?: string;
    readonly logRecordProcessors: readonly [];
  }) => { start(): void; shutdown(): Promise<void> };
}

/** The SDK that was started. */
export interface Telemetry {
  /** Sends the remaining data, for three seconds at most, and frees the SDK. */
  close(): Promise<void>;
}

const setting = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const sdkName = '@opentelemetry/sdk-node';
const defaultServiceName = 'truto-engagements-graphql';

/** How long the last export may delay the end of the server, in milliseconds. */
const maxLastExportMs = 3_000;

/** True when the program has registered its own SDK, with its own settings. */
function hasSdk(): boolean {
  const registry = (globalThis as Readonly<Record<symbol, object | undefined>>)[Symbol.for('opentelemetry.js.api.1')];
  return registry !== undefined && ('trace' in registry || 'metrics' in registry);
}

async function loadSdk(): Promise<SdkModule> {
  try {
    return await import(sdkName);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new ConfigError([`${setting} needs ${sdkName}, which is not installed: npm install ${sdkName}`]);
  }
}

function isServiceNamed(): boolean {
  const { OTEL_SERVICE_NAME: name, OTEL_RESOURCE_ATTRIBUTES: attributes = '' } = process.env;
  return Boolean(name) || /(^|,)\s*service\.name\s*=/.test(attributes);
}

/**
 * Starts OpenTelemetry's SDK, which sends traces and metrics to the endpoint by OTLP. The SDK reads its other
 * variables (`OTEL_…`) from the environment. If the program has started an SDK already, that one is used.
 * @throws {ConfigError} when the SDK is not installed.
 */
export async function startTelemetry(endpoint: URL): Promise<Telemetry | undefined> {
  if (hasSdk() || process.env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return undefined;
  const { NodeSDK } = await loadSdk();
  const { context, metrics, propagation, trace } = await import('@opentelemetry/api');
  const before = process.env[setting];
  let sdk: InstanceType<SdkModule['NodeSDK']>;
  try {
    // Its exporters read the address only from there.
    process.env[setting] = endpoint.href;
    // Without logs: those are on standard output.
    sdk = new NodeSDK({ logRecordProcessors: [], ...(!isServiceNamed() && { serviceName: defaultServiceName }) });
    sdk.start();
  } finally {
    if (before === undefined) delete process.env[setting];
    else process.env[setting] = before;
  }
  return {
    async close() {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, maxLastExportMs);
      // An unreachable receiver must not fail the shutdown.
      await Promise.race([sdk.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
      for (const api of [trace, metrics, context, propagation]) api.disable();
    },
  };
}
