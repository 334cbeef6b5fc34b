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

/** Reports undocumented keys and malformed values of a record. Missing keys only with `isRead`: deletes and creates return only some. */
export function noteRecord<R extends Resource>(
  resource: R,
  json: Readonly<Record<string, unknown>>,
  { unreadable, absent }: ReadRecord<R>,
  isRead: boolean,
): void {
  if (!drifts.hasSubscribers) return;
  const unknown = Object.keys(json).filter((name) => !Object.hasOwn(resources[resource], name));
  noteDrift({ kind: 'unknown_key', resource, names: unknown.map((name) => (plainName.test(name) ? name : '(other)')) });
  if (isRead) noteDrift({ kind: 'missing_key', resource, names: absent });
  noteDrift({ kind: 'odd_type', resource, names: unreadable });
}
