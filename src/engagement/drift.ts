import { channel } from 'node:diagnostics_channel';
import type { ReadRecord } from './record.ts';
import { type Resource, resources } from './resources.ts';

/** How Truto can differ from its documentation. */
export const driftKinds = ['unknown_key', 'missing_key', 'odd_type', 'rule'] as const;

/** A difference between Truto and its documentation, as the tables of this folder have it. */
export interface Drift {
  readonly kind: (typeof driftKinds)[number];
  /** The resource of the record, or of the rule. */
  readonly resource: Resource;
  /** Wire names of fields, or what the rule is about. Never a value. */
  readonly names: readonly string[];
}

/** One channel for all servers of the process, so that reading a record needs no port. */
const drifts = channel('truto-engagements:drift');

/** Reports a difference. Without a listener it has no effect. */
export function noteDrift(drift: Drift): void {
  if (drift.names.length > 0) drifts.publish(drift);
}

/** Calls the listener for each difference from now on. Returns the function that stops it. */
export function onDrift(listener: (drift: Drift) => void): () => void {
  const hear = (drift: unknown): void => listener(drift as Drift);
  drifts.subscribe(hear);
  return () => void drifts.unsubscribe(hear);
}

/** Names of fields. Other keys may be data. */
const plainName = /^[A-Za-z]\w{0,63}$/;

/** Compares a record of Truto with the documented fields: undocumented keys, malformed values, and with `isRead` missing keys. */
function compareRecord<R extends Resource>(
  resource: R,
  json: Readonly<Record<string, unknown>>,
  { unreadable, absent }: ReadRecord<R>,
  isRead: boolean,
): readonly Drift[] {
  const unknown = Object.keys(json).filter((name) => !Object.hasOwn(resources[resource], name));
  // Deletes and creates return only some fields, as documented.
  const missing = isRead ? absent : [];
  return [
    { kind: 'unknown_key', resource, names: unknown.map((name) => (plainName.test(name) ? name : '(other)')) },
    { kind: 'missing_key', resource, names: missing },
    { kind: 'odd_type', resource, names: unreadable },
  ];
}

/** Reports the differences of a record, see {@link compareRecord}. */
export function noteRecord<R extends Resource>(...record: Parameters<typeof compareRecord<R>>): void {
  if (drifts.hasSubscribers) for (const drift of compareRecord(...record)) noteDrift(drift);
}
