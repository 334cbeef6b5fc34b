import type { RedisClient } from '../redis/client.ts';
import { type BulkFailure, type BulkItem, type BulkJob, type BulkOutcome, pageSize, readJob } from './job.ts';
import * as scripts from './job-scripts.ts';
import { askRedis, type BulkMemory, keyOf } from './job-scripts.ts';
import type { Lease } from './task-queue.ts';

/** What one counts for, however little it takes: its hash and its task in the queue. */
const minBytes = 16 * 1_024;

/** Over how many intervals of ten seconds the rate is taken. */
const rateIntervals = 6;
const rateIntervalMs = 10_000;

/** How many pages are looked at in one step: Redis does nothing else meanwhile. */
const pagesPerStep = 500;

/** Who works on a page. */
export type PageLease = Lease & { readonly page: number };

type NewJob = Pick<BulkJob, 'id' | 'callerId' | 'sealedToken' | 'needs' | 'input' | 'fingerprint' | 'ownerId'> & {
  readonly trouble?: string;
};

const writeItem = ({ id, engagementType }: BulkItem) => JSON.stringify([id, engagementType]);

/** Everything that is kept of bulk deletes, in Redis. Each method rejects with `BulkUnavailable` while Redis cannot be reached. */
export class JobStore {
  readonly #memory: BulkMemory;
  readonly #leaseMs: number;

  /** @param leaseMs how long a page is its owner's after it began to delete something of it. */
  constructor(memory: BulkMemory, leaseMs: number) {
    this.#memory = memory;
    this.#leaseMs = leaseMs;
  }

  readonly #ask = <Answer>(question: (redis: RedisClient) => Promise<Answer>) => askRedis(this.#memory, question);

  /** Keeps a new job, unless there is one with that id already, or its owner has too many. */
  async create({ input, ...rest }: NewJob, items: readonly BulkItem[] | undefined) {
    const { id: jobId, needs, ownerId } = rest;
    const total = items?.length ?? 0;
    const pages = Array.from({ length: Math.ceil(total / pageSize) }, (_, page) => page);
    const texts = pages.map((page) => {
      const list = items?.slice(page * pageSize, (page + 1) * pageSize);
      return `[${list?.map(writeItem).join()}]`;
    });
    const phase = items === undefined ? 'LISTING' : input.dryRun ? 'COMPLETED' : 'DELETING';
    const counts = { total, pageCount: pages.length, done: 0, open: 0, isPaused: 0 };
    const fields = Object.entries({ ...rest, ...counts, input: JSON.stringify(input) }).flat();
    const bytes = Math.max(minBytes, Buffer.byteLength([...texts, ...fields].join('')));
    const keys = pages.map((page) => keyOf(this.#memory, 'items', { jobId, page }));
    const more = { keys, args: [...texts, ...fields] };
    const [kind, roomMs] = await scripts.createJob(this.#memory, { jobId, needs, ownerId, phase, bytes }, more);
    return { kind, roomMs };
  }

  /** The job, or null when there is none with that id, or no more. */
  async read(jobId: string): Promise<BulkJob | null> {
    return readJob(await this.#ask((redis) => redis.hgetall(keyOf(this.#memory, 'job', { jobId }))));
  }

  /** Pauses, resumes or cancels it for somebody; does nothing to one that has ended. */
  async control({ id, needs }: BulkJob, how: 'pause' | 'resume' | 'cancel'): Promise<void> {
    await scripts.controlJob(this.#memory, { jobId: id, needs, how, why: '', resumes: '' });
  }

  /** Pauses or fails it, since it cannot go on; does nothing to one that has ended, or that somebody has resumed since it was read. */
  async stop({ id, needs, resumes }: BulkJob, how: 'pause' | 'fail', why: string): Promise<void> {
    await scripts.controlJob(this.#memory, { jobId: id, needs, how, why, resumes });
  }

  /** Keeps what one that ended early never reached for a day only. */
  async letGo(jobId: string): Promise<void> {
    let from = 0;
    while ((await scripts.letGo(this.#memory, { jobId, from, count: pagesPerStep })) === 1) from += pagesPerStep;
  }

  /** Says why it waits; `unserved`: until a server works on it. */
  async note(jobId: string, why: string, field: 'trouble' | 'unserved' = 'trouble'): Promise<void> {
    await scripts.noteTrouble(this.#memory, { jobId, why, field });
  }

  /** Adds what was listed, and where to go on; see {@link scripts.addListedPage}. */
  addListed(job: BulkJob, items: readonly BulkItem[], nextCursor: string | null, isPartial = false) {
    const { id, input, cursor } = job;
    const flags = { isPartial: isPartial ? 1 : 0, isDryRun: input.dryRun ? 1 : 0 };
    const cursors = { cursor: cursor ?? '', nextCursor: nextCursor ?? '' };
    const { ownerId, needs, pageCount } = job;
    const values = { jobId: id, ownerId, needs, pageCount, ...cursors, ...flags };
    return scripts.addListedPage(this.#memory, values, { args: items.map(writeItem) });
  }

  /** The engagements of a page; null when they are kept no more. */
  async readPage(jobId: string, page: number): Promise<readonly BulkItem[] | null> {
    const json = await this.#ask((redis) => redis.get(keyOf(this.#memory, 'items', { jobId, page })));
    const items: [string, BulkItem['engagementType']][] | null = json === null ? null : JSON.parse(json);
    return items?.map(([id, engagementType]) => ({ id, engagementType })) ?? null;
  }

  /** What the engagements of a page came to, by their index; `begun` for one that may have been sent. And what was noted of them. */
  readStates(jobId: string, page: number): Promise<Readonly<Record<string, string>>> {
    return this.#ask((redis) => redis.hgetall(keyOf(this.#memory, 'states', { jobId, page })));
  }

  /** Begins the work on a page; null when another server has it. A job that was begun is kept anew. */
  async takePage(lease: PageLease): Promise<Readonly<Record<string, string>> | null> {
    const isTaken = (await scripts.takePage(this.#memory, lease)) === 1;
    return isTaken ? this.readStates(lease.jobId, lease.page) : null;
  }

  /** Says that the delete of an engagement is about to be sent; see {@link scripts.beginItem}. */
  begin(lease: PageLease, index: number) {
    return scripts.beginItem(this.#memory, { ...lease, index, leaseMs: this.#leaseMs });
  }

  /** Takes back that it has begun: nothing was sent. */
  async release(lease: PageLease, index: number): Promise<void> {
    await scripts.releaseItem(this.#memory, { ...lease, index });
  }

  /** Writes down what it came to, once and for all; false when it has an outcome, or another server has its page. */
  async finish(lease: PageLease, index: number, outcome: BulkOutcome, failure?: BulkFailure): Promise<boolean> {
    const interval = Math.floor(Date.now() / rateIntervalMs);
    const text = failure ? JSON.stringify(failure) : '';
    return (await scripts.finishItem(this.#memory, { ...lease, index, outcome, failure: text, interval })) === 1;
  }

  /** Notes how many of its delete's attempts were answered, and the `Idempotency-Key` of the last. */
  async noteSent(lease: PageLease, index: number, answerCount: number, idempotencyKey: string): Promise<void> {
    const args = [`answers:${index}`, answerCount, `key:${index}`, idempotencyKey];
    await scripts.noteStates(this.#memory, lease, { args });
  }

  /** Notes that the records of these items are kept. */
  async noteKept(lease: PageLease, indexes: readonly number[]): Promise<void> {
    await scripts.noteStates(this.#memory, lease, { args: indexes.flatMap((index) => [`kept:${index}`, 1]) });
  }

  /** Counts how often the page had to wait for something. */
  countWait(lease: PageLease, what: string): Promise<number> {
    return this.#ask((redis) => redis.hincrby(keyOf(this.#memory, 'states', lease), `waits:${what}`, 1));
  }

  /** So many failures in the order in which they came. */
  async readFailures(jobId: string, from: number, count: number): Promise<readonly BulkFailure[]> {
    const lines = await this.#ask((redis) =>
      redis.lrange(keyOf(this.#memory, 'failures', { jobId }), from, from + count - 1),
    );
    return lines.map((line) => JSON.parse(line) as BulkFailure);
  }

  /** How many come to their end in a second, over the last minute. */
  async readRate({ id: jobId, createdAt }: BulkJob): Promise<number> {
    const now = Date.now();
    const last = Math.floor(now / rateIntervalMs);
    const intervals = Array.from({ length: rateIntervals + 1 }, (_, index) => last - index);
    const counts = await this.#ask((redis) =>
      redis.mget(intervals.map((interval) => keyOf(this.#memory, 'rate', { jobId, interval }))),
    );
    const spanMs = rateIntervals * rateIntervalMs + (now % rateIntervalMs);
    const seconds = Math.max(1_000, Math.min(spanMs, now - createdAt.getTime())) / 1_000;
    return counts.reduce((sum, count) => sum + Number(count ?? 0), 0) / seconds;
  }
}
