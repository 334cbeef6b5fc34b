/** What is wrong with Redis, and what whoever runs it has to do. */
export interface RedisFault {
  /** Faults of one kind are one fault, which is logged once. */
  readonly kind: string;
  /** What happened, as the log says it. */
  readonly what: string;
  readonly todo: string;
  /** True for what another connection may not meet: this one may lead to a server that is no longer the primary, or is gone. */
  readonly needsNewConnection: boolean;
  /** True when Redis answered: waiting is no remedy. */
  readonly isRefusal: boolean;
}

type Row = readonly [kind: string, pattern: RegExp, what: string, todo: string, needsNewConnection?: true];

const refuses = 'Redis refuses what this server asks';

const wrongPassword: Row = [
  'password',
  /NOAUTH|WRONGPASS|invalid (username|password)|without any password|AUTH <password>/,
  'Redis refuses the user or the password',
  'Set REDIS_URL to redis://USER:PASSWORD@HOST:PORT with those that Redis knows, percent-encoded.',
];

const clusterDown: Row = [
  'cluster down',
  /\b(CLUSTERDOWN|TRYAGAIN)\b|Too many Cluster redirections/,
  "The Redis cluster has no primary for this server's keys",
  'See CLUSTER INFO and CLUSTER NODES of its nodes. A failover ends this by itself.',
  true,
];

/** The first row that fits holds. Older versions put the code of an error that a script met behind other text. */
const refusals: readonly Row[] = [
  [
    'scripts',
    /unknown command.{0,4}eval|permissions to run the ['`"]eval/i,
    'Redis refuses scripts',
    'EVAL and EVALSHA must be allowed (ACL: +eval +evalsha), and must not be renamed.',
  ],
  [
    'keys',
    /permissions to access|can't access at least one of the keys/i,
    'Redis refuses the keys of this server',
    "Let its user have them (ACL: ~ and REDIS_PREFIX and :*, as docs/operating.md shows), or set REDIS_PREFIX to what the user's keys begin with.",
  ],
  [
    'commands',
    /NOPERM|permissions to run|can't run this command/,
    "Redis refuses a command to this server's user",
    'Give the user the ACL rules of docs/operating.md.',
  ],
  wrongPassword,
  [
    'replica',
    /\b(READONLY|MASTERDOWN)\b/,
    'Redis refuses writes: it is a replica',
    "REDIS_URL must lead to the primary. After a failover this server finds it by itself, where the address leads to the primary, or is that of sentinels or of a cluster's nodes.",
    true,
  ],
  [
    'too few replicas',
    /\bNOREPLICAS\b/,
    'Redis refuses writes: it has too few replicas',
    'Start its replicas, or lower min-replicas-to-write.',
  ],
  [
    'memory',
    /\bOOM\b/,
    'Redis refuses writes: its memory is full',
    'Raise maxmemory, or remove what others keep there. Keep maxmemory-policy at noeviction.',
  ],
  ['disk', /\bMISCONF\b/, 'Redis refuses writes: it cannot write to its disk', 'Free its disk, and see its log.'],
  ['loading', /\bLOADING\b/, 'Redis is loading its data', 'Wait.'],
  ['busy', /\b(BUSY|UNKILLABLE)\b/, 'Redis is busy with a script of somebody else', 'End it with SCRIPT KILL.'],
  [
    'no cluster',
    /cluster support disabled/i,
    'Redis is not a cluster',
    'REDIS_URL must begin with redis:// or rediss:// instead of redis+cluster://.',
  ],
  clusterDown,
  [
    'a cluster',
    /\b(MOVED|ASK|CROSSSLOT)\b/,
    'Redis is a cluster',
    'REDIS_URL must be redis+cluster://HOST:PORT,HOST:PORT with some of its nodes.',
  ],
  [
    'quota',
    /max(imum)? (number|requests|daily|clients)|quota|limit|exceed|too many/i,
    'Redis refuses more for now: a limit is reached',
    'Raise the limit of the service, or of maxclients.',
  ],
];

const otherRefusal: Row = ['refusal', /(?:)/, refuses, 'See the reason, and the log of Redis.'];

/** What fails without an answer of Redis'. */
const failures: readonly Row[] = [
  clusterDown,
  [
    'certificate',
    /certificate|self-signed|altnames|\bSSL\b|\bTLS\b|wrong version number/i,
    'The certificate of Redis is not trusted, or there is none',
    'With rediss:// of a private CA, start this server with NODE_EXTRA_CA_CERTS=FILE. Without TLS, use redis://.',
  ],
  [
    'sentinels',
    /sentinel/i,
    'No sentinel tells where the primary of Redis is',
    'Set REDIS_URL to redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME with the name that the sentinels monitor.',
  ],
  [
    'silence',
    /timed out/,
    'lost the connection to Redis: it does not answer',
    'See if it runs, and the network to it.',
    true,
  ],
];

const noConnection: Row = [
  'connection',
  /(?:)/,
  'lost the connection to Redis',
  'See if it runs, and if REDIS_URL has its address: with rediss:// if it asks for TLS, with redis:// if not.',
  true,
];

/** What an error is about; of several nodes' errors, the last. */
function causeOf(error: unknown): unknown {
  const { lastNodeError } = (error ?? {}) as { readonly lastNodeError?: unknown };
  return lastNodeError ?? error;
}

/** True when Redis answered, and this is what it answered. */
function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Says what is wrong, by an error of a question to Redis or of a connection to it. */
export function faultOf(error: unknown): RedisFault {
  const cause = causeOf(error);
  const { message, code } = (cause ?? {}) as { readonly message?: unknown; readonly code?: unknown };
  const text = `${message ?? ''} ${code ?? ''}`;
  const isRefusal = isReply(cause);
  const [rows, otherwise] = isRefusal ? [refusals, otherRefusal] : [failures, noConnection];
  const [kind, , what, todo, needsNewConnection = false] = rows.find(([, pattern]) => pattern.test(text)) ?? otherwise;
  return { kind, what, todo, needsNewConnection, isRefusal };
}

/** The error without the command that it is about, which ioredis adds: that has records, tokens and passwords in it. */
export function withoutCommand(error: unknown): Error {
  const cause = causeOf(error);
  return new Error(cause instanceof Error ? cause.message || String((cause as { code?: unknown }).code) : 'unknown');
}
