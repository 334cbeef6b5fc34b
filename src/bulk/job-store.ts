import { wholeSecond } from '../engagement/known-deletes.ts';
import {
  type BulkFailure,
  type BulkItem,
  type BulkJob,
  type BulkOutcome,
  type PauseReason,
  pageSize,
  type RestoredItem,
  type RestoreOutcome,
  readJob,
  type UnfinishedJobs,
} from './job.ts';
import * as scripts from './job-scripts.ts';
import { askRedis, type BulkMemory, type Question, redisKey } from './job-scripts.ts';
import type { Lease } from './task-queue.ts';

/** The least that a job counts for in its owner's limit: its hash, and its task in the queue. */
const minBytes = 16 * 1_024;
const rateIntervals = 6;
const rateIntervalMs = 10_000;
/** How many pages one script visits. It blocks Redis. */
const pagesPerStep = 500;
const jobsPerRead = 50;
const failuresPerRead = 200;

/** The position of a job in the list of its account. */
export function cursorOf({ id, createdAt }: Pick<BulkJob, 'id' | 'createdAt'>): string {
  return `${createdAt.getTime()}:${id}`;
}

type AwaitingItem = Awaited<ReturnType<JobStore['readAwaiting']>>[number];

/** The lease of a page. */
export type PageLease = Lease & { readonly page: number };

type NewJob = Pick<BulkJob, 'id' | 'callerId' | 'sealedToken' | 'needs' | 'input' | 'fingerprint' | 'ownerId'> & {
  readonly isPartial?: boolean;
  readonly integration?: string;
  readonly statusReason?: string;
};

const writeItem = ({ id, engagementType, source }: BulkItem) =>
  JSON.stringify([id, engagementType, ...(source ? [source] : [])]);

/** Stores bulk deletes in Redis. Each method rejects with `BulkUnavailable` while Redis cannot be reached. */
export class JobStore {
  readonly #memory: BulkMemory;
  readonly #leaseMs: number;

  /** @param leaseMs how long a page stays leased after its owner has begun a delete. */
  constructor(memory: BulkMemory, leaseMs: number) {
    this.#memory = memory;
    this.#leaseMs = leaseMs;
  }

  readonly #ask = <Answer>(question: Question<Answer>) => askRedis(this.#memory, question);

  /** Stores a new job, unless its id exists, or its owner has reached a limit. */
  async create({ input, isPartial = false, ...rest }: NewJob, items: readonly BulkItem[] | undefined) {
    const { id: jobId, needs, ownerId } = rest;
    const { integratedAccountId } = input;
    const total = items?.length ?? 0;
    const pageCount = Math.ceil(total / pageSize);
    const texts = Array.from({ length: pageCount }, (_, page) => {
      const list = items?.slice(page * pageSize, (page + 1) * pageSize);
      return `[${list?.map(writeItem).join()}]`;
    });
    const phase = items === undefined ? 'LISTING' : input.dryRun && !input.restore ? 'COMPLETED' : 'DELETING';
    const counts = { total, pageCount, done: 0, open: 0, isPaused: 0, isPartial: Number(isPartial) };
    const fields = Object.entries({ ...rest, ...counts, input: JSON.stringify(input) }).flat();
    const bytes = Math.max(minBytes, Buffer.byteLength([...texts, ...fields].join('')));
    const keys = texts.map((_, page) => redisKey(this.#memory, 'items', { jobId, page }));
    const values = { jobId, needs, ownerId, integratedAccountId, phase, bytes };
    const [kind, roomMs] = await scripts.createJob(this.#memory, values, { keys, args: [...texts, ...fields] });
    return { kind, roomMs };
  }

  /** Reads a job; null when there is none, or it has expired. */
  async read(jobId: string): Promise<BulkJob | null> {
    return readJob(await this.#ask((redis) => redis.hgetall(redisKey(this.#memory, 'job', { jobId }))));
  }

  /** Reads the jobs of an account, newest first. @param after the cursor of a job, after which they begin; see {@link cursorOf}. */
  async *list(integratedAccountId: string, after: string | null): AsyncGenerator<BulkJob> {
    const key = redisKey(this.#memory, 'accountJobs', { integratedAccountId });
    for (let last = after; ; ) {
      const max = last === null ? '+' : `(${last}`;
      const cursors = await this.#ask((redis) => redis.zrevrangebylex(key, max, '-', 'LIMIT', 0, jobsPerRead));
      const read = await Promise.all(cursors.map((cursor) => this.read(cursor.slice(cursor.indexOf(':') + 1))));
      const jobs = read.filter((job, index) => job !== null && cursorOf(job) === cursors[index]) as BulkJob[];
      const stored = new Set(jobs.map(cursorOf));
      const expired = cursors.filter((cursor) => !stored.has(cursor));
      if (expired.length > 0) await this.#ask((redis) => redis.zrem(key, expired));
      yield* jobs;
      last = cursors.at(-1) ?? null;
      if (cursors.length < jobsPerRead) return;
    }
  }

  async #control(
    { id: jobId, needs }: BulkJob,
    values: { readonly how: string; readonly reason: string; why?: string; resumes?: number; eventAt?: number },
  ): Promise<boolean> {
    const all = { jobId, needs, why: '', resumes: '', eventAt: '', ...values };
    return (await scripts.controlJob(this.#memory, all)) === 1;
  }

  /** Pauses, resumes or cancels a job for a caller. Changes none that has ended. */
  control(job: BulkJob, how: 'pause' | 'resume' | 'cancel') {
    return this.#control(job, { how, reason: 'CALLER' });
  }

  /** Pauses or fails a job that cannot continue. Changes none that has ended, or was resumed since it was read. */
  stop(job: BulkJob, how: 'fail' | PauseReason, why: string) {
    const control = how === 'fail' ? { how, reason: '' } : { how: 'pause', reason: how };
    return this.#control(job, { ...control, why, resumes: job.resumes });
  }

  /** Pauses a job whose account must be connected again, or resumes it, by an event of Truto's. Returns whether the job has changed. */
  controlByEvent(job: BulkJob, how: 'pause' | 'resume', why: string, at: Date) {
    const { resumes } = job;
    return this.#control(job, { how, why, reason: 'ACCOUNT_NEEDS_REAUTH', resumes, eventAt: at.getTime() });
  }

  /** Waits for Truto's event; see {@link scripts.awaitEvent}. True when it has arrived already. @param sentAtMs in milliseconds since 1970. */
  async awaitEvent({ jobId, page }: PageLease, index: number, engagement: string, sentAtMs: number, forMs: number) {
    const values = { engagement, place: `${jobId}:${page}:${index}`, sentAt: wholeSecond(sentAtMs), forMs };
    return (await scripts.awaitEvent(this.#memory, values)) === 1;
  }

  /** Where an engagement waits for the event, and since when. */
  async readAwaiting(engagement: string) {
    const places = await this.#ask((redis) => redis.hgetall(redisKey(this.#memory, 'awaiting', { engagement })));
    return Object.entries(places).map(([place, sentAt]) => {
      const [jobId = '', page, index] = place.split(':');
      return { place, jobId, page: Number(page), index: Number(index), sentAtMs: Number(sentAt) };
    });
  }

  /** Stores that an engagement is deleted, by the event. Returns its state before; undefined when it changes none. */
  async settle({ needs }: BulkJob, { jobId, page, index, place }: AwaitingItem, engagement: string) {
    for (;;) {
      const isUnknown = (await this.readStates(jobId, page))[index] === 'OutcomeUnknownError';
      const item = isUnknown ? (await this.readPage(jobId, page))?.[index] : undefined;
      const listed = item && (await this.#findUnknown(jobId, item));
      const failure = listed ? JSON.stringify(listed) : '';
      const state = await scripts.settleItem(this.#memory, { jobId, page, needs, index, failure });
      // Its outcome became unknown meanwhile: then it has a failure now.
      if (state === 'unlisted' && !isUnknown) continue;
      if (state === 'unlisted' || state === '') return undefined;
      await this.#ask((redis) => redis.hdel(redisKey(this.#memory, 'awaiting', { engagement }), place));
      return state;
    }
  }

  /** Finds the failure of an engagement with an unknown outcome. Other events remove failures meanwhile: backwards, none is skipped. */
  async #findUnknown(jobId: string, { id, engagementType }: BulkItem): Promise<BulkFailure | undefined> {
    const isIt = (one: BulkFailure) =>
      one.id === id && one.engagementType === engagementType && one.result.kind === 'OutcomeUnknownError';
    let from = await this.#ask((redis) => redis.llen(redisKey(this.#memory, 'failures', { jobId })));
    while (from > 0) {
      from -= failuresPerRead;
      const first = Math.max(0, from);
      const found = (await this.readFailures(jobId, first, from + failuresPerRead - first)).find(isIt);
      if (found) return found;
    }
    return undefined;
  }

  /** Counts the jobs of all servers that have not ended: the oldest thousand. */
  async countUnfinished(): Promise<UnfinishedJobs> {
    const jobPrefix = redisKey(this.#memory, 'job', { jobId: '' });
    const [oldestAgeMs, ...rest] = await scripts.countUnfinished(this.#memory, { jobPrefix });
    const paused: Record<string, number> = {};
    for (let i = 0; i < rest.length; i += 2) paused[String(rest[i])] = Number(rest[i + 1]);
    return { oldestAgeMs, paused };
  }

  /** Lets the pages of an ended job expire; see {@link scripts.letGo}. */
  async letGo(jobId: string): Promise<void> {
    let from = 0;
    while ((await scripts.letGo(this.#memory, { jobId, from, count: pagesPerStep })) === 1) from += pagesPerStep;
  }

  /** Stores why a job waits; with `unserved`, until a server works on it. */
  note(jobId: string, why: string, field: 'statusReason' | 'unserved' = 'statusReason') {
    return scripts.noteStatusReason(this.#memory, { jobId, why, field });
  }

  /** Adds listed engagements, and the next cursor; see {@link scripts.addListedPage}. */
  addListed(job: BulkJob, items: readonly BulkItem[], nextCursor: string | null, isPartial = false) {
    const { id: jobId, input, cursor, ownerId, needs, pageCount } = job;
    // The dry run of a restore works on its pages.
    const flags = { isPartial: Number(isPartial), isDryRun: Number(input.dryRun && !input.restore) };
    const cursors = { cursor: cursor ?? '', nextCursor: nextCursor ?? '' };
    const values = { jobId, ownerId, needs, pageCount, ...cursors, ...flags };
    return scripts.addListedPage(this.#memory, values, { args: items.map(writeItem) });
  }

  /** Reads the engagements of a page; null when it has expired. */
  async readPage(jobId: string, page: number): Promise<readonly BulkItem[] | null> {
    const json = await this.#ask((redis) => redis.get(redisKey(this.#memory, 'items', { jobId, page })));
    const items: [string, BulkItem['engagementType'], BulkItem['source']?][] | null = JSON.parse(json ?? 'null');
    return items?.map(([id, engagementType, source]) => ({ id, engagementType, ...(source && { source }) })) ?? null;
  }

  /** Removes the given lines of a page of an ended restore, except those of `kept` items. */
  async dropLines(jobId: string, page: number, items: readonly BulkItem[], kept: ReadonlySet<number>): Promise<void> {
    const texts = items.map(({ source: { line, ...source } = {}, ...item }, index) =>
      writeItem({ ...item, source: { ...source, ...(kept.has(index) && line !== undefined && { line }) } }),
    );
    const key = redisKey(this.#memory, 'items', { jobId, page });
    await this.#ask((redis) => redis.set(key, `[${texts.join()}]`, 'KEEPTTL', 'XX'));
  }

  /** Reads a page's states: the outcome of each engagement by its index, or `begun` when its delete may have been sent; and notes. */
  readStates(jobId: string, page: number): Promise<Readonly<Record<string, string>>> {
    return this.#ask((redis) => redis.hgetall(redisKey(this.#memory, 'states', { jobId, page })));
  }

  /** Begins the work on a page; null when another server has it. Renews the expiry of a job that was begun. */
  async takePage(lease: PageLease): Promise<Readonly<Record<string, string>> | null> {
    const isTaken = (await scripts.takePage(this.#memory, lease)) === 1;
    return isTaken ? this.readStates(lease.jobId, lease.page) : null;
  }

  // These change the states of a page, and nothing when another server has it; see the script of each.
  readonly begin = (lease: PageLease, index: number) =>
    scripts.beginItem(this.#memory, { ...lease, index, leaseMs: this.#leaseMs });
  readonly release = (lease: PageLease, index: number) => scripts.releaseItem(this.#memory, { ...lease, index });
  readonly startKeeping = (lease: PageLease, index: number) => scripts.startKeeping(this.#memory, { ...lease, index });
  readonly noteKept = (lease: PageLease, index: number, file: string) =>
    scripts.noteKept(this.#memory, { ...lease, index, file });
  readonly noteStates = (
    lease: PageLease,
    notes: { readonly [Name in `${'answers' | 'key' | 'end'}:${number}`]: string | number },
  ) => scripts.noteStates(this.#memory, lease, { args: Object.entries(notes).flat() });

  /** Stores the final outcome; false when there is one already, or another server has the page. */
  async finish(
    lease: PageLease,
    index: number,
    outcome: BulkOutcome | RestoreOutcome,
    failed?: BulkFailure | RestoredItem,
  ): Promise<boolean> {
    const interval = Math.floor(Date.now() / rateIntervalMs);
    const failure = failed ? JSON.stringify(failed) : '';
    return (await scripts.finishItem(this.#memory, { ...lease, index, outcome, failure, interval })) === 1;
  }

  /** The names of the files with the records of a bulk delete, sorted. */
  async readUndoFiles(jobId: string): Promise<readonly string[]> {
    return (await this.#ask((redis) => redis.smembers(redisKey(this.#memory, 'undoFiles', { jobId })))).sort();
  }

  /** Counts one more wait of a page, by its reason. */
  countWait(lease: PageLease, what: string): Promise<number> {
    return this.#ask((redis) => redis.hincrby(redisKey(this.#memory, 'states', lease), `waits:${what}`, 1));
  }

  /** Reads failures: a {@link BulkFailure} of a delete, a {@link RestoredItem} of a restore. */
  async readFailures<Failure = BulkFailure>(jobId: string, from: number, count: number): Promise<readonly Failure[]> {
    const key = redisKey(this.#memory, 'failures', { jobId });
    const lines = await this.#ask((redis) => redis.lrange(key, from, from + count - 1));
    return lines.map((line) => JSON.parse(line) as Failure);
  }

  /** How many engagements end in a second, over the last minute. */
  async readRate({ id: jobId, createdAt, activeSince = createdAt }: BulkJob): Promise<number> {
    const [now, sinceMs] = [Date.now(), activeSince.getTime()];
    const last = Math.floor(now / rateIntervalMs);
    const count = Math.min(rateIntervals, Math.max(0, last - Math.floor(sinceMs / rateIntervalMs)));
    const keys = Array.from({ length: count + 1 }, (_, index) =>
      redisKey(this.#memory, 'rate', { jobId, interval: last - index }),
    );
    const counts = await this.#ask((redis) => redis.mget(keys));
    const spanMs = rateIntervals * rateIntervalMs + (now % rateIntervalMs);
    const seconds = Math.max(1_000, Math.min(spanMs, now - sinceMs)) / 1_000;
    return counts.reduce((sum, count) => sum + Number(count ?? 0), 0) / seconds;
  }
}
