import { z } from 'zod';
import type { BulkInput, BulkJob, BulkOutcome, BulkPhase } from './job.ts';

const moment = z.coerce.number().transform((ms) => new Date(ms));
const range = z.object({ gt: z.coerce.date().nullish(), lt: z.coerce.date().nullish() }).nullish();
const dates = { createdAt: range, updatedAt: range, startTime: range, endTime: range };

/** Dates come as text out of JSON. */
const input = z.object({
  integratedAccountId: z.string(),
  filter: z.looseObject(dates).optional(),
  dryRun: z.boolean(),
  snapshot: z.boolean(),
});

const hash = z.looseObject({
  input: z.string().transform((text) => input.parse(JSON.parse(text)) as BulkInput),
  callerId: z.string(),
  needs: z.string(),
  ownedBy: z.string(),
  sealedToken: z.string(),
  phase: z.string().transform((phase) => phase as BulkPhase),
  isPaused: z.string().transform((flag) => flag === '1'),
  isListed: z.string().optional(),
  isPartial: z.string().optional(),
  hasBegun: z.string().optional(),
  resumes: z.coerce.number().default(0),
  trouble: z.string().optional(),
  unserved: z.string().optional(),
  total: z.coerce.number(),
  pageCount: z.coerce.number(),
  done: z.coerce.number(),
  cursor: z.string().optional(),
  createdAt: moment,
  endedAt: moment.optional(),
});

const outcomePrefix = 'outcome:';

/** Reads a job's hash in Redis; null for one that is not there, or not yet whole. */
export function readJob(id: string, fields: Readonly<Record<string, string>>): BulkJob | null {
  if (fields.phase === undefined) return null;
  const { trouble, unserved, cursor, endedAt, ...rest } = hash.parse(fields);
  const outcomes = Object.entries(fields)
    .filter(([name]) => name.startsWith(outcomePrefix))
    .map(([name, count]) => [name.slice(outcomePrefix.length) as BulkOutcome, Number(count)] as const);
  return {
    id,
    ...{
      input: rest.input,
      callerId: rest.callerId,
      needs: rest.needs,
      ownedBy: rest.ownedBy,
      sealedToken: rest.sealedToken,
      phase: rest.phase,
    },
    ...{
      isPaused: rest.isPaused,
      resumes: rest.resumes,
      total: rest.total,
      pageCount: rest.pageCount,
      done: rest.done,
    },
    isListed: rest.isListed === '1',
    isPartial: rest.isPartial === '1',
    hasBegun: rest.hasBegun === '1',
    trouble: unserved ?? trouble ?? null,
    cursor: cursor || null,
    outcomes: Object.fromEntries(outcomes),
    createdAt: rest.createdAt,
    endedAt: endedAt ?? null,
  };
}
