import { type buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool, fetch as undiciFetch } from 'undici';
import type { ProxyConfig } from '../config/config.ts';

/** How long a proxy may take to answer a CONNECT, in milliseconds: as long as a connection may take to be made. */
const connectTimeoutMs = 10_000;

/** A proxy has a loopback of its own. */
const neverByProxy = 'localhost,127.0.0.1,::1';

/** Makes the pool of connections to one origin. `connect` opens them: through the proxy's tunnel, or undefined for none. */
export type MakePool = (origin: string | URL, connect: buildConnector.connector | undefined) => Dispatcher;

/**
 * The one way out to other hosts: through the proxy, or directly to what it is not for. Reads nothing of the environment. All
 * but loopback is https, so that a proxy sees the names of hosts, and no request.
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

/** Fetches as the global `fetch` does, by the same way out as all else, and whatever Node was told of proxies. */
export function createOutboundFetch(proxy: ProxyConfig | undefined): typeof fetch {
  const dispatcher = createOutbound(proxy);
  // Node's own fetch has an undici of another version, which cannot use this one's dispatcher.
  const fetchOut = (url: string | URL, init?: Parameters<typeof undiciFetch>[1]) =>
    undiciFetch(url, { ...init, dispatcher });
  return fetchOut as unknown as typeof fetch;
}
