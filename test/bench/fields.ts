import type { WireEngagement } from './upstream/records.ts';

/** One field of an engagement, as a document selects it and as its answer shows it. */
export interface Field {
  readonly name: string;
  /** What is selected below it, if it has fields. */
  readonly below: string;
  readonly value: (engagement: WireEngagement) => unknown;
}

type WireField = keyof WireEngagement;

/** Every field except the type: its name here, its name upstream, and the selection below it. */
const names: readonly (readonly [designed: string, wire: WireField, below?: string])[] = [
  ['id', 'id'],
  ['subject', 'subject'],
  ['status', 'status'],
  ['content', 'content'],
  ['direction', 'direction'],
  ['internalNotes', 'internal_notes'],
  ['duration', 'duration'],
  ['startTime', 'start_time'],
  ['endTime', 'end_time'],
  ['customFields', 'custom_fields'],
  ['createdAt', 'created_at'],
  ['updatedAt', 'updated_at'],
  ['remoteData', 'remote_data'],
  ['owner', 'owner', '{ id }'],
  ['project', 'project', '{ id }'],
  ['account', 'account', '{ id }'],
  ['contacts', 'contact', '{ id }'],
  ['opportunities', 'opportunity', '{ id }'],
  ['leads', 'lead', '{ id }'],
  ['notes', 'notes', '{ id }'],
  ['phoneNumbers', 'phone_numbers', '{ id number type extension }'],
];

function field(name: string, wire: WireField, below = ''): Field {
  return { name, below, value: (engagement) => engagement[wire] };
}

/** All 23 fields of `Engagement`, in the schema that this project designed. */
export const designedFields: readonly Field[] = [
  ...names.map(([designed, wire, below]) => field(designed, wire, below)),
  field('rawEngagementType', 'engagement_type'),
  { name: 'engagementType', below: '', value: (engagement) => engagement.engagement_type.toUpperCase() },
];

/** All 22 of upstream, in a schema that was derived from upstream's own. */
export const derivedFields: readonly Field[] = [
  ...names.map(([, wire, below]) => field(wire, wire, below)),
  field('engagement_type', 'engagement_type'),
];

/** The three of a client that wants to show a line: id, subject, status. They are called so in both schemas. */
export function threeOf(fields: readonly Field[]): readonly Field[] {
  return fields.filter(({ name }) => name === 'id' || name === 'subject' || name === 'status');
}

/** The fields as a document selects them. */
export function selectionOf(fields: readonly Field[]): string {
  return fields.map(({ name, below }) => `${name}${below && ` ${below}`}`).join(' ');
}

/** The engagement as the answer shows it. */
export function shownOf(engagement: WireEngagement, fields: readonly Field[]): Record<string, unknown> {
  return Object.fromEntries(fields.map(({ name, value }) => [name, value(engagement)]));
}
