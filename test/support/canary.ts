import { expect } from 'vitest';

/** Shorter ones also occur by chance in other text. */
const minSecretLength = 8;

/** Longer ones are searched for by their end, which is the signature of a token: patterns have a limit. */
const maxSoughtLength = 1_000;

/** The base64 of the secret at each offset in longer data, without the characters that depend on its neighbours. */
function base64Cores(secret: string): readonly string[] {
  return [0, 1, 2].map((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    return bytes.toString('base64').slice(Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6));
  });
}

/** Decodes every run of percent-encoded bytes. Invalid UTF-8 stays encoded. */
function percentDecoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

/** Decodes all JSON escapes in the text. */
function jsonUnescaped(text: string): string {
  return text.replace(/\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/g, (escaped) => JSON.parse(`"${escaped}"`));
}

/** The text plain and decoded, twice, because JSON often contains quoted JSON. */
function readings(text: string): readonly string[] {
  const once = jsonUnescaped(text);
  const all = [text, once, jsonUnescaped(once)];
  return [...new Set(all.flatMap((reading) => [reading, percentDecoded(reading)]))];
}

/** How many characters around a secret are shown. */
const shownLength = 300;

/** Matches one of the texts, in a single pass for any number of them. */
function anyOf(texts: readonly string[]): RegExp {
  return new RegExp(texts.map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|') || '(?!)');
}

/** Finds the secrets of at least 8 characters in the text, with their form: raw, escaped, percent-encoded or base64. */
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
