import { createHash } from 'node:crypto';

/** A name for all of the parts together, in hexadecimal: the same for the same, and for nothing else. */
export function digest(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** A digest in the form of a UUID, for those who ask for one. */
export function uuidOf(...parts: readonly unknown[]): string {
  return digest(...parts).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-8$4-$5');
}
