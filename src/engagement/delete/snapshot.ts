import type { DeleteEngagementInput } from '../input.ts';
import { type FoundRecord, type ReadOptions, type ReadPorts, readResource } from '../read.ts';
import {
  type EngagementRecord,
  type RecordKey,
  type Selection,
  wireFieldsOf,
  withAdditionalFields,
} from '../record.ts';
import type { WireField } from '../resources.ts';
import type { Refusal } from '../result.ts';

/** Reads one note. A second read of the same note and fields costs no request. */
type ReadNote = (key: RecordKey, fields: ReadonlySet<WireField<'notes'>>) => Promise<FoundRecord<'notes'> | Refusal>;

/** The services that a snapshot needs. */
export interface SnapshotPorts extends ReadPorts {
  /** Reads notes, shared with other reads of the operation. @default one request per note */
  readonly readNote?: ReadNote;
}

/** Selects all there is: what will have to be restored is not known before. */
export const wholeSelection: Selection = {
  fields: withAdditionalFields(wireFieldsOf('engagements')),
  noteFields: new Set(wireFieldsOf('notes')),
};

/** The record as Truto sends it, with the record of each note that was read with it. */
export function plainRecord(record: EngagementRecord) {
  const { integratedAccountId: _given, nodeId: _key, notes, additionalFields, ...engagement } = record;
  const whole = notes?.map((note) => {
    const { kept } = note as { readonly kept?: { readonly kind: string; readonly record?: object } };
    return kept?.kind === 'Found' ? { ...kept.record, integratedAccountId: undefined } : { id: note.id };
  });
  return { ...additionalFields, ...engagement, ...(whole && { notes: whole }) };
}

interface SnapshotOptions extends Omit<ReadOptions<'engagements'>, 'selected'> {
  readonly selection: Selection;
}

/**
 * Reads the selected fields of an engagement before its delete, and of its notes, which may be deleted with it. A failed read is a
 * refusal of the delete. A note that is already gone does not matter.
 */
export async function takeSnapshot(
  input: DeleteEngagementInput,
  { caller, selection, deadlineAt, hasCallerLeft }: SnapshotOptions,
  ports: SnapshotPorts,
): Promise<FoundRecord<'engagements'> | Refusal> {
  const options = { caller, selected: selection.fields, deadlineAt, hasCallerLeft };
  const found = await readResource('engagements', input, options, ports);
  if (found.kind !== 'Found' || !found.record.notes || selection.noteFields.size === 0) return found;
  const { integratedAccountId } = input;
  const notesOptions = { caller, selected: selection.noteFields, deadlineAt, hasCallerLeft };
  const readNote: ReadNote = ports.readNote ?? ((key) => readResource('notes', key, notesOptions, ports));
  const { notes } = found.record;
  const read = await Promise.all(notes.map(({ id }) => readNote({ id, integratedAccountId }, selection.noteFields)));
  const unread = read.filter((note) => note.kind !== 'Found');
  const refused = unread.find(({ kind }) => kind !== 'NotFoundError');
  if (refused) return refused;
  const kept = notes.map(({ id }, index) => ({ id, kept: read[index] }));
  return { ...found, record: { ...found.record, notes: kept } };
}
