import { createHash } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { Secret } from '../config/secret.ts';

/** Keeps callers' credentials unreadable for whoever reads Redis. */
export interface Seal {
  /** Names the secret, and does not tell it: what was sealed under one name can be opened by a seal of that name only. */
  readonly name: string;
  /** @param jobId what it is for: it cannot be opened for another. */
  close(credential: Secret, jobId: string): Promise<string>;
  /** @throws when it was sealed with another secret, or for another job. */
  open(sealed: string, jobId: string): Promise<Secret>;
}

/** Seals with a secret of the operator's: a JWE (RFC 7516), AES-256 in GCM, that names what it is for. */
export function createSeal(secret: Secret): Seal {
  const key = createHash('sha256').update(secret.reveal()).digest();
  const name = createHash('sha256').update('name of ').update(key).digest('hex').slice(0, 16);
  return {
    name,
    close: (credential, jobId) =>
      new CompactEncrypt(new TextEncoder().encode(credential.reveal()))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: jobId })
        .encrypt(key),
    async open(sealed, jobId) {
      const { plaintext, protectedHeader } = await compactDecrypt(sealed, key);
      if (protectedHeader.kid !== jobId) throw new Error('it was sealed for another bulk delete');
      return new Secret(new TextDecoder('utf-8', { ignoreBOM: true }).decode(plaintext));
    },
  };
}
