import { createHash } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { Secret } from '../config/secret.ts';

/** Encrypts texts with an authentication tag: an altered one cannot be opened. */
export interface Seal {
  /** Identifies the secret without revealing it. A seal opens only what a seal of the same name has closed. */
  readonly name: string;
  /** @param purpose what it is for, in plain text: it cannot be opened for another purpose. */
  close(text: Secret, purpose: string): Promise<string>;
  /** @throws when it was sealed with another secret or for another purpose, or was altered. */
  open(sealed: string, purpose: string): Promise<Secret>;
}

/** Seals with the operator's secret: a JWE (RFC 7516) with AES-256-GCM, bound to its purpose by its `kid`. */
export function createSeal(secret: Secret): Seal {
  const key = createHash('sha256').update(secret.reveal()).digest();
  const name = createHash('sha256').update('name of ').update(key).digest('hex').slice(0, 16);
  return {
    name,
    close: (text, purpose) =>
      new CompactEncrypt(new TextEncoder().encode(text.reveal()))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: purpose })
        .encrypt(key),
    async open(sealed, purpose) {
      const { plaintext, protectedHeader } = await compactDecrypt(sealed, key);
      if (protectedHeader.kid !== purpose) throw new Error('it was sealed for another purpose');
      return new Secret(new TextDecoder('utf-8', { ignoreBOM: true }).decode(plaintext));
    },
  };
}
