import DataLoader from 'dataloader';
import { LRUCache } from 'lru-cache';
import { type Caller, limitedBy } from '../../engagement/account.ts';
import { type FoundRecord, type ReadBounds, type ReadPorts, readResource } from '../../engagement/read.ts';
import type { TypedKey } from '../../engagement/record.ts';
import { notSent } from '../../engagement/refusal.ts';
import type { Resource, WireField } from '../../engagement/resources.ts';
import type { Refusal } from '../../engagement/result.ts';
import { checkId } from '../../engagement/rules.ts';
import type { LimitedBy } from '../../upstream/attempt.ts';
import { Permits } from '../../upstream/permits.ts';
import { type AnswerRoom, leftOut } from './answer-room.ts';
import { fieldError, requestError } from './top-level-errors.ts';

/** How many related records of one integrated account are read at once. Truto allows 50 requests in 10 seconds. */
const maxConcurrentReads = 8;
const maxWaiting = 10_000;
/** For how many accounts the limit is stored. A dropped one starts again, even with reads in flight. */
const maxAccounts = 5_000;

/** Creates the limit that all operations of this process share: {@link maxConcurrentReads} for each integrated account. */
export function createReadLimit() {
  const memoMethod = () => new Permits(maxConcurrentReads, maxWaiting);
  // Sized, because with `max` a cache allocates room for all of them when it is made.
  const accounts = new LRUCache<string, Permits>({ maxSize: maxAccounts, sizeCalculation: () => 1, memoMethod });
  /** Runs a read once a permit is free. Undefined when it cannot start before the deadline. */
  return async <Result>(
    { tokenId, integratedAccountId }: LimitedBy,
    deadlineAt: number,
    read: () => Promise<Result>,
  ): Promise<Result | undefined> => {
    const release = await accounts.memo(JSON.stringify([tokenId, integratedAccountId])).acquire(deadlineAt);
    if (!release) return undefined;
    try {
      return await read();
    } finally {
      release();
    }
  };
}

/** The limit that {@link createReadLimit} makes. */
export type LimitReads = ReturnType<typeof createReadLimit>;

interface RecordLoadersOptions extends ReadPorts, Omit<ReadBounds, 'caller'> {
  /** Null without a verified token. Then nothing is read. */
  readonly caller: Caller | null;
  readonly limitReads: LimitReads;
  /** The room that each record takes. */
  readonly room: AnswerRoom;
}

/** For one operation. No account's rate limit allows more within a deadline. Without it, a list of keys would multiply a document's cost. */
const maxReads = 2_000;

const tooMany: Refusal = {
  kind: 'RateLimitedError',
  message: `This record was not read: one operation may read ${maxReads} records. Request fewer at once.`,
  retryAfterMs: null,
};

const unreadable: Refusal = {
  kind: 'UpstreamUnavailableError',
  message: 'This record was not read: Truto refers to it by an invalid id.',
};

interface LoaderKey extends TypedKey {
  readonly resource: Resource;
  readonly selected: ReadonlySet<never>;
}

/**
 * Creates the reader of single records for one operation: related records, and those that a supergraph requests by key. It shares nothing
 * with other operations or callers.
 */
export function createRecordLoaders(options: RecordLoadersOptions) {
  const { caller, deadlineAt, limitReads, room } = options;
  let readCount = 0;

  async function read({ resource, selected, ...key }: LoaderKey): Promise<FoundRecord<Resource> | Refusal> {
    if (caller === null) throw requestError('UNAUTHENTICATED');
    // Upstream sent the id. If it is not exactly one path segment, the request would address something else.
    if (checkId(key.id, ['id']).length > 0) return unreadable;
    readCount += 1;
    if (readCount > maxReads) return tooMany;
    const limits = limitedBy(caller, key.integratedAccountId);
    const found = await limitReads(limits, deadlineAt, () =>
      readResource(resource, key, { ...options, caller, selected }, options),
    );
    if (found?.kind === 'Found' && !room.take(found.record))
      throw fieldError('RESPONSE_TOO_LARGE', `The record was read, but left out. ${leftOut}`);
    return found ?? notSent({ reason: 'timeout' });
  }

  // Most operations read no related record.
  let loader: DataLoader<LoaderKey, unknown, string> | undefined;
  return {
    /**
     * Reads the selected fields of one record, once per operation and selection. Check the caller's access to the integrated account before.
     * @throws {GraphQLError} `RESPONSE_TOO_LARGE` when the operation has no room for the record.
     */
    read<R extends Resource>(
      resource: R,
      key: TypedKey,
      selected: ReadonlySet<WireField<R>>,
    ): Promise<FoundRecord<R> | Refusal> {
      loader ??= new DataLoader((keys) => Promise.all(keys.map(read)), {
        // Upstream reads one record per request. In a batch, the first would only wait for the last.
        batch: false,
        cacheKeyFn: ({ resource, integratedAccountId, id, engagementType, selected }) =>
          JSON.stringify([resource, [...selected], integratedAccountId, engagementType ?? '', id]),
      });
      return loader.load({ ...key, resource, selected } as LoaderKey) as never;
    },
  };
}

/** What {@link createRecordLoaders} creates. */
export type RecordLoaders = ReturnType<typeof createRecordLoaders>;
