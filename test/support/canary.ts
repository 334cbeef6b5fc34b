import { expect } from 'vitest';

/** Shorter ones are words that any text may hold by chance. */
const minSecretLength = 8;

/** Longer ones are known by their end, which in a token is its signature: patterns have a limit. */
const maxSoughtLength = 1_000;

/** What base64 makes of the secret wherever it stands in longer data, without the characters that its neighbours colour. */
function base64Cores(secret: string): readonly string[] {
  return [0, 1, 2].map((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    return bytes.toString('base64').slice(Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6));
  });
}

/** Every run of percent-encoded bytes as the text that it means; one that means none stays. */
function percentDecoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

/** The text with its JSON escapes undone, wherever they are. */
function jsonUnescaped(text: string): string {
  return text.replace(/\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/g, (escaped) => JSON.parse(`"${escaped}"`));
}

/** The text as it stands and as readers would decode it; twice, since JSON is often quoted in JSON. */
function readings(text: string): readonly string[] {
  const once = jsonUnescaped(text);
  const all = [text, once, jsonUnescaped(once)];
  return [...new Set(all.flatMap((reading) => [reading, percentDecoded(reading)]))];
}

/** How much of the text around a secret is shown. */
const shownLength = 300;

/** Matches whatever contains one of the texts: a single pass, however many they are. */
function anyOf(texts: readonly string[]): RegExp {
  return new RegExp(texts.map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|') || '(?!)');
}

/** Where in the text the secrets of at least 8 characters show, and in which form: raw, escaped, percent-encoded or base64. */
export function findSecrets(text: string, secrets: readonly string[]): readonly string[] {
  const sought = [...new Set(secrets)]
    .filter(({ length }) => length >= minSecretLength)
    .flatMap((secret) => {
      const end = secret.slice(-maxSoughtLength);
      const cores = base64Cores(end);
      const inBase64 = [...cores, ...cores.map((core) => core.replaceAll('+', '-').replaceAll('/', '_'))];
      return [
        { secret, form: 'plain', needles: [end] },
        { secret, form: 'in base64', needles: inBase64 },
      ];
    });
  const suspicious = anyOf(sought.flatMap(({ needles }) => needles));
  const suspects = readings(text).filter((reading) => suspicious.test(reading));
  return sought.flatMap(({ secret, form, needles }) => {
    const where = anyOf(needles);
    const suspect = suspects.find((reading) => where.test(reading));
    if (suspect === undefined) return [];
    const at = suspect.search(where);
    return [`${secret} shows ${form} in: ${suspect.slice(Math.max(0, at - shownLength), at + shownLength)}`];
  });
}

/**
 * Fails when the text contains any of the secrets, plain, JSON-escaped, percent-encoded, or as base64 or base64url at any
 * alignment, so as part of something encoded whole (`Bearer <secret>`) too. Secrets of fewer than 8 characters are skipped.
 */
export function expectNoSecrets(text: string, secrets: readonly string[]): void {
  const found = findSecrets(text, secrets);
  expect(found, found.join('\n')).toEqual([]);
}
