/** The port of a node without one. The path: with sentinels the primary's name, then a database, except in a cluster. */
const kinds = {
  single: { port: 6379, path: /^()(\d{0,5})$/ },
  cluster: { port: 6379, path: /^()()$/ },
  sentinel: { port: 26_379, path: /^([^/]+)(?:\/(\d{0,5}))?$/ },
} as const;

type Kind = keyof typeof kinds;

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

function readNode(text: string, kind: Kind): RedisNode | undefined {
  const url = /^[^:[\]]+(:\d+)?$|^\[[^\]]+\](:\d+)?$/.test(text) ? URL.parse(`redis://${text}`) : null;
  if (!url?.hostname) return undefined;
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || kinds[kind].port) };
}

const decoded = (text: string | undefined) => (text ? decodeURIComponent(text) : undefined);

/** Reads an address; undefined when it has none of the forms. */
export function parseRedisAddress(text: string): RedisAddress | undefined {
  const [isForm, scheme, list, credentials = '', hosts = '', path = ''] = form.exec(text) ?? [];
  if (isForm === undefined) return undefined;
  const kind: Kind = list === 'cluster' || list === 'sentinel' ? list : 'single';
  const nodes = hosts.split(',').map((host) => readNode(host, kind));
  const [isPath, name, database = 0] = kinds[kind].path.exec(path) ?? [];
  if (nodes.includes(undefined) || (kind === 'single' && nodes.length > 1) || isPath === undefined) return undefined;
  const [username, ...password] = credentials.split(':');
  try {
    return {
      ...{ kind, isTls: scheme === 'rediss', nodes: nodes as readonly RedisNode[] },
      ...{ username: decoded(username), password: decoded(password.join(':')) },
      ...{ database: Number(database), primaryName: decoded(name) },
    };
  } catch {
    // Malformed percent-encoding.
    return undefined;
  }
}
