import { expect } from 'vitest';

/** Shorter ones are words that any text may hold by chance. */
const minSecretLength = 8;

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

/** Where in the text the secrets of at least 8 characters show, and in which form: raw, escaped, percent-encoded or base64. */
export function findSecrets(text: string, secrets: readonly string[]): readonly string[] {
  const all = readings(text);
  const long = [...new Set(secrets)].filter((secret) => secret.length >= minSecretLength);
  return long.flatMap((secret) => {
    const cores = base64Cores(secret);
    const forms = [
      ['plain', [secret]],
      ['in base64', [...cores, ...cores.map((core) => core.replaceAll('+', '-').replaceAll('/', '_'))]],
    ] as const;
    return forms
      .filter(([, needles]) => needles.some((needle) => all.some((reading) => reading.includes(needle))))
      .map(([form]) => `${secret} shows ${form} in: ${text.slice(0, 2000)}`);
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
