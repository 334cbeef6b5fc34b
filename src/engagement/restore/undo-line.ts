import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { readBody } from '../body.ts';
import { normalizedType } from '../input.ts';
import { type EngagementRecord, readRecord, wholeSelection } from '../record.ts';
import { located } from '../result.ts';
import { checkKey } from '../rules.ts';

/** The content of a line. `NoRecord`: the line of a delete that read no record. */
export type UndoLine = ReturnType<typeof readUndoLine>;
/** A record that a line keeps. */
export type KeptRecord = Extract<UndoLine, { kind: 'Record' }>;

/** A line of an undo file, or of the terminal's `delete` and `bulk`, which have a `result`. */
const shape = z.object({
  integratedAccountId: z.string(),
  readAt: z.iso.datetime({ offset: true }).optional(),
  result: z.string().optional(),
  outcome: z.string().optional(),
  engagement: z.looseObject({ id: z.union([z.string(), z.number()]).transform(String) }).nullish(),
});

const unreadableLine = (why: string) => ({ kind: 'Unreadable', why }) as const;

/** Reads one line, without its line break. A field whose value does not have the documented form is left out. Never throws. */
export function readUndoLine(bytes: Buffer) {
  // A replacement character would change the record.
  if (!isUtf8(bytes)) return unreadableLine('it is not valid UTF-8');
  const body = readBody({ kind: 'complete', bytes });
  if (body.kind === 'unreadable') return unreadableLine(body.why);
  const line = shape.safeParse(body.kind === 'json' ? body.value : undefined);
  if (!line.success) {
    const path = line.error.issues[0]?.path.join('.');
    return unreadableLine(path ? `${path} is missing or invalid` : 'it is not a JSON object');
  }
  const { integratedAccountId, readAt, result, outcome, engagement } = line.data;
  if (!engagement) return result ? ({ kind: 'NoRecord' } as const) : unreadableLine('it has no engagement');
  const key = { id: engagement.id, integratedAccountId };
  const [issue] = checkKey(key);
  if (issue) return unreadableLine(`it has an invalid id: ${located(issue).replace(/\.$/, '')}`);
  const { record, unreadable } = readRecord('engagements', engagement, wholeSelection.fields, key);
  // In milliseconds since 1970.
  const readAtMs = readAt === undefined ? undefined : Date.parse(readAt);
  // A line of an undo file is written before the delete.
  const wasDeleted = result === 'DeleteEngagementSuccess' && outcome !== 'ACCEPTED';
  return { kind: 'Record', record, unreadable, readAtMs, wasDeleted } as const;
}

/** Equal for lines with the same engagement. Some providers number each type by itself. */
export function engagementKey({ id, integratedAccountId, ...record }: EngagementRecord): string {
  return JSON.stringify([integratedAccountId, normalizedType(record.engagement_type), id]);
}

/** True when no other line of its engagement is newer. A line without a time is older than each that has one. */
export function isNewest(
  { readAtMs = Number.NEGATIVE_INFINITY }: Pick<KeptRecord, 'readAtMs'>,
  other: Pick<KeptRecord, 'readAtMs'> | undefined,
): boolean {
  return readAtMs >= (other?.readAtMs ?? Number.NEGATIVE_INFINITY);
}
