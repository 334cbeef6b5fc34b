import type { Log } from '../log/log.ts';

/** What is wrong with Redis. */
export interface RedisFault {
  /** Faults of one kind are one fault, which is logged once. */
  readonly kind: FaultKind;
  /** True for what another connection may not meet: this one may lead to a server that is no longer the primary, or is gone. */
  readonly needsNewConnection: boolean;
  /** True when Redis answered: waiting is no remedy. */
  readonly isRefusal: boolean;
}

/** What happened, and what to do. */
const advice = {
  scripts: 'Redis refuses scripts. EVAL and EVALSHA must be allowed (ACL: +eval +evalsha), and must not be renamed.',
  keys: "Redis refuses the keys of this server. Let its user have them (ACL: ~ and REDIS_PREFIX and :*, as docs/operating.md shows), or set REDIS_PREFIX to what the user's keys begin with.",
  commands: "Redis refuses a command to this server's user. Give the user the ACL rules of docs/operating.md.",
  password:
    'Redis refuses the user or the password. Set REDIS_URL to redis://USER:PASSWORD@HOST:PORT with those that Redis knows, percent-encoded.',
  replica:
    "Redis refuses writes: it is a replica. REDIS_URL must lead to the primary. After a failover this server finds it by itself, where the address leads to the primary, or is that of sentinels or of a cluster's nodes.",
  'too few replicas':
    'Redis refuses writes: it has too few replicas. Start its replicas, or lower min-replicas-to-write.',
  memory:
    'Redis refuses writes: its memory is full. Raise maxmemory, or remove what others keep there. Keep maxmemory-policy at noeviction.',
  disk: 'Redis refuses writes: it cannot write to its disk. Free its disk, and see its log.',
  loading: 'Redis is loading its data. Wait.',
  busy: 'Redis is busy with a script of somebody else. End it with SCRIPT KILL.',
  'no cluster': 'Redis is not a cluster. REDIS_URL must begin with redis:// or rediss:// instead of redis+cluster://.',
  'cluster down':
    "The Redis cluster has no primary for this server's keys. See CLUSTER INFO and CLUSTER NODES of its nodes. A failover ends this by itself.",
  'a cluster': 'Redis is a cluster. REDIS_URL must be redis+cluster://HOST:PORT,HOST:PORT with some of its nodes.',
  quota: 'Redis refuses more for now: a limit is reached. Raise the limit of the service, or of maxclients.',
  refusal: 'Redis refuses what this server asks. See the reason, and the log of Redis.',
  certificate:
    'The certificate of Redis is not trusted, or there is none. With rediss:// of a private CA, start this server with NODE_EXTRA_CA_CERTS=FILE. Without TLS, use redis://.',
  sentinels:
    'No sentinel tells where the primary of Redis is. Set REDIS_URL to redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME with the name that the sentinels monitor.',
  silence: 'lost the connection to Redis: it does not answer. See if it runs, and the network to it.',
  connection:
    'lost the connection to Redis. See if it runs, and if REDIS_URL has its address: with rediss:// if it asks for TLS, with redis:// if not.',
};

type FaultKind = keyof typeof advice;

const clusterDown = /\b(CLUSTERDOWN|TRYAGAIN)\b|Too many Cluster redirections/;

/** What Redis answers: the first that fits holds. Older versions put the code of an error that a script met behind other text. */
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

/** What fails without an answer of Redis: the first that fits holds. */
const failures: typeof refusals = [
  ['cluster down', clusterDown],
  ['certificate', /certificate|self-signed|altnames|\bSSL\b|\bTLS\b|wrong version number/i],
  ['sentinels', /sentinel/i],
  ['silence', /timed out/],
  ['connection', /(?:)/],
];

const needNewConnection: ReadonlySet<FaultKind> = new Set(['replica', 'cluster down', 'silence', 'connection']);

/** What an error is about; of several nodes' errors, the last. */
function causeOf(error: unknown): { readonly message?: unknown; readonly code?: unknown } {
  const { lastNodeError } = (error ?? {}) as { readonly lastNodeError?: object };
  return lastNodeError ?? error ?? {};
}

/** Says what is wrong, by an error of a question to Redis or of a connection to it. */
export function faultOf(error: unknown): RedisFault {
  const cause = causeOf(error);
  const text = `${cause.message ?? ''} ${cause.code ?? ''}`;
  const isRefusal = cause instanceof Error && cause.name === 'ReplyError';
  const [kind] = (isRefusal ? refusals : failures).find(([, pattern]) => pattern.test(text)) ?? ['connection'];
  return { kind, needsNewConnection: needNewConnection.has(kind), isRefusal };
}

/** What an error says without the command that it is about, which ioredis adds: that has records, tokens and passwords in it. */
function reasonOf(error: unknown): string {
  const cause = causeOf(error);
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : 'unknown';
}

/** How long Redis must be well until a loss is the first again. */
const steadyMs = 60_000;

/** How often a Redis that comes and goes must be found well before it is used again: twice as often after each loss, up to 2 to this. */
const maxDoublings = 5;

/** How long another fault lasts before it is logged too, while the first is not over. */
const changedMs = 10_000;

/** How often a question that Redis refuses, while all is well otherwise, is logged: once for each kind in so long. */
const complaintMs = 60_000;

/**
 * What is known of Redis, and what the log says of it: one line when something is wrong, with what to do, and one when that is over,
 * however long it lasts and whatever is asked meanwhile.
 */
export class RedisHealth {
  /** True when the last that was asked was done. */
  isUp = false;
  /** The moment (by `performance.now()`) when it was used again after it could not be; undefined when that never was. */
  backSince: number | undefined;
  readonly #log: Log;
  #isStarting = true;
  #isClosed = false;
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

  /** Everything that a server needs has just been done. */
  succeed(): void {
    this.#goodInARow += 1;
    if (this.isUp || this.#isClosed || this.#goodInARow < 2 ** this.#losses) return;
    this.isUp = true;
    this.#isStarting = false;
    this.#fault = undefined;
    if (this.#logged.size > 0) this.backSince = performance.now();
    this.#logged.clear();
    this.#log.info('connected to Redis: limits, repeated deletes and bulk deletes are shared');
  }

  /** Redis cannot be used, or not reached. */
  fail(error: unknown): void {
    if (this.#isClosed) return;
    const { kind, isRefusal } = faultOf(error);
    const now = performance.now();
    this.#goodInARow = 0;
    if (this.isUp) {
      const isFirst = this.backSince === undefined || now - this.backSince > steadyMs;
      this.#losses = isFirst ? 0 : Math.min(this.#losses + 1, maxDoublings);
      this.isUp = false;
    }
    if (this.#fault !== kind) {
      this.#fault = kind;
      this.#faultSince = now;
    }
    const hasLasted = now - this.#faultSince > changedMs && !this.#logged.has(kind);
    if (!(this.#isStarting ? isRefusal : this.#logged.size === 0 || hasLasted)) return;
    this.#isStarting = false;
    this.#logged.add(kind);
    const meanwhile = 'Until then this replica keeps its own share of the limits, and bulk deletes wait.';
    this.#log.warn({ reason: reasonOf(error), kind }, `${advice[kind]} ${meanwhile}`);
  }

  /** The start waits no longer. */
  endStart(error: unknown): void {
    if (!this.#isStarting) return;
    this.#isStarting = false;
    this.fail(error);
  }

  /** Redis refused one question, while it does all else. */
  complain(error: unknown): void {
    const reason = reasonOf(error);
    const kind = /^[A-Z]+\b/.exec(reason)?.[0] ?? 'other';
    const last = this.#complainedAt.get(kind);
    if (last !== undefined && performance.now() - last < complaintMs) return;
    this.#complainedAt.set(kind, performance.now());
    this.#log.error({ reason }, 'Redis refused one question of this server, and does all else');
  }

  /** Looks at what INFO says for what may go wrong later; that is logged again only when it is something else. */
  advise(info: string | undefined): void {
    if (info === undefined) {
      this.#log.info('Redis allows no INFO: whether it keeps all that it should is not known');
      return;
    }
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    const isBounded = policy !== undefined && !/^maxmemory:0\s/m.test(info);
    const text = [
      isBounded && policy !== 'noeviction'
        ? ` Set maxmemory-policy to noeviction: with ${policy} it removes repeated and bulk deletes when its memory is full.`
        : '',
      /^aof_enabled:0\s/m.test(info) ? ' Set appendonly to yes: without it, a restart forgets the latest changes.' : '',
    ].join('');
    if (text !== '' && text !== this.#lastAdvice) this.#log.warn(`Redis may forget what it is to keep.${text}`);
    this.#lastAdvice = text;
  }

  /** Nothing is logged from now on, and nothing asked. */
  close(): void {
    this.#isClosed = true;
    this.isUp = false;
  }
}
