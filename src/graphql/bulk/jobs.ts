import type { ObjectRef } from '@pothos/core';
import { type BulkJob, pageSize, type ShownItem } from '../../bulk/job.ts';
import { BulkUnavailable } from '../../bulk/job-scripts.ts';
import { type InputsOf, objectType, type Row, rootField, type Types } from '../core/builder.ts';
import { type Context, requireBulkDeletes, requireCaller } from '../core/context.ts';
import { lookupTimeoutMs } from '../core/follow.ts';
import { failedRead, fieldError, invalidInput } from '../core/top-level-errors.ts';

/* What bulk deletes and restores have in common: both are jobs. */

/** @throws {GraphQLError} `BULK_DELETES_UNAVAILABLE` while Redis cannot be used. */
export function unavailable(error: unknown): never {
  if (!(error instanceof BulkUnavailable)) throw error;
  throw fieldError('BULK_DELETES_UNAVAILABLE', undefined, error.started);
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly endCursor: string | null;
}

/** Adds the type of a page. */
export function pageOf<Item>(named: Row, itemType: string, order: string) {
  return objectType<Page<Item>>(named)({
    items: `[${itemType}!]!: ${order}` as never,
    endCursor: 'String: Pass it as `after` to get the next page. Null on the last page.',
  });
}

/** The largest page of engagements, and of jobs. */
const maxItems = 1_000;
const maxJobs = 100;

/** How large the pages of a field are for gateways that count costs. */
const listSize = { slicingArguments: ['first'], sizedFields: ['items'], requireOneSlicingArgument: false };

function pageArgs(defaultFirst: number, max: number) {
  return {
    first: `Int! = ${defaultFirst}: The page size, from 1 to ${max}.`,
    after: 'String: The `endCursor` of the previous page. Omit it for the first page.',
  } as const;
}

/** The options of a field with pages of engagements. */
export const inPages = { listSize, args: pageArgs(100, maxItems) };

type PageArguments = InputsOf<typeof inPages.args>;

function checkFirst(first: number, max: number): void {
  if (first < 1 || first > max) throw invalidInput(['first'], `It must be from 1 to ${max}.`);
}

function readPageArguments({ first, after }: PageArguments) {
  checkFirst(first, maxItems);
  if (!/^\d{0,9}$/.test(after ?? '')) throw invalidInput(['after'], 'It must be an endCursor of this list.');
  return { from: Number(after ?? 0), count: first };
}

/** Reads a page of a job's engagements. */
export async function readItems(job: BulkJob, args: PageArguments, context: Context): Promise<Page<ShownItem>> {
  const { store } = requireBulkDeletes(context);
  const { from, count } = readPageArguments(args);
  const end = job.pageCount * pageSize;
  const until = Math.min(from + count, end);
  const items: ShownItem[] = [];
  for (let page = Math.floor(from / pageSize); page * pageSize < until; page += 1) {
    const start = page * pageSize;
    const listed = await store.readItems(job, page).catch(unavailable);
    items.push(...listed.slice(Math.max(from - start, 0), until - start));
  }
  return { items, endCursor: until < end ? String(until) : null };
}

/** Reads a page of a job's failures. */
export async function readFailures({ id }: BulkJob, args: PageArguments, context: Context): Promise<Page<unknown>> {
  const { from, count } = readPageArguments(args);
  const { store } = requireBulkDeletes(context);
  const found = await store.readFailures(id, from, count + 1).catch(unavailable);
  return { items: found.slice(0, count), endCursor: found.length > count ? String(from + count) : null };
}

/** @throws {GraphQLError} `NOT_FOUND`, also for a bulk delete or restore that the caller has no access to. */
export async function findJob(id: string, context: Context, meaning: string, isRestore = false): Promise<BulkJob> {
  const caller = requireCaller(context);
  const job = await requireBulkDeletes(context)
    .find(id, caller, performance.now() + lookupTimeoutMs, isRestore)
    .catch(unavailable);
  if (!job)
    throw fieldError(
      'NOT_FOUND',
      `${meaning} No ${isRestore ? 'restore' : 'bulk delete'} with this id exists in the integrated accounts that you have access to. Check the id.`,
    );
  return job;
}

/** The bulk delete or restore of a start. @throws {GraphQLError} when nothing was started. */
export function startedJob(started: Awaited<ReturnType<ReturnType<typeof requireBulkDeletes>['start']>>): BulkJob {
  if (!('kind' in started)) return started;
  throw started.kind === 'MissingSetting' ? fieldError('NOT_CONFIGURED', started.message) : failedRead(started);
}

interface JobTexts {
  readonly noun: 'bulk delete' | 'restore';
  readonly id: string;
  readonly list: string;
  readonly pause: string;
  readonly resume: string;
  readonly cancel: string;
}

/** Adds the fields that read, list and control one kind of job. */
export function addJobFields(type: ObjectRef<Types, BulkJob>, texts: JobTexts): void {
  const isRestore = texts.noun === 'restore';
  const [name, fieldName] = isRestore ? ['BulkRestore', 'bulkRestore'] : ['BulkDelete', 'bulkDelete'];
  const args = { id: `ID!: ${texts.id}` } as const;
  rootField('query', fieldName, {
    type,
    description: `A ${texts.noun}. Null when there is none with this id in the integrated accounts that you have access to.`,
    args,
    resolve: (_root, { id }, context) =>
      requireBulkDeletes(context).find(id, requireCaller(context), context.deadlineAt, isRestore).catch(unavailable),
  });
  rootField('query', `${fieldName}s`, {
    type: pageOf<BulkJob>(
      `${name}s: A page of the ${texts.noun}s of an integrated account.`,
      name,
      'The newest first.',
    ),
    listSize,
    description: texts.list,
    args: { integratedAccountId: "ID!: Truto's id of the integrated account.", ...pageArgs(20, maxJobs) },
    async resolve(_root, { integratedAccountId, first, after }, context) {
      checkFirst(first, maxJobs);
      const page = { first, after: after ?? null };
      const found = await requireBulkDeletes(context)
        .list(integratedAccountId, page, requireCaller(context), context.deadlineAt, isRestore)
        .catch(unavailable);
      if (found.kind !== 'Jobs') throw failedRead(found);
      return found;
    },
  });
  for (const how of ['pause', 'resume', 'cancel'] as const)
    rootField('mutation', how + name, {
      type,
      description: `${texts[how]} Does nothing to a ${texts.noun} that has ended. An unknown id is the error \`NOT_FOUND\`.`,
      args,
      async resolve(_root, { id }, context) {
        const job = await findJob(id, context, 'Nothing was changed.', isRestore);
        return requireBulkDeletes(context).control(job, how).catch(unavailable);
      },
    });
}
