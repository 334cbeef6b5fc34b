import { createHash } from 'node:crypto';

/** The SHA-256 of the parts together, in hexadecimal. */
export function digest(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** A digest in the form of a UUID. */
export function uuidOf(...parts: readonly unknown[]): string {
  return digest(...parts).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-8$4-$5');
}
