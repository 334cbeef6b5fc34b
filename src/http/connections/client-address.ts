import { type BlockList, isIPv6, SocketAddress } from 'node:net';

/** A client, as the limits per client count it. */
export interface Client {
  /** An IPv4 address, or the /64 network of an IPv6 address: a client usually has all addresses in one. */
  readonly address: string;
  /** True for a trusted proxy itself. Many clients share its address, so no limit per client applies. */
  readonly isProxy: boolean;
}

type Ip = { readonly address: string; readonly family: 'ipv4' | 'ipv6' };

/** Parses an address in the form of sockets and proxies, perhaps with a port. */
function parseIp(text: string): Ip | undefined {
  const plain = text.trim().replace(/^::ffff:(?=\d+\.)/i, '');
  // A zone names an interface of this host, not a client.
  const parsed = SocketAddress.parse(isIPv6(plain) ? `[${plain.split('%', 1)[0]}]` : plain);
  return parsed && { address: parsed.address, family: parsed.family as Ip['family'] };
}

/** The first four groups of an IPv6 address in its shortest form. */
function networkOf({ address, family }: Ip): string {
  if (family === 'ipv4') return address;
  const [left = [], right = []] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
}

/**
 * Finds the client of a request: the address of the connection. If that is a trusted proxy, the client is the last address
 * in `X-Forwarded-For` that is not a trusted proxy. Earlier addresses there may be forged.
 */
export function findClient(
  remoteAddress: string | undefined,
  forwardedFor: string | undefined,
  trustedProxies: BlockList | undefined,
): Client {
  const isTrusted = ({ address, family }: Ip) => trustedProxies?.check(address, family) ?? false;
  const remote = parseIp(remoteAddress ?? '');
  // A client that has disconnected has no address.
  if (!remote) return { address: '', isProxy: false };
  if (!isTrusted(remote)) return { address: networkOf(remote), isProxy: false };
  for (const text of forwardedFor?.split(',').reverse() ?? []) {
    const forwarded = parseIp(text);
    // A trusted proxy may write `unknown`.
    if (!forwarded) break;
    if (!isTrusted(forwarded)) return { address: networkOf(forwarded), isProxy: false };
  }
  return { address: networkOf(remote), isProxy: true };
}
