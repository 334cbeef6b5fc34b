import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Secret } from '../../config/secret.ts';
import type { Caller } from '../account.ts';
import type { DeleteEngagementInput } from '../input.ts';

/** How long a confirmation token starts a delete, in milliseconds. Less than `rememberedMs`: the memory still knows each valid token that was used. */
export const confirmableMs = 5 * 60_000;

/** What a token confirms. */
export interface Plans {
  /** One delete, with every argument that reaches upstream. The selection is not one of them: it only shapes the answer. */
  readonly delete: { readonly input: DeleteEngagementInput; readonly snapshot: boolean };
  /** The engagements that a dry run of a bulk delete has listed. */
  readonly bulk: { readonly dryRunId: string };
}

type Kind = keyof Plans;

/** A confirmation token, and when it expires. */
export type Confirmation = Awaited<ReturnType<Confirmations['confirm']>>;

/** Makes and opens confirmation tokens (ADR 21). */
export type Confirmations = ReturnType<typeof createConfirmations>;

/** The refusal of a delete without a token, where one is required. */
export const needsConfirmation =
  'This server deletes only what was confirmed. Send deleteEngagement or startBulkDelete with dryRun: true, and then its confirmationToken.';

/** A refusal proves nothing about earlier requests: results are kept for 10 minutes, and without Redis until a restart. */
const sentBefore = 'If you have sent it before, find out first what it deleted.';
/** The refusal of a token that may start nothing any more. */
export const expiredConfirmation = `It has expired: it is valid for 5 minutes. Make a new one with dryRun: true. ${sentBefore}`;
const unknown = `This server did not make it, or it was altered. Send it unchanged, or make a new one with dryRun: true. ${sentBefore} Servers share tokens when they have the same CONFIRMATION_SECRET.`;
const fieldOf: Readonly<Record<Kind, string>> = { delete: 'deleteEngagement', bulk: 'startBulkDelete' };
/** True for the one spelling of bytes in base64url. The last character may have bits that mean nothing. */
const isCanonical = (part: string) => Buffer.from(part, 'base64url').toString('base64url') === part;

/** Makes the confirmations of a server. @param secret that of all replicas. Without one, tokens are valid in this process only. */
export function createConfirmations({
  secret = new Secret(randomBytes(32).toString('base64url')),
  isRequired,
}: {
  readonly secret?: Secret | undefined;
  readonly isRequired: boolean;
}) {
  const seal = createSeal(secret);
  return {
    /** True when nothing is deleted without a token. */
    isRequired,
    /** Makes a token for this caller. @param expiresAtMs in milliseconds since 1970. Default: five minutes from now. */
    async confirm<K extends Kind>(
      kind: K,
      plan: Plans[K],
      { id: callerId }: Pick<Caller, 'id'>,
      expiresAtMs = Date.now() + confirmableMs,
    ) {
      const text = JSON.stringify({ callerId, nonce: randomUUID(), expiresAtMs, plan });
      const sealed = await seal.close(new Secret(text), `confirmation of ${kind}`);
      return { confirmationToken: `${kind}_${sealed}`, confirmationExpiresAt: new Date(expiresAtMs) };
    },
    /**
     * Opens a token of this caller. Returns a sentence when it confirms nothing. Never rejects. `nonce` is unique to the token. An expired
     * token may start nothing any more.
     */
    async open<K extends Kind>(
      kind: K,
      token: string,
      caller: Pick<Caller, 'id'>,
    ): Promise<{ readonly plan: Plans[K]; readonly nonce: string; readonly isExpired: boolean } | string> {
      const [ofKind = '', sealed = ''] = token.split(/_(.*)/s, 2);
      if (ofKind !== kind && Object.hasOwn(fieldOf, ofKind))
        return `It confirms a delete of ${fieldOf[ofKind as Kind]}. Send it there.`;
      if (ofKind !== kind || !sealed.split('.').every(isCanonical)) return unknown;
      try {
        const text = await seal.open(sealed, `confirmation of ${kind}`);
        const { callerId, nonce, expiresAtMs, plan } = JSON.parse(text.reveal());
        if (callerId !== caller.id) return 'It was made for another caller. Make your own with dryRun: true.';
        // JSON has made texts of the dates of a plan, which are sent as they are.
        return { plan, nonce, isExpired: expiresAtMs <= Date.now() };
      } catch {
        return unknown;
      }
    },
  };
}

/** Encrypts texts with an authentication tag: an altered one cannot be opened. */
export type Seal = ReturnType<typeof createSeal>;

/** Seals with the operator's secret: a JWE (RFC 7516) with AES-256-GCM, bound to its purpose by its `kid`. */
export function createSeal(secret: Secret) {
  const key = createHash('sha256').update(secret.reveal()).digest();
  const name = createHash('sha256').update('name of ').update(key).digest('hex').slice(0, 16);
  // Loaded for the first text: most servers seal none, and should start without this delay.
  const jose = () => import('jose');
  return {
    /** Identifies the secret without revealing it. A seal opens only what a seal of the same name has closed. */
    name,
    /** @param purpose what it is for, in plain text: it cannot be opened for another purpose. */
    async close(text: Secret, purpose: string): Promise<string> {
      const { CompactEncrypt } = await jose();
      return new CompactEncrypt(new TextEncoder().encode(text.reveal()))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: purpose })
        .encrypt(key);
    },
    /** @throws when it was sealed with another secret or for another purpose, or was altered. */
    async open(sealed: string, purpose: string): Promise<Secret> {
      const { compactDecrypt } = await jose();
      const { plaintext, protectedHeader } = await compactDecrypt(sealed, key);
      if (protectedHeader.kid !== purpose) throw new Error('it was sealed for another purpose');
      return new Secret(new TextDecoder('utf-8', { ignoreBOM: true }).decode(plaintext));
    },
  };
}
