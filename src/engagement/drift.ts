import { channel } from 'node:diagnostics_channel';
import type { GivenType } from './input.ts';
import { type ReadRecord, type RecordKey, readRecord } from './record.ts';
import { type Resource, resources, type WireField } from './resources.ts';

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

/** {@link readRecord}, which reports undocumented keys and malformed values. Missing keys only for a `GET`: deletes and creates return only some. */
export function readAnswer<R extends Resource>(
  method: 'GET' | 'POST' | 'DELETE',
  resource: R,
  json: Readonly<Record<string, unknown>>,
  selected: ReadonlySet<WireField<R>>,
  key: RecordKey & GivenType,
): ReadRecord<R> {
  const read = readRecord(resource, json, selected, key);
  if (!drifts.hasSubscribers) return read;
  const unknown = Object.keys(json).filter((name) => !Object.hasOwn(resources[resource], name));
  noteDrift({ kind: 'unknown_key', resource, names: unknown.map((name) => (plainName.test(name) ? name : '(other)')) });
  if (method === 'GET') noteDrift({ kind: 'missing_key', resource, names: read.absent });
  noteDrift({ kind: 'odd_type', resource, names: read.unreadable });
  return read;
}
