import { type buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool, fetch as undiciFetch } from 'undici';
import type { ProxyConfig } from '../config/config.ts';

/** How long a proxy may take to answer a CONNECT, in milliseconds: as long as any connection. */
const connectTimeoutMs = 10_000;

/** On a loopback address, a proxy would connect to its own host. */
const neverByProxy = 'localhost,127.0.0.1,::1';

/** Creates the pool of connections to one origin. `connect` opens them through the proxy's tunnel; undefined: directly. */
export type MakePool = (origin: string | URL, connect: buildConnector.connector | undefined) => Dispatcher;

/**
 * All connections to other hosts: through the proxy, or directly to excepted hosts. Does not read the environment. All hosts but
 * loopback use https, so a proxy sees host names, but no requests.
 */
export function createOutbound(proxy: ProxyConfig | undefined, makePool?: MakePool): Dispatcher {
  return new EnvHttpProxyAgent({
    httpProxy: '',
    httpsProxy: proxy?.url.reveal() ?? '',
    noProxy: `${neverByProxy},${proxy?.exceptFor ?? ''}`,
    allowH2: false,
    clientFactory: (origin, options) => new Pool(origin, { ...options, headersTimeout: connectTimeoutMs }),
    ...(makePool && {
      factory: (origin: string | URL, { connect }: { connect?: buildConnector.connector }) => makePool(origin, connect),
    }),
  });
}

/** Like the global `fetch`, but by the configured proxy instead of Node's own settings. */
export function createOutboundFetch(proxy: ProxyConfig | undefined): typeof fetch {
  const dispatcher = createOutbound(proxy);
  // Node's own fetch has another version of undici, which cannot use this dispatcher.
  const fetchOut = (url: string | URL, init?: Parameters<typeof undiciFetch>[1]) =>
    undiciFetch(url, { ...init, dispatcher });
  return fetchOut as unknown as typeof fetch;
}
