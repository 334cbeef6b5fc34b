import { keyPrefix, type SharedMemory } from '../redis.ts';
import type { RedisClient } from '../redis-client.ts';
import { BulkUnavailable } from './bulk-unavailable.ts';
import { type BulkFailure, type BulkInput, type BulkItem, type BulkJob, type BulkOutcome, pageSize } from './job.ts';
import * as scripts from './job-scripts.ts';
import { readJob } from './read-job.ts';

/** How long a bulk delete is kept, from its last change on; a page of it, from when it was added. */
const keptMs = 30 * 24 * 3_600_000;

/** How long a bulk delete is kept of which nothing was begun or listed, and a dry run: it can be started again. */
const idleKeptMs = 24 * 3_600_000;

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

/** Who works on a page: an answer counts only as long as nobody else has it. */
export interface PageLease {
  readonly jobId: string;
  readonly page: number;
  readonly owner: string;
}

const keyOf = (jobId: string, ...rest: readonly (string | number)[]) => [keyPrefix, 'bulk', jobId, ...rest].join(':');
const ownedBy = (ownerId: string) => [keyPrefix, 'bulk-of', ownerId].join(':');
const statesOf = ({ jobId, page }: Pick<PageLease, 'jobId' | 'page'>) => keyOf(jobId, 'page', page, 'states');
const itemsOf = (jobId: string, page: number) => keyOf(jobId, 'page', page);

const writeItem = ({ id, engagementType }: BulkItem) => JSON.stringify([id, engagementType]);
const readItems = (json: string): readonly BulkItem[] =>
  (JSON.parse(json) as [string, BulkItem['engagementType']][]).map(([id, engagementType]) => ({
    id,
    engagementType,
  }));

/** Everything that is kept of bulk deletes, in Redis. Each method rejects with {@link BulkUnavailable} while that is gone. */
export class JobStore {
  readonly #memory: SharedMemory;
  readonly #rates = new WeakMap<BulkJob, Promise<number>>();

  constructor(memory: SharedMemory) {
    this.#memory = memory;
  }

  async #ask<Result>(question: (redis: RedisClient) => Promise<Result>): Promise<Result> {
    const answer = await this.#memory.ask(question);
    if (answer === undefined) throw new BulkUnavailable('Redis does not answer');
    return answer;
  }

  /**
   * Keeps a new job, unless there is one with that id already, or its owner has too many.
   * @param ownerId whose jobs are counted together.
   */
  async create(
    job: Pick<BulkJob, 'id' | 'callerId' | 'sealedToken'> & {
      readonly input: BulkInput;
      readonly fingerprint: string;
      readonly trouble?: string;
    },
    items: readonly BulkItem[] | undefined,
    ownerId: string,
  ) {
    const { id, input, ...rest } = job;
    const pageCount = Math.ceil((items?.length ?? 0) / pageSize);
    const pages = Array.from({ length: pageCount }, (_, page) => items?.slice(page * pageSize, (page + 1) * pageSize));
    const createdAt = Date.now();
    const phase = items === undefined ? 'LISTING' : input.dryRun ? 'COMPLETED' : 'DELETING';
    const fields = {
      ...{ ...rest, phase, createdAt, input: JSON.stringify(input), total: items?.length ?? 0, pageCount },
      ...{ isPaused: 0, done: 0, open: 0, ...(phase === 'COMPLETED' && { endedAt: createdAt }) },
    };
    const texts = pages.map((list) => `[${list?.map(writeItem).join()}]`);
    const values = Object.entries(fields).flat();
    const bytes = Buffer.byteLength([...texts, ...values].join(''));
    const keys = [keyOf(id), ownedBy(ownerId), ...pages.map((_, page) => itemsOf(id, page))];
    // One that has ended already is none of the unfinished.
    const most = phase === 'COMPLETED' ? Number.MAX_SAFE_INTEGER : maxUnfinished;
    const limits = [most, maxIdleBytes, Math.max(bytes, minBytes), maxIdleListedBytes];
    const args = [idleKeptMs, keptMs, ...limits, ...texts, ...values];
    const [kind, roomMs] = await this.#ask((redis) => scripts.createJob(redis, keys, args));
    return { kind, roomMs };
  }

  /** The job, or null when there is none with that id, or no more. */
  async read(id: string): Promise<BulkJob | null> {
    return readJob(id, await this.#ask((redis) => redis.hgetall(keyOf(id))));
  }

  /** What the job was started with, to tell a repetition from another. */
  fingerprintOf(id: string): Promise<string | null> {
    return this.#ask((redis) => redis.hget(keyOf(id), 'fingerprint'));
  }

  /** Pauses, resumes or cancels it for somebody; does nothing to one that has ended. */
  async steer(id: string, how: 'pause' | 'resume' | 'cancel'): Promise<void> {
    await this.#ask((redis) => scripts.steerJob(redis, [keyOf(id)], [how, Date.now(), '', '']));
  }

  /** Pauses or fails it, since it cannot go on; does nothing to one that has ended, or that somebody has resumed since it was read. */
  async stop({ id, resumes }: BulkJob, how: 'pause' | 'fail', why: string): Promise<void> {
    await this.#ask((redis) => scripts.steerJob(redis, [keyOf(id)], [how, Date.now(), why, resumes]));
  }

  /** Says why it waits. */
  async note(id: string, trouble: string): Promise<void> {
    await this.#ask((redis) => scripts.noteTrouble(redis, [keyOf(id)], [trouble]));
  }

  /** Adds what was listed, and where to go on: 0 when somebody else has, -1 when the list comes back to where it was. */
  addListed(job: BulkJob, items: readonly BulkItem[], cursor: string | null): Promise<-1 | 0 | 1> {
    const { id, pageCount } = job;
    const keys = [keyOf(id), itemsOf(id, pageCount), keyOf(id, 'listed'), keyOf(id, 'cursors')];
    const forMs = job.input.dryRun ? idleKeptMs : keptMs;
    const args = [pageCount, job.cursor ?? '', cursor ?? '', forMs, ...items.map(writeItem)];
    return this.#ask((redis) => scripts.addListedPage(redis, keys, args));
  }

  /** The list is complete. */
  async endListing({ id, input }: BulkJob): Promise<void> {
    const args = [Date.now(), input.dryRun ? 1 : 0];
    await this.#ask((redis) => scripts.endListing(redis, [keyOf(id), keyOf(id, 'listed'), keyOf(id, 'cursors')], args));
  }

  /** The engagements of a page; null when they are kept no more. */
  async readPage(id: string, page: number): Promise<readonly BulkItem[] | null> {
    const json = await this.#ask((redis) => redis.get(itemsOf(id, page)));
    return json === null ? null : readItems(json);
  }

  /** True while the job deletes, and is not paused. */
  async isGoingOn(id: string): Promise<boolean> {
    const [phase, isPaused] = await this.#ask((redis) => redis.hmget(keyOf(id), 'phase', 'isPaused'));
    return phase === 'DELETING' && isPaused !== '1';
  }

  /** The engagements of a page with what they came to; `begun` for one that may have been sent. */
  async readStates(id: string, page: number): Promise<Readonly<Record<string, string>>> {
    return this.#ask((redis) => redis.hgetall(statesOf({ jobId: id, page })));
  }

  /** Makes the page its worker's: from now on, no earlier worker can change it. A job that was begun is kept anew. */
  async takePage(lease: PageLease, { hasBegun }: Pick<BulkJob, 'hasBegun'>): Promise<Readonly<Record<string, string>>> {
    await this.#ask((redis) => {
      const steps = redis.multi().hset(statesOf(lease), 'owner', lease.owner).pexpire(statesOf(lease), keptMs);
      const { jobId, page } = lease;
      const begun = hasBegun ? [keyOf(jobId), itemsOf(jobId, page), keyOf(jobId, 'failures')] : [];
      for (const key of begun) steps.pexpire(key, keptMs);
      return steps.exec();
    });
    return this.readStates(lease.jobId, lease.page);
  }

  /** See {@link scripts.beginItem}. */
  begin(lease: PageLease, index: number) {
    const keys = [keyOf(lease.jobId), statesOf(lease)];
    return this.#ask((redis) => scripts.beginItem(redis, keys, [index, lease.owner, keptMs]));
  }

  /** Takes back that it has begun: nothing was sent. */
  async release(lease: PageLease, index: number): Promise<void> {
    const keys = [keyOf(lease.jobId), statesOf(lease)];
    await this.#ask((redis) => scripts.releaseItem(redis, keys, [index, lease.owner, Date.now()]));
  }

  /** Writes down what it came to, once and for all; false when it has its end, or is somebody else's. */
  async finish(lease: PageLease, index: number, outcome: BulkOutcome, failure?: BulkFailure): Promise<boolean> {
    const { jobId } = lease;
    const interval = Math.floor(Date.now() / rateIntervalMs);
    const keys = [keyOf(jobId), statesOf(lease), keyOf(jobId, 'failures'), keyOf(jobId, 'rate', interval)];
    const args = [index, lease.owner, Date.now(), outcome, failure ? JSON.stringify(failure) : '', keptMs];
    return (await this.#ask((redis) => scripts.finishItem(redis, keys, args))) === 1;
  }

  /** Notes how many of its delete's attempts were answered, and the `Idempotency-Key` of the last. */
  async noteSent(lease: PageLease, index: number, answerCount: number, idempotencyKey: string): Promise<void> {
    const keys = [keyOf(lease.jobId), statesOf(lease)];
    await this.#ask((redis) => scripts.noteSent(redis, keys, [index, lease.owner, answerCount, idempotencyKey]));
  }

  /** Notes that the records of these items are kept. */
  async noteKept(lease: PageLease, indexes: readonly number[]): Promise<void> {
    const notes = Object.fromEntries(indexes.map((index) => [`kept:${index}`, 1]));
    await this.#ask((redis) => redis.hset(statesOf(lease), notes));
  }

  /** True when the page that comes after it is in the queue, or was. */
  async isFollowed(jobId: string, page: number): Promise<boolean> {
    return (await this.#ask((redis) => redis.hexists(statesOf({ jobId, page }), 'followed'))) === 1;
  }

  /** Notes that the page that comes after it is in the queue. */
  async noteFollowed(jobId: string, page: number): Promise<void> {
    await this.#ask((redis) => redis.hset(statesOf({ jobId, page }), 'followed', 1));
  }

  /** Counts how often the page had to wait for something. */
  countWait(lease: PageLease, what: string): Promise<number> {
    return this.#ask((redis) => redis.hincrby(statesOf(lease), `waits:${what}`, 1));
  }

  /** Failures in the order in which they came, from a place on. */
  async readFailures(id: string, from: number, count: number): Promise<readonly BulkFailure[]> {
    const lines = await this.#ask((redis) => redis.lrange(keyOf(id, 'failures'), from, from + count - 1));
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
    const names = Array.from({ length: rateIntervals + 1 }, (_, index) => keyOf(id, 'rate', interval - index));
    const counts = await this.#ask((redis) => redis.mget(names));
    const spanMs = rateIntervals * rateIntervalMs + (now % rateIntervalMs);
    const seconds = Math.max(1_000, Math.min(spanMs, now - createdAt.getTime())) / 1_000;
    return counts.reduce((sum, count) => sum + Number(count ?? 0), 0) / seconds;
  }
}
