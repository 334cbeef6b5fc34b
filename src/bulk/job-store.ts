import { wholeSecond } from '../engagement/known-deletes.ts';
import type { RedisClient } from '../redis/shared-memory.ts';
import {
  type BulkFailure,
  type BulkInput,
  type BulkItem,
  type BulkJob,
  itemStateOf,
  outcomeOf,
  pageSize,
  type pauseReasons,
  readJob,
  type ShownItem,
  type StoredOutcome,
  type UnfinishedJobs,
} from './job.ts';
import * as scripts from './job-scripts.ts';
import { keyWithId, type LedgerEntry } from './undo-files.ts';

/** The least that a job counts for in its owner's limit: its hash, and its task in the queue. */
const minBytes = 16 * 1_024;
const rateIntervals = 6;
const rateIntervalMs = 10_000;
/** How many pages one script visits. It blocks Redis. */
const pagesPerStep = 500;
const jobsPerRead = 50;
/** How many entries of the terminal's ledger are looked up at once. */
const entriesPerRead = 100;
/** How long after the last heartbeat a queue counts as not served, in milliseconds. */
const unservedMs = 20_000;

/** The settings of a server that tasks depend on. */
export interface Abilities {
  readonly upstream: string;
  /** `own` for the server's own credential, or the name of the seal that opens callers' tokens; undefined when the server cannot keep tokens. */
  readonly credential: string | undefined;
  readonly keepsUndoFiles: boolean;
}

/** The settings behind the {@link Abilities}, in the order in which a queue's name has them. */
const settingsBehind = ['TRUTO_BASE_URL', 'AUTH_MODE and BULK_TOKEN_SECRET', 'UNDO_STORE'] as const;

/** A unit of work of a bulk delete that a server has taken: a page, or its list. Its writes count only while it holds the lease. */
export interface Lease {
  readonly jobId: string;
  readonly page: number | 'list';
  readonly task: string;
  readonly needs: string;
  readonly holder: string;
}

/** The lease of a page. */
export type PageLease = Lease & { readonly page: number };

/** The position of a job in the list of its account. */
export function cursorOf({ id, createdAt }: Pick<BulkJob, 'id' | 'createdAt'>): string {
  return `${createdAt.getTime()}:${id}`;
}

type AwaitingItem = Awaited<ReturnType<JobStore['readAwaiting']>>[number];

type NewJob = Pick<BulkJob, 'id' | 'callerId' | 'sealedToken' | 'input' | 'fingerprint' | 'ownerId'> & {
  readonly isPartial?: boolean;
  readonly integration?: string;
  readonly statusReason?: string;
};

const writeItem = ({ id, engagementType, source }: BulkItem) =>
  JSON.stringify([id, engagementType, ...(source ? [source] : [])]);

/** Stores jobs, the queues of their tasks, and the ledger of restores. Each method rejects with `BulkUnavailable` while Redis cannot be reached. */
export class JobStore {
  readonly #memory: scripts.BulkMemory;
  readonly abilities: Abilities;
  /** How long a lease lasts without a heartbeat, in milliseconds. By then each delete of its holder has an answer or has timed out. */
  readonly leaseMs: number;

  constructor(memory: scripts.BulkMemory, abilities: Abilities, requestTimeoutMs: number) {
    this.#memory = memory;
    this.abilities = abilities;
    this.leaseMs = requestTimeoutMs + 2_000;
  }

  readonly #key = <Name extends scripts.KeyName>(name: Name, parts: scripts.KeyParts<Name>) =>
    scripts.redisKey(this.#memory, name, parts);
  readonly #ask = <Answer>(ask: (redis: RedisClient) => Promise<Answer>) => scripts.askRedis(this.#memory, ask);

  /** Stores a new job, unless its id exists, or its owner has reached a limit. */
  async create({ input, isPartial = false, ...rest }: NewJob, items: readonly BulkItem[] | undefined) {
    const { id: jobId, ownerId } = rest;
    const { integratedAccountId } = input;
    const needs = this.needsOf(input);
    const total = items?.length ?? 0;
    const pageCount = Math.ceil(total / pageSize);
    const texts = Array.from({ length: pageCount }, (_, page) => {
      const list = items?.slice(page * pageSize, (page + 1) * pageSize);
      return `[${list?.map(writeItem).join()}]`;
    });
    const phase = items === undefined ? 'LISTING' : input.dryRun && !input.restore ? 'COMPLETED' : 'DELETING';
    const counts = { total, pageCount, done: 0, open: 0, isPaused: 0, isPartial: Number(isPartial) };
    const fields = Object.entries({ ...rest, ...counts, needs, input: JSON.stringify(input) }).flat();
    const bytes = Math.max(minBytes, Buffer.byteLength([...texts, ...fields].join('')));
    const keys = texts.map((_, page) => this.#key('items', { jobId, page }));
    const values = { jobId, needs, ownerId, integratedAccountId, phase, bytes };
    const [kind, roomMs] = await scripts.createJob(this.#memory, values, { keys, args: [...texts, ...fields] });
    return { kind, roomMs };
  }

  /** Reads a job; null when there is none, or it has expired. */
  async read(jobId: string): Promise<BulkJob | null> {
    return readJob(await this.#ask((redis) => redis.hgetall(this.#key('job', { jobId }))));
  }

  /** Reads the jobs of an account, newest first. @param after the cursor of a job, after which they begin; see {@link cursorOf}. */
  async *list(integratedAccountId: string, after: string | null): AsyncGenerator<BulkJob> {
    const key = this.#key('accountJobs', { integratedAccountId });
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
  stop(job: BulkJob, how: 'fail' | (typeof pauseReasons)[number], why: string) {
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
    const places = await this.#ask((redis) => redis.hgetall(this.#key('awaiting', { engagement })));
    return Object.entries(places).map(([place, sentAt]) => {
      const [jobId = '', page, index] = place.split(':');
      return { place, jobId, page: Number(page), index: Number(index), sentAtMs: Number(sentAt) };
    });
  }

  /** Stores that an engagement is deleted, by the event. Returns its state before; undefined when it changes none. */
  async settle({ needs }: BulkJob, { jobId, page, index, place }: AwaitingItem, engagement: string) {
    const state = await scripts.settleItem(this.#memory, { jobId, page, needs, index });
    if (state === '') return undefined;
    await this.#ask((redis) => redis.hdel(this.#key('awaiting', { engagement }), place));
    return state;
  }

  /** Counts the jobs of all servers that have not ended: the oldest thousand. */
  async countUnfinished(): Promise<UnfinishedJobs> {
    const jobPrefix = this.#key('job', { jobId: '' });
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
    const json = await this.#ask((redis) => redis.get(this.#key('items', { jobId, page })));
    const items: [string, BulkItem['engagementType'], BulkItem['source']?][] | null = JSON.parse(json ?? 'null');
    return items?.map(([id, engagementType, source]) => ({ id, engagementType, ...(source && { source }) })) ?? null;
  }

  /** Removes the given lines of a page of an ended restore, except those of `kept` items. */
  async dropLines(jobId: string, page: number, items: readonly BulkItem[], kept: ReadonlySet<number>): Promise<void> {
    const texts = items.map(({ source: { line, ...source } = {}, ...item }, index) =>
      writeItem({ ...item, source: { ...source, ...(kept.has(index) && line !== undefined && { line }) } }),
    );
    const key = this.#key('items', { jobId, page });
    await this.#ask((redis) => redis.set(key, `[${texts.join()}]`, 'KEEPTTL', 'XX'));
  }

  /** Reads a page's states: the outcome of each engagement by its index, or `begun` when its delete may have been sent; and notes. */
  readStates(jobId: string, page: number): Promise<Readonly<Record<string, string>>> {
    return this.#ask((redis) => redis.hgetall(this.#key('states', { jobId, page })));
  }

  /** Reads the engagements of a page as callers see them; none when it has expired. */
  async readItems(job: BulkJob, page: number): Promise<readonly ShownItem[]> {
    const [items, states] = await Promise.all([this.readPage(job.id, page), this.readStates(job.id, page)]);
    return (items ?? []).map((item, index) => ({
      ...{ ...item, lost: [], unconfirmed: [] },
      messages: item.source?.refusal === undefined ? [] : [item.source.refusal],
      // The end of its restore.
      ...JSON.parse(states[`end:${index}`] ?? '{}'),
      outcome: outcomeOf(itemStateOf(states, index), job),
    }));
  }

  /** Begins the work on a page; null when another server has it. Renews the expiry of a job that was begun. */
  async takePage(lease: PageLease): Promise<Readonly<Record<string, string>> | null> {
    const isTaken = (await scripts.takePage(this.#memory, lease)) === 1;
    return isTaken ? this.readStates(lease.jobId, lease.page) : null;
  }

  // These change the states of a page, and nothing when another server has it; see the script of each.
  readonly begin = (lease: PageLease, index: number, maxKeptMs = 0) =>
    scripts.beginItem(this.#memory, { ...lease, index, leaseMs: this.leaseMs, maxKeptMs });
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
    outcome: StoredOutcome,
    failed?: BulkFailure | ShownItem,
  ): Promise<boolean> {
    const interval = Math.floor(Date.now() / rateIntervalMs);
    const failure = failed ? JSON.stringify(failed) : '';
    return (await scripts.finishItem(this.#memory, { ...lease, index, outcome, failure, interval })) === 1;
  }

  /** The names of the files with the records of a bulk delete, sorted. */
  async readUndoFiles(jobId: string): Promise<readonly string[]> {
    return (await this.#ask((redis) => redis.smembers(this.#key('undoFiles', { jobId })))).sort();
  }

  /** Counts one more wait of a page, by its reason. */
  countWait(lease: PageLease, what: string): Promise<number> {
    return this.#ask((redis) => redis.hincrby(this.#key('states', lease), `waits:${what}`, 1));
  }

  /** Reads failures of a bulk delete. Those of a restore are {@link ShownItem}s, which only GraphQL reads, by its own types. */
  async readFailures(jobId: string, from: number, count: number): Promise<readonly BulkFailure[]> {
    const key = this.#key('failures', { jobId });
    const lines = await this.#ask((redis) => redis.lrange(key, from, from + count - 1));
    return lines.map((line) => JSON.parse(line) as BulkFailure);
  }

  /** How many engagements end in a second, over the last minute. */
  async readRate({ id: jobId, createdAt, activeSince = createdAt }: BulkJob): Promise<number> {
    const [now, sinceMs] = [Date.now(), activeSince.getTime()];
    const last = Math.floor(now / rateIntervalMs);
    const count = Math.min(rateIntervals, Math.max(0, last - Math.floor(sinceMs / rateIntervalMs)));
    const keys = Array.from({ length: count + 1 }, (_, index) => this.#key('rate', { jobId, interval: last - index }));
    const counts = await this.#ask((redis) => redis.mget(keys));
    const spanMs = rateIntervals * rateIntervalMs + (now % rateIntervalMs);
    const seconds = Math.max(1_000, Math.min(spanMs, now - sinceMs)) / 1_000;
    return counts.reduce((sum, count) => sum + Number(count ?? 0), 0) / seconds;
  }

  /** The name of the queue of a job that this server starts. Only servers with matching settings take from it. */
  needsOf({ snapshot, restore }: Pick<BulkInput, 'snapshot' | 'restore'>): string {
    const { upstream, credential } = this.abilities;
    return [upstream, credential, snapshot || restore?.jobId ? 'store' : 'none'].join(' ');
  }

  get #served(): readonly string[] {
    const { credential, keepsUndoFiles } = this.abilities;
    if (credential === undefined) return [];
    return [false, ...(keepsUndoFiles ? [true] : [])].map((snapshot) => this.needsOf({ snapshot }));
  }

  /** Takes up to `count` tasks of these queues that are due. `nextMs`: until the next task is due, in milliseconds, if there is one. */
  async takeTasks(count: number, holder: string, queues = this.#served): Promise<{ leases: Lease[]; nextMs?: number }> {
    if (queues.length === 0) return { leases: [] };
    const keys = queues.map((needs) => this.#key('queue', { needs }));
    const [nextMs, ...taken] = await scripts.takeTasks(
      this.#memory,
      { count, holder, leaseMs: this.leaseMs },
      { keys },
    );
    const leases: Lease[] = [];
    for (let i = 0; i < taken.length; i += 2) {
      const task = String(taken[i + 1]);
      const [jobId = '', page] = task.split(':');
      const needs = queues[Number(taken[i])] ?? '';
      leases.push({ jobId, page: page === 'list' ? page : Number(page), task, needs, holder });
    }
    return { leases, ...(nextMs >= 0 && { nextMs }) };
  }

  /** Renews these leases, and says that this server serves its queues. */
  async heartbeat(leases: Iterable<Lease>): Promise<void> {
    const held = [...leases];
    const keys = held.map(({ needs }) => this.#key('queue', { needs }));
    const args = [...this.#served, ...held.flatMap(({ task, holder }) => [task, holder])];
    await scripts.heartbeat(this.#memory, { leaseMs: this.leaseMs }, { keys, args });
  }

  /** Ends a lease. `afterMs`: when the task is due again, if it is. `isFollowed` queues the page that is {@link scripts.pagesAtOnce} after it. */
  async releaseTask(lease: Lease, afterMs: number | undefined, isFollowed: boolean): Promise<void> {
    const follower = isFollowed && lease.page !== 'list' ? lease.page + scripts.pagesAtOnce : '';
    await scripts.releaseTask(this.#memory, { ...lease, afterMs: afterMs ?? -1, follower });
  }

  /** The queues that have tasks and no server: their first jobs, for how long, and what this server would have to change to serve them. */
  async findUnserved() {
    const has = this.needsOf({ snapshot: this.abilities.keepsUndoFiles }).split(' ');
    const found = await scripts.findUnserved(this.#memory, {
      queuePrefix: this.#key('queue', { needs: '' }),
      unservedMs,
    });
    return found.map(([needs, silentMs, jobIds]) => {
      const isLacking = needs.split(' ').map((need, index) => need !== has[index] && need !== 'none');
      return { needs, silentMs, jobIds, lacks: settingsBehind.filter((_, index) => isLacking[index]) };
    });
  }

  // The ledger outlives the jobs by a year. Its keys are from `engagementKey`.

  /**
   * Reads what the ledger has of engagements, in their order: the new record of each, and the item that created it; when a create began that
   * has no known end (in milliseconds since 1970), and its item; and how many creates were refused. The terminal's creates have no item.
   */
  async findRestored(integratedAccountId: string, keys: readonly string[]) {
    if (keys.length === 0) return [];
    const read = (name: string, fields: readonly string[]) => this.#ask((redis) => redis.hmget(name, ...fields));
    // In this order: a create that ends in between moves from the first to the second.
    const begun = await read(this.#key('restoring', { integratedAccountId }), keys);
    const counts = keys.map((key) => `refused ${key}`);
    const ended = await read(this.#key('restored', { integratedAccountId }), [...keys, ...counts]);
    return keys.map((_, i) => {
      const [start, value, refusals] = [begun[i], ended[i], ended[keys.length + i]];
      const [newId = '', by = ''] = JSON.parse(value ?? '[]') as string[];
      return {
        ...(value != null && { restored: { newId, by } }),
        ...(start != null && { begunAtMs: Number.parseInt(start, 10), begunBy: start.replace(/^\d+ /, '') }),
        refusalCount: Number(refusals ?? 0),
      };
    });
  }

  /** Notes that a create is about to be sent; see {@link scripts.claimRestore}. @param by the item and the attempt. */
  async claimRestore(integratedAccountId: string, lease: PageLease, key: string, by: string): Promise<boolean> {
    return (await scripts.claimRestore(this.#memory, { ...lease, integratedAccountId, key, by })) === 1;
  }

  /**
   * Notes the end of a create; see {@link scripts.endRestore}.
   * @param by the item and the attempt; empty for the terminal.
   * @param end the id of the new record; or that nothing was created, and the number of refused creates, with this one.
   */
  async endRestore(
    integratedAccountId: string,
    key: string,
    by: string,
    { newId, refusalCount }: { readonly newId?: string | undefined; readonly refusalCount: number },
  ): Promise<boolean> {
    const newKey = newId === undefined ? '' : keyWithId(key, newId);
    const values = { integratedAccountId, key, by, newKey, newId: newId ?? '', refusalCount };
    return (await scripts.endRestore(this.#memory, values)) === 1;
  }

  /** True when the new record with that id restores another engagement. */
  async isTaken(integratedAccountId: string, key: string, newId: string): Promise<boolean> {
    const field = `new ${keyWithId(key, newId)}`;
    const other = await this.#ask((redis) => redis.hget(this.#key('restored', { integratedAccountId }), field));
    return (other ?? key) !== key;
  }

  /** The items of other engagements whose creates have no known end: undefined for the terminal's, and for one that has expired. */
  async *readRestoring(integratedAccountId: string, besidesKey: string): AsyncGenerator<BulkItem | undefined> {
    const all = await this.#ask((redis) => redis.hgetall(this.#key('restoring', { integratedAccountId })));
    for (const [key, value] of Object.entries(all)) {
      if (key === besidesKey) continue;
      const [, jobId = '', page, index] = value.split(' ');
      yield jobId === '' ? undefined : (await this.readPage(jobId, Number(page)))?.[Number(index)];
    }
  }

  /** Adds the entries of the terminal's ledger, by keys. An engagement that is known here keeps its entry. */
  async addLedger(integratedAccountId: string, entries: ReadonlyMap<string, LedgerEntry>): Promise<void> {
    const [restored, restoring] = [
      this.#key('restored', { integratedAccountId }),
      this.#key('restoring', { integratedAccountId }),
    ];
    const all = [...entries];
    for (let from = 0; from < all.length; from += entriesPerRead) {
      const some = all.slice(from, from + entriesPerRead);
      const keys = some.map(([key]) => key);
      const known = await this.findRestored(integratedAccountId, keys);
      const add = async ([key, { event, at, ...end }]: (typeof some)[number], index: number) => {
        if (known[index]?.restored) return;
        if (event === 'begun') await this.#ask((redis) => redis.hsetnx(restoring, key, `${Date.parse(at)} `));
        // Of `refused`, an earlier look into the folder may have seen the create in flight.
        else await this.endRestore(integratedAccountId, key, '', end);
      };
      await Promise.all(some.map(add));
    }
    for (const name of [restored, restoring]) await this.#ask((redis) => redis.pexpire(name, scripts.ledgerKeptMs));
  }
}
