import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import { createSeal } from '../src/engagement/delete/confirmation.ts';
import { expectNoSecrets } from './support/canary.ts';
import { runs } from './support/runs.ts';

const sealOf = (secret: string) => createSeal(new Secret(secret));
const usual = sealOf('a secret of the operator, of more than 32 characters');
const token = new Secret('Bearer canary-of-a-caller');
const jobId = '0e5b3cf1-0f39-4f0c-8d7e-7a1d2c9be001';

const text = fc.string({ unit: 'binary', maxLength: 100 });
const longText = fc.string({ unit: 'binary', minLength: 8, maxLength: 60 });
/** What the configuration takes: at least 32 characters. */
const secretText = fc.string({ unit: 'grapheme', minLength: 32, maxLength: 60 });
const twoDifferent = (of: fc.Arbitrary<string>) => fc.tuple(of, of).filter(([one, other]) => one !== other);

const parts = (sealed: string) => sealed.split('.');

/**
 * What a sealed text means: its header, which counts as it is written, and the bytes of the rest. The last character of these
 * may have bits to spare, which mean nothing (RFC 4648, 3.5).
 */
function meaningOf(sealed: string): readonly string[] {
  const [header = '', ...rest] = parts(sealed);
  return [header, ...rest.map((part) => Buffer.from(part, 'base64url').toString('hex'))];
}

const piecesOf = (whole: string) =>
  Array.from({ length: Math.max(0, whole.length - 7) }, (_, start) => whole.slice(start, start + 8));

describe('S01 a sealed token', () => {
  it('decrypts to the same text, for any text and any job', async () => {
    await fc.assert(
      fc.asyncProperty(text, text, secretText, async (anyToken, id, secret) => {
        // Two replicas have nothing in common but the secret.
        const sealed = await sealOf(secret).close(new Secret(anyToken), id);
        expect((await sealOf(secret).open(sealed, id)).reveal()).toBe(anyToken);
      }),
    );
  });

  it.each([
    ['is empty', ''],
    ['begins with a mark of byte order, which decoders like to swallow', '\uFEFFtoken'],
    ['has all that a header can hold', Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('')],
    ['is very long', 'x'.repeat(100_000)],
  ])('opens to the same when it %s', async (_what, odd) => {
    const opened = await usual.open(await usual.close(new Secret(odd), jobId), jobId);
    expect(opened.reveal()).toBe(odd);
  });

  it('does not open for another job', async () => {
    await fc.assert(
      fc.asyncProperty(text, twoDifferent(text), async (anyToken, [id, otherId]) => {
        const sealed = await usual.close(new Secret(anyToken), id);
        await expect(usual.open(sealed, otherId)).rejects.toThrow();
      }),
    );
  });

  it('does not open with another secret', async () => {
    await fc.assert(
      fc.asyncProperty(text, text, twoDifferent(secretText), async (anyToken, id, [secret, otherSecret]) => {
        const sealed = await sealOf(secret).close(new Secret(anyToken), id);
        await expect(sealOf(otherSecret).open(sealed, id)).rejects.toThrow();
      }),
    );
  });

  it('does not open with one character changed, wherever that is', async () => {
    const sealed = await usual.close(token, jobId);
    const characters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0é'];
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.length - 1), fc.constantFrom(...characters), async (at, character) => {
        const changed = sealed.slice(0, at) + character + sealed.slice(at + 1);
        fc.pre(meaningOf(changed).join() !== meaningOf(sealed).join());
        await expect(usual.open(changed, jobId)).rejects.toThrow();
      }),
      { numRuns: runs(1_000) },
    );
  });

  it('does not open with a character more or less at either end', async () => {
    const sealed = await usual.close(token, jobId);
    for (const changed of [`${sealed}A`, `A${sealed}`, sealed.slice(1), sealed.slice(0, -1)])
      await expect(usual.open(changed, jobId)).rejects.toThrow();
  });

  it('does not open with a part of another', async () => {
    const sealed = parts(await usual.close(token, jobId));
    const other = parts(await usual.close(new Secret('Bearer canary-of-no-caller'), 'another job'));
    for (const index of [0, 2, 3, 4])
      await expect(usual.open(sealed.with(index, other[index] ?? '').join('.'), jobId)).rejects.toThrow();
  });

  it.each(['', '....', 'a.b.c.d.e', 'Bearer canary-of-a-caller'])('is not what %j is', async (stranger) => {
    await expect(usual.open(stranger, jobId)).rejects.toThrow();
  });

  it("contains no part of the token, and only the job's id is readable", async () => {
    await fc.assert(
      fc.asyncProperty(longText, text, async (anyToken, id) => {
        const [header = '', ...rest] = parts(await usual.close(new Secret(anyToken), id));
        expectNoSecrets(rest.join('.'), piecesOf(anyToken));
        const inTheClear = JSON.parse(Buffer.from(header, 'base64url').toString());
        expect(inTheClear).toEqual({ alg: 'dir', enc: 'A256GCM', kid: id });
      }),
    );
  });

  it('looks like no other, though the token and the job are the same', async () => {
    const count = 200;
    const all = await Promise.all(Array.from({ length: count }, () => usual.close(token, jobId)));
    const drawn = all.flatMap((sealed) => parts(sealed).slice(2));
    expect(new Set(drawn).size).toBe(count * 3);
  });

  it('decrypts to a value that is never printed, and an error names no token', async () => {
    const sealed = await usual.close(token, jobId);
    expect(inspect(await usual.open(sealed, jobId), { showHidden: true })).toBe('[redacted]');
    const attempts = [usual.open(sealed, 'another job'), sealOf('another secret').open(sealed, jobId)];
    const errors = await Promise.all(attempts.map((attempt) => attempt.catch((error: unknown) => error)));
    expect(errors).toEqual([expect.any(Error), expect.any(Error)]);
    expectNoSecrets(inspect(errors, { depth: 9 }), piecesOf(token.reveal()));
  });
});
