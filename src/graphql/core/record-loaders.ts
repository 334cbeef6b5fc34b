import DataLoader from 'dataloader';
import { LRUCache } from 'lru-cache';
import { type Caller, limitedBy } from '../../engagement/account.ts';
import { type AnswerRoom, leftOut } from '../../engagement/answer-room.ts';
import { type FoundRecord, type ReadPorts, readResource } from '../../engagement/read.ts';
import type { RecordKey } from '../../engagement/record.ts';
import { notSent } from '../../engagement/refusal.ts';
import type { Resource, WireField } from '../../engagement/resources.ts';
import type { Refusal } from '../../engagement/result.ts';
import { checkId } from '../../engagement/rules.ts';
import type { LimitedBy } from '../../upstream/attempt.ts';
import { Permits } from '../../upstream/permits.ts';
import { fieldError, requestError } from './top-level-errors.ts';

/** How many related records of one integrated account are read at once; Truto allows 50 requests in 10 seconds. */
const maxConcurrentReads = 8;

/** How many more may wait. */
const maxWaiting = 10_000;

/** How many accounts' limits are kept. One that is dropped while reads are in flight begins again. */
const maxAccounts = 5_000;

/** Runs a read while fewer than 8 are in flight for the integrated account; undefined when it cannot begin before the deadline. */
export type LimitReads = <Result>(
  limitedBy: LimitedBy,
  deadlineAt: number,
  read: () => Promise<Result>,
) => Promise<Result | undefined>;

/** Makes the limit that all operations of this process share. */
export function createReadLimit(): LimitReads {
  const accounts = new LRUCache<string, Permits>({ max: maxAccounts });
  return async ({ tokenId, integratedAccountId }, deadlineAt, read) => {
    const key = JSON.stringify([tokenId, integratedAccountId]);
    const permits = accounts.get(key) ?? new Permits(maxConcurrentReads, maxWaiting);
    accounts.set(key, permits);
    const release = await permits.acquire(deadlineAt);
    if (!release) return undefined;
    try {
      return await read();
    } finally {
      release();
    }
  };
}

/** What names a record, and of an engagement the kind, where that is known. */
export interface TypedKey extends RecordKey {
  readonly engagementType?: string | null | undefined;
}

/** Reads records one by one, for one operation: related ones, and those that a supergraph asks for by their keys. */
export interface RecordLoaders {
  /**
   * Reads the selected fields of one record. The same record and fields are read once in an operation. That the caller may
   * touch the integrated account is for whoever calls to have checked.
   * @throws {GraphQLError} `RESPONSE_TOO_LARGE` when the operation has no room for the record.
   */
  read<R extends Resource>(
    resource: R,
    key: TypedKey,
    selected: ReadonlySet<WireField<R>>,
  ): Promise<FoundRecord<R> | Refusal>;
}

/** What records are read with. */
export interface RecordLoadersOptions extends ReadPorts {
  /** Null when nobody proved who they are; then nothing is read. */
  readonly caller: Caller | null;
  readonly deadlineAt: number;
  readonly hasCallerLeft: () => boolean;
  readonly limitReads: LimitReads;
  /** Where what is read has to find room. */
  readonly room: AnswerRoom;
}

/**
 * How many records an operation may read one by one. No account's rate limit lets so many through within a deadline; without
 * it, a list of keys would multiply what a document costs.
 */
const maxReads = 2_000;

const tooMany: Refusal = {
  kind: 'RateLimitedError',
  message: `It was not read: one operation may read ${maxReads} records. Ask for fewer at once.`,
  retryAfterMs: null,
};

const unreadableId = 'Upstream names a record by an id that cannot be asked for.';

interface LoaderKey extends TypedKey {
  readonly resource: Resource;
  readonly selected: ReadonlySet<never>;
}

/** Makes the loaders of one operation: nothing is remembered beyond it, or shared with another caller. */
export function createRecordLoaders({
  caller,
  deadlineAt,
  hasCallerLeft,
  limitReads,
  room,
  ...ports
}: RecordLoadersOptions): RecordLoaders {
  let readCount = 0;

  async function read({ resource, selected, ...key }: LoaderKey): Promise<FoundRecord<Resource> | Refusal> {
    if (caller === null) throw requestError('UNAUTHENTICATED');
    // Upstream named it, and may be wrong: what is no path segment would address something else.
    if (checkId(key.id, ['id']).length > 0) return { kind: 'UpstreamUnavailableError', message: unreadableId };
    readCount += 1;
    if (readCount > maxReads) return tooMany;
    const options = { caller, selected, deadlineAt, hasCallerLeft };
    const limits = limitedBy(caller, key.integratedAccountId);
    const found = await limitReads(limits, deadlineAt, () => readResource(resource, key, options, ports));
    if (found?.kind === 'Found' && !room.take(found.record))
      throw fieldError('RESPONSE_TOO_LARGE', `The record was read, and left out. ${leftOut}`);
    return found ?? notSent({ reason: 'timeout' });
  }

  // Upstream reads one record at a time; a batch would only make the first wait for the last.
  const makeLoader = () =>
    new DataLoader<LoaderKey, unknown, string>((keys) => Promise.all(keys.map(read)), {
      batch: false,
      cacheKeyFn: ({ resource, integratedAccountId, id, engagementType, selected }) =>
        JSON.stringify([resource, integratedAccountId, id, engagementType ?? null, ...selected]),
    });
  // Most operations read no related record.
  let loader: ReturnType<typeof makeLoader> | undefined;
  return {
    read(resource, key, selected) {
      loader ??= makeLoader();
      return loader.load({ ...key, resource, selected } as LoaderKey) as never;
    },
  };
}
