import type { RedisClient } from '../redis/client.ts';
import type { SharedMemory } from '../redis/shared-memory.ts';
import { askRedis } from './bulk-unavailable.ts';
import { type BulkFailure, type BulkItem, type BulkJob, type BulkOutcome, pageSize } from './job.ts';
import * as scripts from './job-scripts.ts';
import { readJob } from './read-job.ts';
import { type Lease, nameOf, pagesAtOnce, queueKeys, type Task } from './task-queue.ts';

/** How long a bulk delete is kept, from its last change on; a page of it, from when it was added. */
const keptMs = 30 * 24 * 3_600_000;

/** How many one owner may have that have not ended: each asks Redis every other second, or oftener. */
export const maxUnfinished = 20;

/** How many bytes those of one owner may take of which nothing was ever begun: requests, not deletes, would fill Redis with them. */
export const maxIdleBytes = 16 * 1_024 * 1_024;

/** How many bytes the lists of those may take that a filter meant: of two of the largest, so that a dry run never blocks the real start. */
export const maxIdleListedBytes = 128 * 1_024 * 1_024;

/** What one counts for, however little it takes: its hash and its place in the queue. */
const minBytes = 16 * 1_024;

/** Over how many intervals of ten seconds the rate is taken. */
const rateIntervals = 6;
const rateIntervalMs = 10_000;

/** How many pages are looked at in one step: Redis does nothing else meanwhile. */
const pagesPerStep = 500;

/** Who works on a page. */
export type PageLease = Lease & { readonly page: number };

const writeItem = ({ id, engagementType }: BulkItem) => JSON.stringify([id, engagementType]);
const readItems = (json: string): readonly BulkItem[] =>
  (JSON.parse(json) as [string, BulkItem['engagementType']][]).map(([id, engagementType]) => ({
    id,
    engagementType,
  }));

/** Everything that is kept of bulk deletes, in Redis. Each method rejects with `BulkUnavailable` while that is gone. */
export class JobStore {
  readonly #memory: Pick<SharedMemory, 'ask' | 'keyPrefix'>;
  readonly #leaseMs: number;
  readonly #queueKeys: ReturnType<typeof queueKeys>;
  readonly #rates = new WeakMap<BulkJob, Promise<number>>();

  /** @param leaseMs for how long a page is its owner's after it began to delete something of it. */
  constructor(memory: Pick<SharedMemory, 'ask' | 'keyPrefix'>, leaseMs: number) {
    this.#memory = memory;
    this.#leaseMs = leaseMs;
    this.#queueKeys = queueKeys(memory.keyPrefix);
  }

  #keyOf(jobId: string, ...rest: readonly (string | number)[]): string {
    return [this.#memory.keyPrefix, 'bulk', jobId, ...rest].join(':');
  }

  #itemsOf(jobId: string, page: number): string {
    return this.#keyOf(jobId, 'page', page);
  }

  #statesOf({ jobId, page }: Task): string {
    return this.#keyOf(jobId, 'page', page, 'states');
  }

  /** What a script that changes a page is about: the job, the page's states, the owners, and the job's queue. */
  #keysOf(lease: PageLease): readonly string[] {
    const { owners, queueOf } = this.#queueKeys;
    return [this.#keyOf(lease.jobId), this.#statesOf(lease), owners, queueOf(lease.needs)];
  }

  readonly #ask = <Result>(question: (redis: RedisClient) => Promise<Result>) => askRedis(this.#memory, question);

  /**
   * Keeps a new job, unless there is one with that id already, or its owner has too many.
   * @param ownerId whose jobs are counted together.
   */
  async create(
    job: Pick<BulkJob, 'id' | 'callerId' | 'sealedToken' | 'needs' | 'input'> & {
      readonly fingerprint: string;
      readonly trouble?: string;
    },
    items: readonly BulkItem[] | undefined,
    ownerId: string,
  ) {
    const { input, ...rest } = job;
    const { id, needs } = job;
    const pageCount = Math.ceil((items?.length ?? 0) / pageSize);
    const pages = Array.from({ length: pageCount }, (_, page) => items?.slice(page * pageSize, (page + 1) * pageSize));
    const createdAt = Date.now();
    const phase = items === undefined ? 'LISTING' : input.dryRun ? 'COMPLETED' : 'DELETING';
    const ownedBy = [this.#memory.keyPrefix, 'bulk-of', ownerId].join(':');
    const fields = {
      ...{ ...rest, ownedBy, phase, createdAt, input: JSON.stringify(input), total: items?.length ?? 0, pageCount },
      ...{ isPaused: 0, done: 0, open: 0, ...(phase === 'COMPLETED' && { endedAt: createdAt, sealedToken: '' }) },
    };
    const texts = pages.map((list) => `[${list?.map(writeItem).join()}]`);
    const values = Object.entries(fields).flat();
    const bytes = Buffer.byteLength([...texts, ...values].join(''));
    const { queues, queueOf } = this.#queueKeys;
    const keys = [this.#keyOf(id), ownedBy, queueOf(needs), queues, ...pages.map((_, page) => this.#itemsOf(id, page))];
    // One that has ended already is none of the unfinished.
    const most = phase === 'COMPLETED' ? Number.MAX_SAFE_INTEGER : maxUnfinished;
    const limits = [most, maxIdleBytes, Math.max(bytes, minBytes), maxIdleListedBytes];
    const args = [keptMs, ...limits, needs, pagesAtOnce, ...texts, ...values];
    const [kind, roomMs] = await this.#ask((redis) => scripts.createJob(redis, keys, args));
    return { kind, roomMs };
  }

  /** The job, or null when there is none with that id, or no more. */
  async read(id: string): Promise<BulkJob | null> {
    return readJob(id, await this.#ask((redis) => redis.hgetall(this.#keyOf(id))));
  }

  /** What the job was started with, to tell a repetition from another. */
  fingerprintOf(id: string): Promise<string | null> {
    return this.#ask((redis) => redis.hget(this.#keyOf(id), 'fingerprint'));
  }

  /** Pauses, resumes or cancels it for somebody; does nothing to one that has ended. */
  async steer(job: Pick<BulkJob, 'id' | 'needs'>, how: 'pause' | 'resume' | 'cancel'): Promise<void> {
    await this.#steer(job, [how, Date.now(), '', '']);
  }

  async #steer({ id, needs }: Pick<BulkJob, 'id' | 'needs'>, args: readonly (string | number)[]): Promise<void> {
    const { owners, queueOf } = this.#queueKeys;
    await this.#ask((redis) => scripts.steerJob(redis, [this.#keyOf(id), queueOf(needs), owners], args));
  }

  /** Pauses or fails it, since it cannot go on; does nothing to one that has ended, or that somebody has resumed since it was read. */
  async stop(job: BulkJob, how: 'pause' | 'fail', why: string): Promise<void> {
    await this.#steer(job, [how, Date.now(), why, job.resumes]);
  }

  /** Keeps for a day only what one never reached that was cancelled, or failed. */
  async letGo(id: string): Promise<void> {
    let from = 0;
    while ((await this.#ask((redis) => scripts.letGo(redis, [this.#keyOf(id)], [from, pagesPerStep]))) === 1)
      from += pagesPerStep;
  }

  /** Says why it waits. */
  async note(id: string, trouble: string): Promise<void> {
    await this.#ask((redis) => scripts.noteTrouble(redis, [this.#keyOf(id)], [trouble, 'trouble']));
  }

  /** Says why no server works on it, until one does. */
  async noteUnserved(id: string, why: string): Promise<void> {
    await this.#ask((redis) => scripts.noteTrouble(redis, [this.#keyOf(id)], [why, 'unserved']));
  }

  /** Adds what was listed, and where to go on; see {@link scripts.addListedPage}. */
  addListed(job: BulkJob, items: readonly BulkItem[], cursor: string | null): Promise<-2 | -1 | 0 | 1> {
    const { id, pageCount } = job;
    const keys = [this.#keyOf(id), ...this.#listKeysOf(id), job.ownedBy];
    const forMs = job.input.dryRun ? scripts.idleKeptMs : keptMs;
    const args = [pageCount, job.cursor ?? '', cursor ?? '', forMs, maxIdleListedBytes, ...items.map(writeItem)];
    return this.#ask((redis) => scripts.addListedPage(redis, keys, args));
  }

  /** See {@link scripts.notePartialList}. */
  notePartialList({ id, cursor }: BulkJob, mostAgain: number): Promise<number> {
    return this.#ask((redis) => scripts.notePartialList(redis, [this.#keyOf(id)], [cursor ?? '', mostAgain]));
  }

  /** The list is complete. */
  async endListing({ id, input, needs }: BulkJob): Promise<void> {
    const args = [Date.now(), input.dryRun ? 1 : 0, pagesAtOnce];
    const keys = [this.#keyOf(id), ...this.#listKeysOf(id), this.#queueKeys.queueOf(needs)];
    await this.#ask((redis) => scripts.endListing(redis, keys, args));
  }

  /** What was listed, and the cursors that were. */
  #listKeysOf(id: string): readonly string[] {
    return [this.#keyOf(id, 'listed'), this.#keyOf(id, 'cursors')];
  }

  /** The engagements of a page; null when they are kept no more. */
  async readPage(id: string, page: number): Promise<readonly BulkItem[] | null> {
    const json = await this.#ask((redis) => redis.get(this.#itemsOf(id, page)));
    return json === null ? null : readItems(json);
  }

  /** True while the job deletes, and is not paused. */
  async isGoingOn(id: string): Promise<boolean> {
    const [phase, isPaused] = await this.#ask((redis) => redis.hmget(this.#keyOf(id), 'phase', 'isPaused'));
    return phase === 'DELETING' && isPaused !== '1';
  }

  /** The engagements of a page with what they came to; `begun` for one that may have been sent. */
  async readStates(id: string, page: number): Promise<Readonly<Record<string, string>>> {
    return this.#ask((redis) => redis.hgetall(this.#statesOf({ jobId: id, page })));
  }

  /** Begins the work on a page; null when somebody else has it. A job that was begun is kept anew. */
  async takePage(lease: PageLease): Promise<Readonly<Record<string, string>> | null> {
    const { jobId, page, owner } = lease;
    const keys = [...this.#keysOf(lease), this.#itemsOf(jobId, page), this.#keyOf(jobId, 'failures')];
    const flat = await this.#ask((redis) => scripts.takePage(redis, keys, [nameOf(lease), owner, keptMs]));
    if (flat === null) return null;
    return Object.fromEntries(flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : [])));
  }

  /** See {@link scripts.beginItem}. */
  begin(lease: PageLease, index: number) {
    const args = [nameOf(lease), lease.owner, index, keptMs, this.#leaseMs];
    return this.#ask((redis) => scripts.beginItem(redis, this.#keysOf(lease), args));
  }

  /** Takes back that it has begun: nothing was sent. */
  async release(lease: PageLease, index: number): Promise<void> {
    const args = [nameOf(lease), lease.owner, index, Date.now()];
    await this.#ask((redis) => scripts.releaseItem(redis, this.#keysOf(lease), args));
  }

  /** Writes down what it came to, once and for all; false when it has its end, or is somebody else's. */
  async finish(lease: PageLease, index: number, outcome: BulkOutcome, failure?: BulkFailure): Promise<boolean> {
    const { jobId } = lease;
    const interval = Math.floor(Date.now() / rateIntervalMs);
    const keys = [...this.#keysOf(lease), this.#keyOf(jobId, 'failures'), this.#keyOf(jobId, 'rate', interval)];
    const args = [
      nameOf(lease),
      lease.owner,
      index,
      Date.now(),
      outcome,
      failure ? JSON.stringify(failure) : '',
      keptMs,
    ];
    return (await this.#ask((redis) => scripts.finishItem(redis, keys, args))) === 1;
  }

  /** Notes how many of its delete's attempts were answered, and the `Idempotency-Key` of the last. */
  async noteSent(lease: PageLease, index: number, answerCount: number, idempotencyKey: string): Promise<void> {
    const args = [nameOf(lease), lease.owner, index, answerCount, idempotencyKey];
    await this.#ask((redis) => scripts.noteSent(redis, this.#keysOf(lease), args));
  }

  /** Notes that the records of these items are kept. */
  async noteKept(lease: PageLease, indexes: readonly number[]): Promise<void> {
    const notes = Object.fromEntries(indexes.map((index) => [`kept:${index}`, 1]));
    await this.#ask((redis) => redis.hset(this.#statesOf(lease), notes));
  }

  /** Counts how often the page had to wait for something. */
  countWait(lease: PageLease, what: string): Promise<number> {
    return this.#ask((redis) => redis.hincrby(this.#statesOf(lease), `waits:${what}`, 1));
  }

  /** Failures in the order in which they came, from a place on. */
  async readFailures(id: string, from: number, count: number): Promise<readonly BulkFailure[]> {
    const lines = await this.#ask((redis) => redis.lrange(this.#keyOf(id, 'failures'), from, from + count - 1));
    return lines.map((line) => JSON.parse(line) as BulkFailure);
  }

  /** How many come to their end in a second, over the last minute; asked for once for a job as it was read. */
  readRate(job: BulkJob): Promise<number> {
    const known = this.#rates.get(job) ?? this.#readRate(job);
    this.#rates.set(job, known);
    return known;
  }

  async #readRate({ id, createdAt }: BulkJob): Promise<number> {
    const now = Date.now();
    const interval = Math.floor(now / rateIntervalMs);
    const names = Array.from({ length: rateIntervals + 1 }, (_, index) => this.#keyOf(id, 'rate', interval - index));
    const counts = await this.#ask((redis) => redis.mget(names));
    const spanMs = rateIntervals * rateIntervalMs + (now % rateIntervalMs);
    const seconds = Math.max(1_000, Math.min(spanMs, now - createdAt.getTime())) / 1_000;
    return counts.reduce((sum, count) => sum + Number(count ?? 0), 0) / seconds;
  }
}
