/** The port of a node without one. The path: with sentinels the primary's name, then a database, except in a cluster. */
const kinds = {
  single: { port: 6379, path: /^()(\d{0,5})$/ },
  cluster: { port: 6379, path: /^()()$/ },
  sentinel: { port: 26_379, path: /^([^/]+)(?:\/(\d{0,5}))?$/ },
} as const;

type Kind = keyof typeof kinds;

/** The parts of `REDIS_URL`. */
export type RedisAddress = NonNullable<ReturnType<typeof parseRedisAddress>>;
/** A scheme, a user and a password, hosts and ports with commas between them, and a path. */
const form = /^(rediss?)(?:\+(cluster|sentinel))?:\/\/(?:([^/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/;

function readNode(text: string, kind: Kind) {
  const url = /^[^:[\]]+(:\d+)?$|^\[[^\]]+\](:\d+)?$/.test(text) ? URL.parse(`redis://${text}`) : null;
  if (!url?.hostname) return undefined;
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || kinds[kind].port) };
}

const decoded = (text: string | undefined) => (text ? decodeURIComponent(text) : undefined);

/** Reads an address; undefined when it has none of the forms. */
export function parseRedisAddress(text: string) {
  const [isForm, scheme, list, credentials = '', hosts = '', path = ''] = form.exec(text) ?? [];
  if (isForm === undefined) return undefined;
  const kind: Kind = list === 'cluster' || list === 'sentinel' ? list : 'single';
  const nodes = hosts.split(',').map((host) => readNode(host, kind));
  const [isPath, name, database = 0] = kinds[kind].path.exec(path) ?? [];
  if (!nodes.every((node) => node !== undefined) || isPath === undefined) return undefined;
  if (kind === 'single' && nodes.length > 1) return undefined;
  const [username, ...password] = credentials.split(':');
  try {
    return {
      kind,
      isTls: scheme === 'rediss',
      /** The server, nodes of a cluster, or sentinels. At least one. */
      nodes,
      /** For the data servers, and for sentinels that require it. */
      username: decoded(username),
      password: decoded(password.join(':')),
      /** The number of the database: always 0 in a cluster. */
      database: Number(database),
      /** The sentinels' name of the primary; undefined without sentinels. */
      primaryName: decoded(name),
    } as const;
  } catch {
    // Malformed percent-encoding.
    return undefined;
  }
}
