/**
 * What every key of ours begins with unless it is set, so that a Redis can be shared with others. In braces: all keys are in one
 * hash slot, so that a script may use any of them in a cluster.
 */
export const defaultKeyPrefix = '{engagements}';

/** How many servers of Redis an address names, and what they are to each other. */
type Kind = 'single' | 'cluster' | 'sentinel';

/** One server. */
export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** What `REDIS_URL` says. */
export interface RedisAddress {
  readonly kind: Kind;
  readonly isTls: boolean;
  /** The server; nodes of a cluster, which know the others; or sentinels. Never none. */
  readonly nodes: readonly RedisNode[];
  /** Of the servers that keep data, and of sentinels that ask for one. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The number of the database. Always 0 in a cluster, which has no other. */
  readonly database: number;
  /** What the sentinels call the primary; undefined where there are none. */
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

/** The path of an address: a primary's name first where there are sentinels; then a database, except in a cluster. */
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
    // A percent sign that encodes nothing.
    return undefined;
  }
}
