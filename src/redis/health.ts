import type { Log } from '../log/log.ts';

const advice = {
  scripts: 'Redis refuses scripts. EVAL and EVALSHA must be allowed (ACL: +eval +evalsha), and must not be renamed.',
  keys: 'Redis refuses the keys of this server. Allow them for its user (ACL: ~ and REDIS_PREFIX and :*, as docs/operating.md shows), or set REDIS_PREFIX to the prefix that the user may use.',
  commands: "Redis refuses a command to this server's user. Give the user the ACL rules of docs/operating.md.",
  password:
    'Redis refuses the user or the password. Set REDIS_URL to redis://USER:PASSWORD@HOST:PORT with valid ones, percent-encoded.',
  replica:
    'Redis refuses writes: it is a replica. REDIS_URL must lead to the primary. After a failover, this server finds the new primary by itself if the address follows it, or names sentinels or cluster nodes.',
  'too few replicas':
    'Redis refuses writes: it has too few replicas. Start its replicas, or lower min-replicas-to-write.',
  memory:
    'Redis refuses writes: its memory is full. Raise maxmemory, or remove other data. Keep maxmemory-policy at noeviction.',
  disk: 'Redis refuses writes: it cannot write to its disk. Free some space, and see its log.',
  loading: 'Redis is loading its data. Wait.',
  busy: 'Redis is busy with another script. End it with SCRIPT KILL.',
  'no cluster': 'Redis is not a cluster. REDIS_URL must begin with redis:// or rediss:// instead of redis+cluster://.',
  'cluster down':
    "The Redis cluster has no primary for this server's keys. See CLUSTER INFO and CLUSTER NODES of its nodes. A failover ends this by itself.",
  'a cluster': 'Redis is a cluster. REDIS_URL must be redis+cluster://HOST:PORT,HOST:PORT with some of its nodes.',
  quota: 'Redis refuses more commands now: a limit is reached. Raise the limit of the service, or maxclients.',
  refusal: 'Redis refuses a command. See the reason, and the log of Redis.',
  certificate:
    'The certificate of Redis is not trusted, or there is none. For rediss:// with a private CA, start this server with NODE_EXTRA_CA_CERTS=FILE. Without TLS, use redis://.',
  sentinels:
    'No sentinel knows the primary of Redis. Set REDIS_URL to redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME with the name that the sentinels monitor.',
  silence: 'lost the connection to Redis: it does not answer. Check that it runs, and the network to it.',
  connection:
    'lost the connection to Redis. Check that it runs, and that REDIS_URL has its address: rediss:// with TLS, redis:// without.',
};

type FaultKind = keyof typeof advice;

const clusterDown = /\b(CLUSTERDOWN|TRYAGAIN)\b|Too many Cluster redirections/;

/** Refusals by Redis. The first match counts. Older versions put a script's error code behind other text. */
const refusals: readonly (readonly [FaultKind, RegExp])[] = [
  ['scripts', /unknown command.{0,4}eval|permissions to run the ['`"]eval/i],
  ['keys', /permissions to access|can't access at least one of the keys/i],
  ['commands', /NOPERM|permissions to run|can't run this command/],
  ['password', /NOAUTH|WRONGPASS|invalid (username|password)|without any password|AUTH <password>/],
  ['replica', /\b(READONLY|MASTERDOWN)\b/],
  ['too few replicas', /\bNOREPLICAS\b/],
  ['memory', /\bOOM\b/],
  ['disk', /\bMISCONF\b/],
  ['loading', /\bLOADING\b/],
  ['busy', /\b(BUSY|UNKILLABLE)\b/],
  ['no cluster', /cluster support disabled/i],
  ['cluster down', clusterDown],
  ['a cluster', /\b(MOVED|ASK|CROSSSLOT)\b/],
  ['quota', /max(imum)? (number|requests|daily|clients)|quota|limit|exceed|too many/i],
  ['refusal', /(?:)/],
];

/** Failures without an answer. */
const failures: typeof refusals = [
  ['cluster down', clusterDown],
  ['certificate', /certificate|self-signed|altnames|\bSSL\b|\bTLS\b|wrong version number/i],
  ['sentinels', /sentinel/i],
  ['silence', /timed out/],
  ['connection', /(?:)/],
];

const needNewConnection: ReadonlySet<FaultKind> = new Set(['replica', 'cluster down', 'silence', 'connection']);

/** The cause of an error; of several nodes' errors, the last. */
function causeOf(error: unknown): { readonly message?: unknown; readonly code?: unknown } {
  const { lastNodeError } = (error ?? {}) as { readonly lastNodeError?: object };
  return lastNodeError ?? error ?? {};
}

/** Classifies an error. `isRefusal`: Redis answered. `needsNewConnection`: this one may lead to a server that is gone, or no longer the primary. */
export function faultOf(error: unknown) {
  const cause = causeOf(error);
  const text = `${cause.message ?? ''} ${cause.code ?? ''}`;
  const isRefusal = cause instanceof Error && cause.name === 'ReplyError';
  const [kind] = (isRefusal ? refusals : failures).find(([, pattern]) => pattern.test(text)) ?? ['connection'];
  return { kind, needsNewConnection: needNewConnection.has(kind), isRefusal };
}

/** The message of an error, without the command that ioredis adds: it may hold records, tokens and passwords. */
function reasonOf(error: unknown): string {
  const cause = causeOf(error);
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : 'unknown';
}

/** How long Redis must stay healthy until the next loss counts as the first again. */
const steadyMs = 60_000;
/** After each loss, twice as many good probes in a row are needed before Redis is used again: at most 2 to this power. */
const maxDoublings = 5;
/** How long another kind of fault must last to be logged too, while the first one continues. */
const changedMs = 10_000;
/** A refused command of a healthy Redis is logged once a kind in so long. */
const complaintMs = 60_000;

/** The health of Redis, and its log lines: one when a fault begins, with what to do, and one when it is over, however long it lasts. */
export class RedisHealth {
  isUp = false;
  isClosed = false;
  /** When Redis became usable again after a loss (by `performance.now()`); undefined when there was none. */
  backSince: number | undefined;
  readonly #log: Log;
  #isStarting = true;
  #losses = 0;
  #goodInARow = 0;
  #fault: FaultKind | undefined;
  #faultSince = 0;
  readonly #logged = new Set<string>();
  readonly #complainedAt = new Map<string, number>();
  #lastAdvice = '';

  constructor(log: Log) {
    this.#log = log;
  }

  /** Call it when a probe has succeeded. */
  succeed(): void {
    this.#goodInARow += 1;
    if (this.isUp || this.isClosed || this.#goodInARow < 2 ** this.#losses) return;
    this.isUp = true;
    this.#isStarting = false;
    this.#fault = undefined;
    if (this.#logged.size > 0) this.backSince = performance.now();
    this.#logged.clear();
    this.#log.info('connected to Redis: limits, repeated deletes and bulk deletes are shared');
  }

  /** Call it when Redis cannot be used, or not be reached. */
  fail(error: unknown): void {
    if (this.isClosed) return;
    const { kind, isRefusal } = faultOf(error);
    const now = performance.now();
    this.#goodInARow = 0;
    if (this.isUp) {
      const isFirst = this.backSince === undefined || now - this.backSince > steadyMs;
      this.#losses = isFirst ? 0 : Math.min(this.#losses + 1, maxDoublings);
      this.isUp = false;
    }
    if (this.#fault !== kind) this.#faultSince = now;
    this.#fault = kind;
    const hasLasted = now - this.#faultSince > changedMs && !this.#logged.has(kind);
    if (!(this.#isStarting ? isRefusal : this.#logged.size === 0 || hasLasted)) return;
    this.#isStarting = false;
    this.#logged.add(kind);
    const meanwhile = 'Until then, this replica keeps its own share of the limits, and bulk deletes wait.';
    this.#log.warn({ reason: reasonOf(error), kind }, `${advice[kind]} ${meanwhile}`);
  }

  /** Call it when the start does not wait any longer. */
  endStart(error: unknown): void {
    if (!this.#isStarting) return;
    this.#isStarting = false;
    this.fail(error);
  }

  /** Call it when a healthy Redis has refused one command. */
  complain(error: unknown): void {
    const reason = reasonOf(error);
    const kind = /^[A-Z]+\b/.exec(reason)?.[0] ?? 'other';
    const last = this.#complainedAt.get(kind);
    if (last !== undefined && performance.now() - last < complaintMs) return;
    this.#complainedAt.set(kind, performance.now());
    this.#log.error({ reason }, 'Redis refused one command of this server. Others succeed');
  }

  /** Warns about settings that may lose data, by the text of INFO. Does not repeat the same warning. */
  advise(info: string | undefined): void {
    if (info === undefined)
      return void this.#log.info(
        'Redis does not allow INFO: its settings for memory and persistence cannot be checked',
      );
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    const isBounded = policy !== undefined && !/^maxmemory:0\s/m.test(info);
    const text = [
      isBounded && policy !== 'noeviction'
        ? ` Set maxmemory-policy to noeviction: with ${policy}, Redis removes repeated and bulk deletes when its memory is full.`
        : '',
      /^aof_enabled:0\s/m.test(info) ? ' Set appendonly to yes: without it, a restart loses the latest changes.' : '',
    ].join('');
    if (text !== '' && text !== this.#lastAdvice) this.#log.warn(`Redis may lose data.${text}`);
    this.#lastAdvice = text;
  }

  /** Nothing is logged or sent from now on. */
  close(): void {
    this.isClosed = true;
    this.isUp = false;
  }
}
