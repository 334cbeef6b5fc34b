type Kind = 'single' | 'cluster' | 'sentinel';

interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** The parts of `REDIS_URL`. */
export interface RedisAddress {
  readonly kind: Kind;
  readonly isTls: boolean;
  /** The server, nodes of a cluster, or sentinels. At least one. */
  readonly nodes: readonly RedisNode[];
  /** For the data servers, and for sentinels that require it. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The number of the database: always 0 in a cluster. */
  readonly database: number;
  /** The sentinels' name of the primary; undefined without sentinels. */
  readonly primaryName: string | undefined;
}

/** A scheme, a user and a password, hosts and ports with commas between them, and a path. */
const form = /^(rediss?)(?:\+(cluster|sentinel))?:\/\/(?:([^/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/;

const defaultPorts: Readonly<Record<Kind, number>> = { single: 6379, cluster: 6379, sentinel: 26_379 };

function readNode(text: string, kind: Kind): RedisNode | undefined {
  const url = /^[^:[\]]+(:\d+)?$|^\[[^\]]+\](:\d+)?$/.test(text) ? URL.parse(`redis://${text}`) : null;
  if (!url?.hostname) return undefined;
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || defaultPorts[kind]) };
}

function decoded(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : decodeURIComponent(text);
}

/** Reads the path of an address: with sentinels the primary's name, then a database, except in a cluster. */
function readPath(path: string, kind: Kind): Pick<RedisAddress, 'database' | 'primaryName'> | undefined {
  const pattern = { single: /^()(\d{0,5})$/, cluster: /^()()$/, sentinel: /^([^/]+)(?:\/(\d{0,5}))?$/ }[kind];
  const [isForm, name, database] = pattern.exec(path) ?? [];
  if (isForm === undefined) return undefined;
  return { primaryName: decoded(name), database: Number(database ?? 0) };
}

/** Reads an address; undefined when it has none of the forms. */
export function parseRedisAddress(text: string): RedisAddress | undefined {
  const [isForm, scheme, list, credentials = '', hosts = '', path = ''] = form.exec(text) ?? [];
  if (isForm === undefined) return undefined;
  const kind: Kind = list === 'cluster' || list === 'sentinel' ? list : 'single';
  const nodes = hosts.split(',').map((host) => readNode(host, kind));
  if (nodes.includes(undefined) || (kind === 'single' && nodes.length > 1)) return undefined;
  const [username, ...password] = credentials.split(':');
  try {
    const rest = readPath(path, kind);
    return (
      rest && {
        ...{ kind, isTls: scheme === 'rediss', nodes: nodes as readonly RedisNode[], ...rest },
        ...{ username: decoded(username), password: decoded(password.join(':')) },
      }
    );
  } catch {
    // Malformed percent-encoding.
    return undefined;
  }
}
