import { ConfigError } from '../config/config.ts';

/** What is used of OpenTelemetry's SDK for Node. It is no dependency: most servers have no use for its 60 packages. */
type NodeSdk = { start(): void; shutdown(): Promise<void> };
type SdkOptions = { readonly serviceName?: string; readonly logRecordProcessors: readonly [] };
type SdkModule = { readonly NodeSDK: new (options: SdkOptions) => NodeSdk };

const setting = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const sdkName = '@opentelemetry/sdk-node';
const defaultServiceName = 'truto-engagements-graphql';

/** How long the last export may hold up the end of the server, in milliseconds. */
const maxLastExportMs = 3_000;

/** The SDK that servers of this process have started. The last of them that closes shuts it down. */
let running: { readonly sdk: NodeSdk; userCount: number } | undefined;

/** True when another part of the program has registered an SDK, whose settings are not ours. */
function hasForeignSdk(): boolean {
  const registry = (globalThis as Readonly<Record<symbol, object | undefined>>)[Symbol.for('opentelemetry.js.api.1')];
  return !running && registry !== undefined && ('trace' in registry || 'metrics' in registry);
}

async function loadSdk(): Promise<SdkModule> {
  try {
    return await import(sdkName);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new ConfigError([`${setting} needs ${sdkName}, which is not installed: npm install ${sdkName}`]);
  }
}

function startSdk({ NodeSDK }: SdkModule, endpoint: URL): NodeSdk {
  const { [setting]: before, OTEL_SERVICE_NAME: name, OTEL_RESOURCE_ATTRIBUTES: attributes = '' } = process.env;
  const isNamed = Boolean(name) || /(^|,)\s*service\.name\s*=/.test(attributes);
  try {
    // Its exporters take the address from there only.
    process.env[setting] = endpoint.href;
    // No logs: they are on standard output.
    const sdk = new NodeSDK({ logRecordProcessors: [], ...(!isNamed && { serviceName: defaultServiceName }) });
    sdk.start();
    return sdk;
  } finally {
    if (before === undefined) delete process.env[setting];
    else process.env[setting] = before;
  }
}

/**
 * Starts OpenTelemetry's SDK, which sends traces and metrics to the endpoint by OTLP. It reads its other variables (`OTEL_…`) of the
 * environment by itself. Where the program, or another server in it, has started an SDK already, that one is used.
 * @returns how to send what is not sent yet, for three seconds at most, and free the SDK.
 * @throws {ConfigError} when the SDK is not installed.
 */
export async function startTelemetry(endpoint: URL): Promise<{ close(): Promise<void> } | undefined> {
  if (process.env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true' || hasForeignSdk()) return undefined;
  const sdkModule = await loadSdk();
  const { context, metrics, propagation, trace } = await import('@opentelemetry/api');
  // Meanwhile, the program may have started one.
  if (hasForeignSdk()) return undefined;
  running ??= { sdk: startSdk(sdkModule, endpoint), userCount: 0 };
  running.userCount += 1;
  const mine = running;
  return {
    async close() {
      mine.userCount -= 1;
      if (mine.userCount > 0) return;
      running = undefined;
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, maxLastExportMs);
      // An unreachable receiver must not fail the shutdown.
      await Promise.race([mine.sdk.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
      for (const api of [trace, metrics, context, propagation]) api.disable();
    },
  };
}
